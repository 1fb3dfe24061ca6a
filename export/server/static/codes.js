// What a person may set of the latents, by the code's name: a list for categories, a slider for
// numbers. What is not set is drawn.

const DRAWN = "drawn";
const STEPS = 40; // of a slider from end to end

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

const written = (value) => String(Number(value.toFixed(2))).replace("-", "\u2212");

/** One field a code; `change` is called with the values of those that are set, by name. */
export class Codes {
  constructor(root, change) {
    this.root = root;
    this.change = change;
    this.known = [];
  }

  /** Makes the fields of a model, `latent.codes` of gallery.json, with these values. */
  build(codes, values) {
    this.known = codes;
    this.values = Object.fromEntries(
      codes.filter((code) => this.fits(code, values[code.name])).map(({ name }) => [name, values[name]]),
    );
    this.root.hidden = !codes.length;
    const reset = element("button", { type: "button", textContent: "Codes as drawn" });
    reset.disabled = !Object.keys(this.values).length;
    reset.addEventListener("click", () => this.change({}));
    this.root.replaceChildren(...codes.map((code) => this.field(code)), reset);
    return this.values;
  }

  fits({ kind, minimum, maximum }, value) {
    const whole = kind === "number" || Number.isInteger(value);
    return Number.isFinite(value) && whole && value >= minimum && value <= maximum;
  }

  field(code) {
    const label = element("label", { textContent: code.name });
    label.append(code.kind === "number" ? this.slider(code) : this.list(code));
    return label;
  }

  list({ name, minimum, maximum }) {
    const select = element("select", {});
    select.dataset.code = name;
    const numbers = Array.from({ length: maximum - minimum + 1 }, (_, i) => String(minimum + i));
    select.append(
      element("option", { value: "", textContent: "as drawn" }),
      ...numbers.map((value) => element("option", { value, textContent: value })),
    );
    select.value = name in this.values ? String(this.values[name]) : "";
    select.addEventListener("change", () => {
      this.set(name, select.value === "" ? null : Number(select.value));
    });
    return select;
  }

  slider({ name, minimum, maximum }) {
    const field = element("span", { className: "slider" });
    const step = (maximum - minimum) / STEPS;
    const input = element("input", { type: "range", min: minimum, max: maximum, step });
    input.dataset.code = name;
    input.value = String(this.values[name] ?? (minimum + maximum) / 2);
    const value = element("output", {
      textContent: name in this.values ? written(this.values[name]) : DRAWN,
    });
    input.addEventListener("input", () => {
      value.textContent = written(Number(input.value));
    });
    input.addEventListener("change", () => this.set(name, Number(input.value)));
    field.append(input, value);
    return field;
  }

  set(name, value) {
    const { [name]: _, ...others } = this.values;
    this.change(value === null ? others : { ...others, [name]: value });
  }
}
