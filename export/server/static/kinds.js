// What is shown of a model: pictures, points, lines or a sheet.

import { Lines } from "./lines.js";
import { Grid, sideBySide } from "./pictures.js";
import { Scatter } from "./scatter.js";
import { Sheet } from "./sheet.js";

/** By kind: its view, how many samples at first, what they are called, what is downloaded, how a
 * sample becomes a picture where it is one. */
export const KINDS = {
  image: { view: Grid, count: 16, word: "Pictures", file: "png", picture: (sample) => sample },
  video: { view: Grid, count: 6, word: "Clips", file: "png", picture: sideBySide },
  scatter: { view: Scatter, count: 500, word: "Points", file: "csv" },
  lines: { view: Lines, count: 200, word: "Samples", file: "csv" },
  table: { view: Sheet, count: 25, word: "Rows", file: "csv" },
};

/** Which kind suits a model: its gallery.json. */
export function kindOf({ kind, output }) {
  if (kind !== "vector") {
    return kind;
  }
  return { 1: "table", 2: "scatter" }[output.shape[0]] ?? "lines";
}
