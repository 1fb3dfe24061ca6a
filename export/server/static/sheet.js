// Samples as numbers: the sheet of a table, and that of any other vectors.

/** Columns of a table as the model describes them; of vectors `x0`, `x1` and so on. */
export function columnsOf(info, rows) {
  if (info.columns) {
    return info.columns;
  }
  return Array.from({ length: rows[0].samples[0].length }, (_, i) => ({
    name: `x${i}`,
    kind: "numeric",
  }));
}

/** A value as a person reads it; the CSV holds all digits. */
export function shown(column, value) {
  if (value === null || value === undefined) {
    return "";
  }
  if (column.kind === "categorical") {
    return String(column.categories[Math.round(value)] ?? value);
  }
  if (typeof value !== "number") {
    return String(value);
  }
  if (column.form) {
    return written[column.form.kind](column, value);
  }
  if (column.integer) {
    return String(Math.round(value));
  }
  return Number.isInteger(column.decimals) && column.decimals >= 0
    ? value.toFixed(Math.min(column.decimals, 12))
    : String(Number(value.toPrecision(5)));
}

const SECONDS = { D: 86400, m: 60, s: 1, us: 1e-6 };
const MONTHS =
  "January February March April May June July August September October November December".split(" ");

/** Numbers and dates in the form of the table's file. */
const written = {
  number(column, value) {
    const form = column.form;
    const places = Math.min(form.places ?? column.decimals ?? 6, 12);
    let text = Math.abs(value).toFixed(places);
    const negative = value < 0 && /[1-9]/.test(text);
    if (form.places === null && text.includes(".")) {
      text = text.replace(/\.?0+$/, "");
    }
    const [whole, rest] = text.split(".");
    const grouped = form.thousands ? whole.replace(/\B(?=(\d{3})+$)/g, form.thousands) : whole;
    text = form.before + grouped + (rest ? form.decimal + rest : "") + form.after;
    if (negative && form.brackets) {
      return `(${text})`;
    }
    return (negative ? "-" : form.plus ? "+" : "") + text;
  },
  date(column, value) {
    const form = column.form;
    const start = Date.parse(`${form.origin.slice(0, 23)}Z`);
    const date = new Date(start + Math.round(value) * SECONDS[form.unit] * 1000);
    const padded = (number, width = 2) => String(number).padStart(width, "0");
    const parts = {
      Y: padded(date.getUTCFullYear(), 4),
      y: padded(date.getUTCFullYear() % 100),
      m: padded(date.getUTCMonth() + 1),
      d: padded(date.getUTCDate()),
      b: MONTHS[date.getUTCMonth()].slice(0, 3),
      B: MONTHS[date.getUTCMonth()],
      H: padded(date.getUTCHours()),
      I: padded(date.getUTCHours() % 12 || 12),
      M: padded(date.getUTCMinutes()),
      S: padded(date.getUTCSeconds()),
      f: padded(date.getUTCMilliseconds() * 1000, 6),
      p: date.getUTCHours() < 12 ? "AM" : "PM",
    };
    return form.pattern.replace(/%(-?)([A-Za-z])/g, (_, short, letter) =>
      short ? String(Number(parts[letter])) : (parts[letter] ?? ""),
    );
  },
};

/** What a column that is not learnt says in a row. */
function fixed(column, number) {
  if (column.kind === "constant") {
    return column.value;
  }
  const digits = String((column.first ?? 0) + number);
  return (column.before ?? "") + digits.padStart(column.width ?? 0, "0");
}

function cell(column, value) {
  const element = document.createElement("td");
  const text = shown(column, value);
  element.textContent = text === "" ? "\u2013" : text;
  element.classList.toggle("missing", text === "");
  element.classList.toggle("number", column.kind === "numeric");
  return element;
}

function header(columns, titled) {
  const line = document.createElement("tr");
  const heads = [{ name: "#", kind: "numeric" }, ...(titled ? [{ name: "class" }] : []), ...columns];
  for (const column of heads) {
    const element = document.createElement("th");
    element.scope = "col";
    element.textContent = column.name;
    element.classList.toggle("number", column.kind === "numeric");
    line.append(element);
  }
  const head = document.createElement("thead");
  head.append(line);
  return head;
}

function body(rows, columns) {
  const result = document.createElement("tbody");
  let number = 0;
  for (const row of rows) {
    for (const sample of row.samples) {
      number += 1;
      const line = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      name.className = "number";
      name.textContent = String(number);
      line.append(name);
      if (row.titled) {
        line.append(cell({ kind: "text" }, row.name));
      }
      let place = 0; // constants and identifiers are not among the samples
      for (const column of columns) {
        const learnt = column.kind !== "constant" && column.kind !== "identifier";
        line.append(cell(column, learnt ? sample[place] : fixed(column, number - 1)));
        place += learnt ? 1 : 0;
      }
      result.append(line);
    }
  }
  return result;
}

/** A table that scrolls within itself. */
export class Sheet {
  constructor(root) {
    this.root = document.createElement("div");
    this.root.className = "sheet";
    this.root.tabIndex = 0; // so that the keyboard scrolls it
    this.root.setAttribute("role", "region");
    this.root.setAttribute("aria-label", "Sheet of samples");
    root.append(this.root);
  }

  show(rows, info) {
    const table = document.createElement("table");
    const caption = document.createElement("caption");
    const total = rows.reduce((sum, row) => sum + row.samples.length, 0);
    caption.className = "unseen";
    caption.textContent = `${total} samples of ${info.name}`;
    const columns = columnsOf(info, rows);
    table.append(caption, header(columns, rows[0].titled), body(rows, columns));
    this.root.replaceChildren(table);
  }

  mark() {}
}
