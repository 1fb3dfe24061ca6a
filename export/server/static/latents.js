// Ways between latents and steps along directions, as `export/server/pages.py` computes them.

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const norm = (a) => Math.sqrt(dot(a, a));

function straight(start, end, fraction) {
  return start.map((value, i) => value + (end[i] - value) * fraction);
}

/** The unit vector perpendicular to `first` on the side of `last`. */
function perpendicular(first, last) {
  const without = (vector) => {
    const along = dot(first, vector);
    return vector.map((value, i) => value - along * first[i]);
  };
  let across = without(last);
  if (norm(across) <= 1e-5) {
    // Parallel or opposite: any perpendicular will do.
    const sizes = first.map(Math.abs);
    const least = sizes.indexOf(Math.min(...sizes));
    across = first.map((_, i) => (i === least ? 1 : 0));
  }
  across = without(across);
  const length = norm(across) || 1;
  return across.map((value) => value / length);
}

/** Spherical in direction, linear in length: keeps to lengths that a normal prior draws. */
function arc(start, end, fraction) {
  const lengths = [norm(start), norm(end)];
  if (Math.min(...lengths) === 0) {
    return straight(start, end, fraction);
  }
  const first = start.map((value) => value / lengths[0]);
  const last = end.map((value) => value / lengths[1]);
  const across = perpendicular(first, last);
  const angle = Math.atan2(dot(last, across), dot(first, last)) * fraction;
  const length = lengths[0] + (lengths[1] - lengths[0]) * fraction;
  return first.map((value, i) => (Math.cos(angle) * value + Math.sin(angle) * across[i]) * length);
}

const PATHS = { arc, straight };

/**
 * Latents from one to another, both included.
 *
 * latent: `latent` of gallery.json; its classes, the last coordinates, go straight.
 */
export function walk(start, end, frames, latent) {
  const size = start.length - latent.classes.length;
  const way = PATHS[latent.path] ?? straight;
  return Array.from({ length: frames }, (_, frame) => {
    const fraction = frame / (frames - 1);
    return [
      ...way(start.slice(0, size), end.slice(0, size), fraction),
      ...straight(start.slice(size), end.slice(size), fraction),
    ];
  });
}

/** Where a latent stands along each direction (of unit length). */
export function positions(latent, vectors) {
  return vectors.map((vector) => dot(latent, vector));
}

/** A latent moved so that it stands at `places` along the directions, which are at right angles. */
export function moved(latent, vectors, places) {
  const result = [...latent];
  vectors.forEach((vector, i) => {
    const step = places[i] - dot(latent, vector);
    vector.forEach((value, j) => {
      result[j] += step * value;
    });
  });
  return result;
}

/** Root mean square of a coordinate among latents, classes left out: the unit of the sliders. */
export function spread(latents, latent, truncation) {
  const size = latent.size - latent.classes.length;
  const values = latents.flatMap((each) => each.slice(0, size));
  const found = norm(values) / Math.sqrt(values.length) / (truncation || 1);
  return found > 0 ? found : 1;
}
