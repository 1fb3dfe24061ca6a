// What is done with chosen samples: the walk between two, and sliders on the one chosen last.

import { Sliders, latestOnly } from "./directions.js";
import { spread, walk } from "./latents.js";
import { KINDS } from "./kinds.js";
import { paint, toLevels } from "./pictures.js";
import { Player } from "./player.js";

const FRAMES = 24;
const NUMBERS_AT_ONCE = 400_000; // of an answer: long walks of large pictures are asked for in parts

/** How many numbers a row of an input or output of gallery.json has. */
export function numbersOf({ shape }) {
  return shape.reduce((product, side) => product * side, 1);
}

const find = (id) => document.getElementById(id);

/** Both tools; for images and points, whose model units the page can turn into the user's. */
export class Tools {
  constructor(api, { places, fail }) {
    this.api = api;
    this.fail = fail;
    this.frames = FRAMES;
    this.player = new Player({
      canvas: find("walk-canvas"),
      position: find("walk-position"),
      play: find("walk-play"),
      strip: find("walk-strip"),
    });
    this.update = latestOnly(() => this.change().catch(fail));
    this.sliders = new Sliders(find("sliders"), () => {
      places(this.sliders.places);
      this.update();
    });
    find("reset").addEventListener("click", () => {
      this.sliders.place(this.latent, this.unit);
      places(null);
      this.update();
    });
  }

  /** Prepares for a model. */
  open(info, kind, view) {
    Object.assign(this, { info, kind, view });
    this.asking?.abort();
    this.player.stop();
    const { levels, scale, mean } = info.units;
    this.pictured = Boolean(KINDS[kind].picture);
    this.drawn = info.inputs.filter(({ role }) => role !== "observation");
    const moves = this.drawn.some(({ name }) => name === "z");
    const known = this.pictured ? levels === true : kind === "scatter" && scale && mean;
    const possible = known && moves;
    find("tools").hidden = !possible;
    this.directed = Boolean(possible && info.directions?.vectors.length);
    find("directions").hidden = !this.directed;
    find("directions-pair").hidden = find("walk-body").hidden = !this.pictured;
    this.word = this.pictured ? "picture" : "point";
    find("directions-hint").textContent = `Choose a ${this.word} to change it.`;
    find("walk-download").hidden = ![1, 3, 4].includes(info.output.shape.at(-1));
    if (this.directed) {
      this.sliders.build(info.directions);
    }
  }

  /** Shows what belongs to the samples that are chosen; null for none. */
  async use(rows, { from, to, truncation, places, model, observations }) {
    this.asking?.abort();
    this.asking = new AbortController();
    Object.assign(this, { model, observations });
    const samples = rows.flatMap((row) => row.samples);
    const all = ({ name }) => rows.flatMap(({ outputs }) => outputs[name === "z" ? "latents" : name]);
    const inputs = Object.fromEntries(this.drawn.map((each) => [each.name, all(each)]));
    this.player.stop();
    find("walk-body").hidden = !this.pictured || to === null;
    find("walk-hint").textContent = this.hint(from, to);
    find("directions-body").hidden = from === null;
    find("directions-hint").hidden = from !== null;
    if (find("tools").hidden) {
      return;
    }
    this.view.trace?.([], null);
    if (from !== null && this.directed) {
      this.select(to ?? from, samples, inputs, truncation, places);
    }
    if (to !== null) {
      await this.walk(from, to, inputs);
    }
  }

  hint(from, to) {
    if (from === null) {
      return `Choose two ${this.word}s to walk from one to the other.`;
    }
    return to === null
      ? `Choose another ${this.word} to walk there from ${this.word} ${from + 1}.`
      : `From ${this.word} ${from + 1} to ${this.word} ${to + 1}.`;
  }

  /** How an input goes from one sample to another; `latent` of `walk`. */
  pathOf(name) {
    const apart = this.drawn.some(({ role }) => role === "label");
    const { path, classes } = this.info.latent;
    return name === "z" ? { path, classes: apart ? [] : classes } : { path: "straight", classes: [] };
  }

  select(index, samples, inputs, truncation, places) {
    this.chosen = Object.fromEntries(Object.entries(inputs).map(([name, rows]) => [name, rows[index]]));
    this.latent = this.chosen.z;
    const size = this.latent.length;
    this.unit = spread(inputs.z, { size, ...this.pathOf("z") }, truncation);
    this.sliders.place(this.latent, this.unit, places);
    if (this.pictured) {
      paint(find("before"), samples[index]);
      paint(find("after"), samples[index]);
    }
    if (places) {
      this.update();
    }
  }

  async walk(from, to, inputs) {
    const { signal } = this.asking;
    const way = Object.fromEntries(
      Object.entries(inputs).map(([name, rows]) => {
        return [name, walk(rows[from], rows[to], FRAMES, this.pathOf(name))];
      }),
    );
    const frames = await this.generate(way, signal);
    if (signal.aborted) {
      return;
    }
    if (this.pictured) {
      this.player.load(frames, `Walk from picture ${from + 1} to picture ${to + 1}`);
    } else {
      this.view.trace(frames, undefined);
    }
  }

  async change() {
    const { signal } = this.asking;
    const one = Object.entries({ ...this.chosen, z: this.sliders.changed });
    const inputs = Object.fromEntries(one.map(([name, row]) => [name, [row]]));
    const [sample] = await this.generate(inputs, signal);
    if (signal.aborted) {
      return;
    }
    if (this.pictured) {
      paint(find("after"), sample);
    } else {
      this.view.trace(null, sample);
    }
  }

  /** Samples of inputs by name in the user's units, asked for in parts of a bearable size. */
  async generate(inputs, signal) {
    const size = [this.info.output, ...this.info.inputs].reduce((sum, each) => sum + numbersOf(each), 0);
    const part = Math.max(1, Math.floor(NUMBERS_AT_ONCE / size));
    const found = [];
    for (let first = 0; first < inputs.z.length; first += part) {
      const cut = Object.entries(inputs).map(([name, rows]) => [name, rows.slice(first, first + part)]);
      const [rows, { observations }] = [Object.fromEntries(cut), this];
      const options = { observations, count: rows.z.length, signal };
      found.push(...(await this.api.predict(this.model, "serving_default", rows, options)));
    }
    return found.map((sample) => this.toUser(sample));
  }

  toUser(sample) {
    const { levels, scale, mean } = this.info.units;
    return levels ? KINDS[this.kind].picture(toLevels(sample)) : sample.map((value, i) => value * scale[i] + mean[i]);
  }
}
