// The way between two real pictures: given as files, read by the model's encoder, played as a GIF.

import { encoded, thumbnails } from "./observations.js";

const find = (id) => document.getElementById(id);
const ENDS = ["between-from", "between-to"];

/** Two files and what lies between them. */
export class Between {
  /**
   * api: of the server.
   * address: () => the model's address.
   */
  constructor(api, { address, fail, tell }) {
    Object.assign(this, { api, address, tell });
    for (const id of [...ENDS, "class"]) {
      find(id).addEventListener("change", () => this.draw().catch(fail));
    }
    find("between-download").addEventListener("click", () => this.save());
  }

  /** Shows the fields where a model of pictures has an encoder and observes nothing. */
  open(info) {
    this.info = info;
    this.asking?.abort();
    const pictured = info.kind === "image" && [1, 3, 4].includes(info.output.shape.at(-1));
    const observes = info.inputs.some(({ role }) => role === "observation");
    find("between").hidden = !(info.encoder && pictured && !observes);
    find("between-body").hidden = true;
    for (const id of ENDS) {
      find(id).value = "";
      find(`${id}-shown`).replaceChildren();
    }
  }

  /** Asks for the way once both pictures are there. */
  async draw() {
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    const files = ENDS.flatMap((id) => [...find(id).files]);
    for (const id of ENDS) {
      find(`${id}-shown`).replaceChildren(...thumbnails(find(id).files));
    }
    if (files.length < ENDS.length) {
      return;
    }
    const classes = this.info.latent.classes;
    const chosen = find("class").value;
    if (classes.length && !classes.includes(chosen)) {
      this.tell("Choose a class above: a picture does not say its own.");
      return;
    }
    const body = { pictures: await Promise.all(files.map(encoded)) };
    const query = new URLSearchParams({ frames: 24, ...(classes.length ? { class: chosen } : {}) });
    const answer = await this.api.fetch(`${this.address()}/between.gif?${query}`, { body, signal });
    this.blob = await answer.blob();
    const image = find("between-picture");
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(this.blob);
    find("between-body").hidden = false;
  }

  save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(this.blob);
    link.download = `${this.info.name}-between.gif`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}
