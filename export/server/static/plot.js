// What plots share: a sharp canvas that follows its width and the colours of the page, axes.

import { Sheet } from "./sheet.js";

const TONES = 10;

/** Round numbers that divide a range into about `count` steps. */
export function ticks(least, most, count) {
  const rough = (most - least) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const first = Math.ceil(least / step);
  const last = Math.floor(most / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** A number with as many digits as a person reads. */
export function digits(value) {
  return String(Number(value.toPrecision(4))).replace("-", "\u2212");
}

/** The smallest range that holds all numbers, with a margin; never empty. */
export function range(values, margin = 0.05) {
  const finite = values.filter(Number.isFinite);
  let [least, most] = [Infinity, -Infinity];
  for (const value of finite) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  if (!finite.length) {
    [least, most] = [0, 1];
  }
  const pad = most > least ? (most - least) * margin : Math.abs(most) * 0.05 || 1;
  return [least - pad, most + pad];
}

/** A canvas that is drawn again when its width or the colours change; numbers below it. */
export class Plot {
  constructor(root, label) {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "plot";
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.label = label;
    this.legend = document.createElement("p");
    this.legend.className = "legend";
    this.value = document.createElement("output");
    this.value.className = "value";
    const numbers = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = "Show the numbers";
    numbers.append(summary);
    this.sheet = new Sheet(numbers);
    root.append(this.canvas, this.value, this.legend, numbers);
    this.rows = [];
    this.drawLater = () => {
      cancelAnimationFrame(this.waiting);
      this.waiting = requestAnimationFrame(() => this.draw());
    };
    new ResizeObserver(this.drawLater).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.drawLater);
  }

  show(rows, info) {
    this.rows = rows;
    this.info = info;
    this.samples = rows.flatMap((row) => row.samples);
    this.classes = rows.flatMap((row, tone) => row.samples.map(() => tone));
    this.value.textContent = "";
    this.canvas.setAttribute("aria-label", `${this.label} of ${this.samples.length} samples`);
    this.sheet.show(rows, info);
    this.legend.replaceChildren(...(rows[0].titled ? rows.map(this.key, this) : []));
    this.drawLater();
  }

  key(row, tone) {
    const entry = document.createElement("span");
    entry.className = `key-entry tone-${tone % TONES}`;
    entry.textContent = row.name;
    return entry;
  }

  /** Prepares the canvas for drawing in CSS pixels: its context, its size, its colours. */
  prepare() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const sharp = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * sharp);
    this.canvas.height = Math.round(height * sharp);
    const context = this.canvas.getContext("2d");
    context.scale(sharp, sharp);
    const style = getComputedStyle(this.canvas);
    context.font = `12px ${style.fontFamily}`;
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const tones = Array.from({ length: TONES }, (_, tone) => colour(`tone-${tone}`));
    return { context, width, height, colour, toneOf: (tone) => tones[tone % TONES] };
  }

  draw() {}

  mark() {}
}
