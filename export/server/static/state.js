// What is shown, as a link can carry it: the part of the address after `#`.

export const LARGEST_SEED = 2 ** 31 - 1;
export const EVERY_CLASS = "all";

const whole = (text, least, most) => {
  const value = /^\d{1,10}$/.test(text ?? "") ? Number(text) : NaN;
  return value >= least && value <= most ? value : null;
};

function share(text) {
  const value = Number.parseFloat(text);
  return value >= 0 && value <= 1 ? value : 1;
}

/** The state of an address; whatever does not fit is left at its default. */
export function readState(hash) {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const codes = query.getAll("code").map((each) => [each.split("=")[0], Number(each.split("=")[1])]);
  const places = (query.get("directions") ?? "").split(",").filter(Boolean).map(Number);
  return {
    model: query.get("model") ?? "",
    version: /^\d{1,18}$/.test(query.get("version") ?? "") ? query.get("version") : "",
    seed: whole(query.get("seed"), 0, LARGEST_SEED) ?? 0,
    count: whole(query.get("count"), 1, 1024), // null: as many as suit the model
    class: query.get("class") ?? "",
    truncation: share(query.get("truncation")),
    codes: Object.fromEntries(codes),
    from: whole(query.get("from"), 0, 1e6),
    to: whole(query.get("to"), 0, 1e6),
    places: places.every(Number.isFinite) && places.length ? places : null,
  };
}

/** The address of a state, without what is at its default. */
export function writeState(state) {
  const query = new URLSearchParams();
  const add = (name, value, absent) => {
    if (value !== absent && value !== null) {
      query.set(name, String(value));
    }
  };
  add("model", state.model, "");
  add("version", state.version, "");
  query.set("seed", String(state.seed));
  add("count", state.count, null);
  add("class", state.class, "");
  add("truncation", state.truncation, 1);
  Object.entries(state.codes).forEach(([name, value]) => query.append("code", `${name}=${value}`));
  add("from", state.from, null);
  add("to", state.to, null);
  add("directions", state.places?.map((value) => Number(value.toFixed(3))).join(","), undefined);
  return `#${query}`;
}
