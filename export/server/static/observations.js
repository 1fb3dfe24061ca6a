// What a model must be given: a field for each observation, for pictures or for numbers.

import { numbersOf } from "./tools.js";

/** A file as requests carry it. */
export function encoded(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve({ b64: reader.result.split(",")[1] }));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

/** Small pictures of files. */
export function thumbnails(files) {
  return [...files].map((file) => {
    const image = element("img", { alt: file.name, src: URL.createObjectURL(file) });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    return image;
  });
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

/** One field an observation; `change` is called when all of them have been given. */
export class Observations {
  constructor(root, change) {
    this.root = root;
    this.change = change;
    this.wanted = [];
    this.given = {};
  }

  /** Makes the fields of a model: `inputs` of gallery.json. */
  build(inputs) {
    this.wanted = inputs.filter(({ role }) => role === "observation");
    this.given = {};
    this.root.hidden = !this.wanted.length;
    this.root.replaceChildren(...this.wanted.map((each) => this.field(each)));
  }

  field(each) {
    const size = numbersOf(each);
    const counts = each.pictures.join(" or ");
    const hint = counts
      ? `${counts} ${counts === "1" ? "picture" : "pictures, in order"}`
      : `${size} ${size === 1 ? "number" : "numbers"}`;
    const label = element("label", { textContent: `${each.name}: ${hint}` });
    const input = counts
      ? element("input", { type: "file", accept: "image/*", multiple: counts !== "1" })
      : element("input", { type: "text", placeholder: "0.5, -1, \u2026" });
    input.dataset.name = each.name;
    const shown = element("span", { className: "thumbnails" });
    label.append(input, shown);
    input.addEventListener("change", async () => {
      input.setCustomValidity("");
      delete this.given[each.name];
      const value = counts ? await this.pictures(input, each, shown) : this.numbers(input, size);
      if (value === null) {
        input.setCustomValidity(`Expected ${hint}.`);
        input.reportValidity();
        return;
      }
      this.given[each.name] = value;
      if (!this.missing.length) {
        this.change();
      }
    });
    return label;
  }

  async pictures(input, each, shown) {
    const files = [...input.files];
    shown.replaceChildren(...thumbnails(files));
    return each.pictures.includes(files.length) ? Promise.all(files.map(encoded)) : null;
  }

  numbers(input, size) {
    const values = input.value.split(/[\s,;]+/).filter(Boolean).map(Number);
    return values.length === size && values.every(Number.isFinite) ? values : null;
  }

  /** Names of those that have not been given. */
  get missing() {
    return this.wanted.map(({ name }) => name).filter((name) => !(name in this.given));
  }

  /** All of them, as requests carry them; null where the model takes none. */
  get value() {
    return this.wanted.length ? this.given : null;
  }
}
