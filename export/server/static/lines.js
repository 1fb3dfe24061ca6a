// Samples of more than two dimensions: a line a sample through parallel axes (Inselberg, 1985).

import { Plot, digits, range } from "./plot.js";
import { columnsOf } from "./sheet.js";

const EDGE = { left: 28, right: 28, top: 26, bottom: 40 };
const LABEL_WIDTH = 52; // pixels that the labels of an axis need

/** Every axis has its own range, written at its ends. */
export class Lines extends Plot {
  constructor(root) {
    super(root, "Parallel coordinates");
  }

  draw() {
    const { context, width, height, colour, toneOf } = this.prepare();
    if (!this.rows.length || !width) {
      return;
    }
    const columns = columnsOf(this.info, this.rows);
    const ranges = columns.map((_, i) => range(this.samples.map((sample) => sample[i]), 0));
    const gap = (width - EDGE.left - EDGE.right) / Math.max(1, columns.length - 1);
    const inner = height - EDGE.top - EDGE.bottom;
    const toX = (axis) => EDGE.left + axis * gap;
    const toY = (axis, value) => {
      const [least, most] = ranges[axis];
      return EDGE.top + inner * (1 - (value - least) / (most - least));
    };
    context.strokeStyle = colour("line");
    context.fillStyle = colour("text");
    context.textAlign = "center";
    const every = Math.ceil(LABEL_WIDTH / gap); // labels that would overlap are left out
    columns.forEach((column, axis) => {
      context.beginPath();
      context.moveTo(toX(axis), EDGE.top);
      context.lineTo(toX(axis), EDGE.top + inner);
      context.stroke();
      if (axis % every === 0) {
        context.fillText(digits(ranges[axis][1]), toX(axis), EDGE.top - 8);
        context.fillText(digits(ranges[axis][0]), toX(axis), EDGE.top + inner + 16);
        context.fillText(column.name, toX(axis), height - 6);
      }
    });
    context.globalAlpha = Math.min(0.8, Math.max(0.08, 30 / this.samples.length));
    this.samples.forEach((sample, index) => {
      context.strokeStyle = toneOf(this.classes[index]);
      context.beginPath();
      sample.forEach((value, axis) => value !== null && context.lineTo(toX(axis), toY(axis, value)));
      context.stroke();
    });
    context.globalAlpha = 1;
  }
}
