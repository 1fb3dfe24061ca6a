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
  if (column.integer) {
    return String(Math.round(value));
  }
  return Number.isInteger(column.decimals) && column.decimals >= 0
    ? value.toFixed(Math.min(column.decimals, 12))
    : String(Number(value.toPrecision(5)));
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
      let place = 0; // constants are not among the samples
      for (const column of columns) {
        const constant = column.kind === "constant";
        line.append(cell(column, constant ? column.value : sample[place]));
        place += constant ? 0 : 1;
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
