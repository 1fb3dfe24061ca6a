// Two-dimensional samples as points, both axes in the same scale and in the units of the data.

import { Plot, digits, range, ticks } from "./plot.js";
import { columnsOf, shown } from "./sheet.js";

const EDGE = { left: 56, right: 12, top: 12, bottom: 44 };
const NEAR = 24; // pixels from a point within which a pointer means it
const TICK_EVERY = 70; // pixels
const HINT = "Point at a sample, or move with the arrow keys, to read its values.";

/** A scatter plot; hovering or arrow keys tell a point's values, a click or Enter chooses it. */
export class Scatter extends Plot {
  constructor(root, choose) {
    super(root, "Scatter plot");
    this.choose = choose;
    this.at = null;
    this.marked = [];
    this.path = [];
    this.canvas.setAttribute("aria-roledescription", "scatter plot; arrow keys go from point to point");
    this.canvas.addEventListener("pointermove", (event) => this.point(this.nearest(event)));
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("click", (event) => this.chosen(this.nearest(event)));
    this.canvas.addEventListener("keydown", (event) => this.key_(event));
  }

  show(rows, info) {
    super.show(rows, info);
    this.columns = columnsOf(info, rows);
    this.order = [...this.samples.keys()].sort((a, b) => this.samples[a][0] - this.samples[b][0]);
    this.at = null;
    this.path = [];
    this.changed = null;
    this.value.textContent = HINT;
  }

  mark(from, to) {
    this.marked = [from, to];
    this.drawLater();
  }

  /** Draws a way through points, and where the changed point is; either may be missing. */
  trace(path, changed) {
    this.path = path ?? this.path;
    this.changed = changed === undefined ? this.changed : changed;
    this.drawLater();
  }

  point(index) {
    if (index === this.at) {
      return;
    }
    this.at = index;
    this.value.textContent = index === null ? HINT : this.text(index);
    this.drawLater();
  }

  text(index) {
    const values = this.columns.map((column, i) => `${column.name} = ${shown(column, this.samples[index][i])}`);
    const row = this.rows[this.classes[index]];
    return [`Point ${index + 1}`, ...(row.name === null ? [] : [`class ${row.name}`]), ...values].join(", ");
  }

  chosen(index) {
    if (index !== null) {
      this.choose(index);
    }
  }

  key_(event) {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const here = this.at === null ? (step > 0 ? -1 : this.order.length) : this.order.indexOf(this.at);
      this.point(this.order[Math.min(this.order.length - 1, Math.max(0, here + step))]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.chosen(this.at);
    }
  }

  nearest(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [null, NEAR];
    this.samples.forEach((sample, index) => {
      const away = Math.hypot(this.toX(sample[0]) - x, this.toY(sample[1]) - y);
      if (away < least) {
        [best, least] = [index, away];
      }
    });
    return best;
  }

  /** The same number of pixels a unit on both axes, so that a circle looks like one. */
  scale(width, height) {
    const inner = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
    const ranges = [0, 1].map((axis) => range(this.samples.map((sample) => sample[axis])));
    const unit = Math.min(...ranges.map(([least, most], i) => inner[i] / (most - least)));
    const middles = ranges.map(([least, most]) => (least + most) / 2);
    this.ends = middles.map((middle, i) => [middle - inner[i] / unit / 2, middle + inner[i] / unit / 2]);
    this.toX = (value) => EDGE.left + (value - this.ends[0][0]) * unit;
    this.toY = (value) => EDGE.top + inner[1] - (value - this.ends[1][0]) * unit;
    return inner;
  }

  draw() {
    const tools = this.prepare();
    if (!this.rows.length || !tools.width) {
      return;
    }
    this.axes(tools, this.scale(tools.width, tools.height));
    const { context, toneOf, colour } = tools;
    context.globalAlpha = 0.75;
    this.samples.forEach((sample, index) => {
      context.fillStyle = toneOf(this.classes[index]);
      this.dot(context, sample, 3);
      context.fill();
    });
    context.globalAlpha = 1;
    this.marks(context, colour);
  }

  dot(context, [x, y], radius) {
    context.beginPath();
    context.arc(this.toX(x), this.toY(y), radius, 0, 2 * Math.PI);
  }

  marks(context, colour) {
    context.strokeStyle = colour("strong");
    context.fillStyle = colour("strong");
    context.lineWidth = 2;
    context.beginPath();
    this.path.forEach(([x, y]) => context.lineTo(this.toX(x), this.toY(y)));
    context.stroke();
    context.font = context.font.replace("12px", "bold 14px");
    this.marked.forEach((index, i) => {
      const sample = this.samples[index];
      if (sample) {
        this.dot(context, sample, 6);
        context.stroke();
        context.fillText("AB"[i], this.toX(sample[0]) + 9, this.toY(sample[1]) - 7);
      }
    });
    if (this.changed) {
      this.dot(context, this.changed, 6);
      context.fill();
    }
    if (this.at !== null) {
      context.strokeStyle = colour("text");
      this.dot(context, this.samples[this.at], 7);
      context.stroke();
    }
  }

  axes({ context, width, height, colour }, [across, up]) {
    context.strokeStyle = colour("line");
    context.fillStyle = colour("faint");
    context.lineWidth = 1;
    const line = (...points) => {
      context.beginPath();
      points.forEach(([x, y]) => context.lineTo(Math.round(x) + 0.5, Math.round(y) + 0.5));
      context.stroke();
    };
    context.textAlign = "center";
    for (const value of ticks(...this.ends[0], across / TICK_EVERY)) {
      line([this.toX(value), EDGE.top], [this.toX(value), EDGE.top + up]);
      context.fillText(digits(value), this.toX(value), EDGE.top + up + 16);
    }
    context.textAlign = "right";
    for (const value of ticks(...this.ends[1], up / TICK_EVERY)) {
      line([EDGE.left, this.toY(value)], [width - EDGE.right, this.toY(value)]);
      context.fillText(digits(value), EDGE.left - 6, this.toY(value) + 4);
    }
    context.fillStyle = colour("text");
    context.textAlign = "center";
    context.fillText(`${this.columns[0].name} (units of the data)`, EDGE.left + across / 2, height - 8);
    context.save();
    context.translate(12, EDGE.top + up / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(`${this.columns[1].name} (units of the data)`, 0, 0);
    context.restore();
    context.textAlign = "left";
  }
}
