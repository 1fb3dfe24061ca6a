// What is done with chosen samples: the walk between two, and sliders on the one chosen last.

import { Sliders, latestOnly } from "./directions.js";
import { spread, walk } from "./latents.js";
import { paint, toLevels } from "./pictures.js";
import { Player } from "./player.js";

const FRAMES = 24;
const NUMBERS_AT_ONCE = 400_000; // of an answer: long walks of large pictures are asked for in parts

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
    const possible = kind === "image" ? levels === true : kind === "scatter" && scale && mean;
    find("tools").hidden = !possible;
    this.directed = Boolean(possible && info.directions?.vectors.length);
    find("directions").hidden = !this.directed;
    find("directions-pair").hidden = find("walk-body").hidden = kind !== "image";
    this.word = kind === "image" ? "picture" : "point";
    find("directions-hint").textContent = `Choose a ${this.word} to change it.`;
    find("walk-download").hidden = ![1, 3, 4].includes(info.output.shape[2]);
    if (this.directed) {
      this.sliders.build(info.directions);
    }
  }

  /** Shows what belongs to the samples that are chosen; null for none. */
  async use(rows, { from, to, truncation, places, model }) {
    this.asking?.abort();
    this.asking = new AbortController();
    this.model = model;
    const samples = rows.flatMap((row) => row.samples);
    const latents = rows.flatMap((row) => row.latents);
    this.player.stop();
    find("walk-body").hidden = this.kind !== "image" || to === null;
    find("walk-hint").textContent = this.hint(from, to);
    find("directions-body").hidden = from === null;
    find("directions-hint").hidden = from !== null;
    if (find("tools").hidden) {
      return;
    }
    this.view.trace?.([], null);
    if (from !== null && this.directed) {
      this.select(to ?? from, samples, latents, truncation, places);
    }
    if (to !== null) {
      await this.walk(from, to, latents);
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

  select(index, samples, latents, truncation, places) {
    this.latent = latents[index];
    this.unit = spread(latents, this.info.latent, truncation);
    this.sliders.place(this.latent, this.unit, places);
    if (this.kind === "image") {
      paint(find("before"), samples[index]);
      paint(find("after"), samples[index]);
    }
    if (places) {
      this.update();
    }
  }

  async walk(from, to, latents) {
    const { signal } = this.asking;
    const way = walk(latents[from], latents[to], FRAMES, this.info.latent);
    const frames = await this.generate(way, signal);
    if (signal.aborted) {
      return;
    }
    if (this.kind === "image") {
      this.player.load(frames, `Walk from picture ${from + 1} to picture ${to + 1}`);
    } else {
      this.view.trace(frames, undefined);
    }
  }

  async change() {
    const { signal } = this.asking;
    const [sample] = await this.generate([this.sliders.changed], signal);
    if (signal.aborted) {
      return;
    }
    if (this.kind === "image") {
      paint(find("after"), sample);
    } else {
      this.view.trace(null, sample);
    }
  }

  /** Samples of latents in the user's units, asked for in parts of a bearable size. */
  async generate(latents, signal) {
    const size = this.info.output.shape.reduce((product, side) => product * side, 1);
    const part = Math.max(1, Math.floor(NUMBERS_AT_ONCE / size));
    const found = [];
    for (let first = 0; first < latents.length; first += part) {
      const z = latents.slice(first, first + part);
      found.push(...(await this.api.predict(this.model, "serving_default", { z }, signal)));
    }
    return found.map((sample) => this.toUser(sample));
  }

  toUser(sample) {
    const { levels, scale, mean } = this.info.units;
    return levels ? toLevels(sample) : sample.map((value, i) => value * scale[i] + mean[i]);
  }
}
