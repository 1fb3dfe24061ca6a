// Images as the server gives them, on canvases; and the grid of them, from which two are chosen.

const SMOOTH_FROM = 96; // pixels of a side from which on enlarging blurs rather than shows pixels

/** Model units, -1 to 1, as levels: what `sample` gives. */
export function toLevels(values) {
  return Array.isArray(values)
    ? values.map(toLevels)
    : Math.min(255, Math.max(0, Math.round((values + 1) * 127.5)));
}

/** A clip `[frames][height][width][channels]` as one picture, frame beside frame. */
export function sideBySide(clip) {
  return clip[0].map((_, row) => clip.flatMap((frame) => frame[row]));
}

/** Paints levels `[height][width][1, 3 or 4 channels]` on a canvas of that size. */
export function paint(canvas, levels) {
  const [height, width] = [levels.length, levels[0].length];
  canvas.width = width;
  canvas.height = height;
  canvas.classList.toggle("pixels", Math.max(height, width) < SMOOTH_FROM);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  levels.flat().forEach((pixel, place) => {
    const grey = pixel.length < 3;
    const [red, green, blue] = grey ? [pixel[0], pixel[0], pixel[0]] : pixel;
    image.data.set([red, green, blue, pixel[3] ?? 255], place * 4);
  });
  context.putImageData(image, 0, 0);
}

/** A grid of pictures; arrow keys move in it, Enter, Space or a click chooses. */
export class Grid {
  constructor(root, choose) {
    this.choose = choose;
    this.buttons = [];
    this.labels = [];
    this.root = document.createElement("div");
    this.root.className = "grids";
    this.root.addEventListener("keydown", (event) => this.move(event));
    root.append(this.root);
  }

  show(rows) {
    const total = rows.reduce((sum, row) => sum + row.samples.length, 0);
    const count = rows[0].samples.length;
    this.columns = rows.length > 1 ? count : Math.ceil(Math.sqrt(count));
    this.buttons = [];
    this.labels = [];
    const grids = rows.map((row) => this.row(row, total));
    this.root.replaceChildren(...grids);
    this.root.classList.toggle("many", rows.length > 1);
    this.root.style.setProperty("--columns", this.columns);
    this.root.style.setProperty("--columns-narrow", Math.min(this.columns, 8));
    this.root.style.setProperty("--width", rows[0].samples[0][0].length);
    const longest = Math.max(...rows.map((row) => (row.name ?? "").length));
    this.root.style.setProperty("--title", Math.min(12, longest + 1));
    this.focusable(0);
  }

  row(row, total) {
    const line = document.createElement("div");
    line.className = "row";
    line.setAttribute("role", "group");
    line.setAttribute("aria-label", row.name === null ? "Pictures" : `Class ${row.name}`);
    if (row.titled) {
      const title = document.createElement("span");
      title.className = "row-title";
      title.textContent = row.name;
      line.append(title);
    }
    const grid = document.createElement("div");
    grid.className = "grid";
    grid.append(...row.samples.map((levels) => this.button(levels, row, total)));
    line.append(grid);
    return line;
  }

  button(levels, row, total) {
    const index = this.buttons.length;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "tile";
    button.tabIndex = -1;
    const canvas = document.createElement("canvas");
    canvas.className = "picture";
    paint(canvas, levels);
    button.append(canvas);
    button.addEventListener("click", () => {
      this.focusable(index);
      this.choose(index);
    });
    this.buttons.push(button);
    const of = row.name === null ? "" : `, class ${row.name}`;
    this.labels.push(`Picture ${index + 1} of ${total}${of}`);
    return button;
  }

  /** Shows which pictures a walk starts and ends at; null for none. */
  mark(from, to) {
    this.buttons.forEach((button, index) => {
      const [letter, role] =
        { [from]: ["A", ", start of the walk"], [to]: ["B", ", end of the walk"] }[index] ?? [];
      button.setAttribute("aria-pressed", String(letter !== undefined));
      button.setAttribute("aria-label", this.labels[index] + (role ?? ""));
      button.dataset.mark = letter ?? "";
    });
  }

  focusable(index) {
    this.buttons.forEach((button, place) => {
      button.tabIndex = place === index ? 0 : -1;
    });
  }

  move(event) {
    const here = this.buttons.indexOf(event.target.closest(".tile"));
    const columns = getComputedStyle(this.buttons[0].parentElement).gridTemplateColumns;
    const width = columns.split(" ").length;
    const last = this.buttons.length - 1;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width };
    const ends = { Home: -last, End: last };
    const step = steps[event.key] ?? ends[event.key];
    if (step === undefined || here < 0) {
      return;
    }
    event.preventDefault();
    const there = here + step;
    const inside = event.key in ends ? Math.min(last, Math.max(0, there)) : there;
    if (inside >= 0 && inside <= last) {
      this.focusable(inside);
      this.buttons[inside].focus();
    }
  }
}
