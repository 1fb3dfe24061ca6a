// Sliders over the directions of the latent space along which the generator changes most.

import { moved, positions } from "./latents.js";

const REACH = 3; // of a slider to both sides, in the unit of the latents
const STEP = 0.05;

/**
 * A slider a direction. Where a slider stands is where the latent stands along its direction, so
 * that no picture is moved further out than latents are drawn.
 */
export class Sliders {
  constructor(root, change) {
    this.root = root;
    this.change = change;
    this.rows = [];
  }

  /** Makes the sliders of a model: `directions` of gallery.json. */
  build({ vectors, spread }) {
    this.vectors = vectors;
    const largest = Math.max(...spread);
    this.rows = vectors.map((_, index) => this.row(index, spread[index] / (largest || 1)));
    this.root.replaceChildren(...this.rows.map((row) => row.label));
  }

  row(index, share) {
    const label = document.createElement("label");
    const name = document.createElement("span");
    name.textContent = `Direction ${index + 1}`;
    const input = document.createElement("input");
    Object.assign(input, { type: "range", step: String(STEP) });
    const value = document.createElement("output");
    const meter = document.createElement("span");
    meter.className = "meter";
    meter.setAttribute("aria-hidden", "true");
    meter.title = "How much it changes samples, next to the first";
    meter.style.setProperty("--share", share);
    label.append(name, input, value, meter);
    input.addEventListener("input", () => {
      this.tell(index);
      this.change();
    });
    return { label, input, value };
  }

  tell(index) {
    const { input, value } = this.rows[index];
    value.textContent = Number(input.value).toFixed(1).replace("-", "\u2212");
  }

  /** Sets the sliders to where a latent stands, or to `places`; `unit` is that of the latents. */
  place(latent, unit, places = null) {
    this.latent = latent;
    this.unit = unit;
    this.own = positions(latent, this.vectors).map((value) => value / unit);
    this.rows.forEach(({ input }, index) => {
      const reach = Math.max(REACH, Math.ceil(Math.abs(this.own[index])));
      input.min = String(-reach);
      input.max = String(reach);
      input.value = String(places?.[index] ?? this.own[index]);
      this.tell(index);
    });
  }

  /** Where the sliders stand, or null where none was moved. */
  get places() {
    const values = this.rows.map(({ input }) => Number(input.value));
    // A slider rounds to its steps: one that stands there has not been moved.
    const still = values.every((value, i) => Math.abs(value - this.own[i]) <= STEP / 2 + 1e-9);
    return still ? null : values;
  }

  /** The latent that the sliders say; directions that were not moved keep their exact place. */
  get changed() {
    const values = this.rows.map(({ input }) => Number(input.value));
    const places = values.map((value, i) => {
      const same = Math.abs(value - this.own[i]) <= STEP / 2 + 1e-9;
      return (same ? this.own[i] : value) * this.unit;
    });
    return moved(this.latent, this.vectors, places);
  }
}

/** Runs `work` at once, and once more after it if it was asked for meanwhile: never two at a time. */
export function latestOnly(work) {
  let running = false;
  let again = false;
  return async function run() {
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      do {
        again = false;
        await work();
      } while (again);
    } finally {
      running = false;
    }
  };
}
