// The page: choosers, the samples of a seed, what is done with those that are chosen.

import { Api, Refusal, storedKey } from "./api.js";
import { Between } from "./between.js";
import { Codes } from "./codes.js";
import { askKey, showCard } from "./dialogs.js";
import { KINDS, kindOf } from "./kinds.js";
import { Observations } from "./observations.js";
import { EVERY_CLASS, LARGEST_SEED, readState, writeState } from "./state.js";
import { Tools, numbersOf } from "./tools.js";

const NUMBERS_AT_ONCE = 1_500_000; // of an answer: below what the server gives by default
const OF_EVERY_CLASS = 8; // pictures, unless the person says how many

const find = (id) => document.getElementById(id);
const fail = (error) => {
  if (error?.name === "AbortError") {
    return; // the person asked for something else meanwhile
  }
  const ours = error instanceof Refusal;
  find("error").textContent = ours ? error.message : `The page failed: ${error}`;
  find("error").hidden = false;
  find("status").textContent = "";
  find("view").removeAttribute("aria-busy");
};
const tell = (sentence) => {
  find("status").textContent = sentence;
};
const guarded = (work) => async (...given) => {
  try {
    await work(...given);
  } catch (error) {
    fail(error);
  }
};

const api = new Api({ askKey, tell });
let state = readState(location.hash);
let models = [];
let info = null; // gallery.json of the model that is shown
let kind = null;
let view = null;
let rows = [];
let drawing = new AbortController();
const codes = new Codes(find("codes"), (values) => {
  change({ codes: values });
});
const observations = new Observations(find("observations"), () => {
  change({});
});
const tools = new Tools(api, {
  places: (places) => remember({ places }),
  fail,
});
const between = new Between(api, {
  address: () => base(),
  fail,
  tell,
});

function remember(change) {
  state = { ...state, ...change };
  history.replaceState(null, "", writeState(state));
}

/** Requests go to the version that gallery.json described, whatever is the latest meanwhile. */
function base(version = info?.version) {
  const name = `v1/models/${encodeURIComponent(state.model)}`;
  return version ? `${name}/versions/${version}` : name;
}

function option(value, text, disabled = false) {
  const element = document.createElement("option");
  Object.assign(element, { value, textContent: text, disabled });
  return element;
}

async function start() {
  models = (await api.json("gallery.json")).models;
  find("foot").hidden = storedKey() !== null; // links cannot send the key
  find("model").replaceChildren(...models.map(({ name }) => option(name, name)));
  await openModel();
}

async function openModel() {
  const known = models.some(({ name }) => name === state.model);
  if (!known) {
    state = { ...state, model: models[0]?.name ?? "" };
  }
  if (!state.model) {
    throw new Refusal(0, "The server has no model yet.");
  }
  find("model").value = state.model;
  showVersions();
  info = null;
  info = await api.json(`${base(state.version)}/gallery.json`);
  kind = kindOf(info);
  document.title = `${info.name} \u2013 ganapp`;
  find("title").textContent = info.name;
  find("main").dataset.kind = kind;
  find("view").replaceChildren();
  view = new KINDS[kind].view(find("view"), choose);
  observations.build(info.inputs);
  showControls();
  tools.open(info, kind, view);
  between.open(info);
  await draw();
}

function showVersions() {
  const { versions } = models.find(({ name }) => name === state.model);
  const numbers = Object.keys(versions).sort((a, b) => Number(b) - Number(a));
  const text = (number) =>
    versions[number] === "AVAILABLE" ? number : `${number} (${versions[number].toLowerCase()})`;
  find("version").replaceChildren(
    option("", "latest"),
    ...numbers.map((number) => option(number, text(number), versions[number] !== "AVAILABLE")),
  );
  if (state.version && !numbers.includes(state.version)) {
    state = { ...state, version: "" };
  }
  find("version").value = state.version;
}

function showControls() {
  const { classes, truncates } = info.latent;
  if (![EVERY_CLASS, ...classes].includes(state.class) || !classes.length) {
    state = { ...state, class: "" };
  }
  find("class").replaceChildren(
    option("", "as drawn"),
    option(EVERY_CLASS, "all, a row each"),
    ...classes.map((name) => option(name, name)),
  );
  find("class").value = state.class;
  find("class-field").hidden = classes.length === 0;
  if (!truncates) {
    state = { ...state, truncation: 1 };
  }
  find("truncation-field").hidden = !truncates;
  find("truncation").value = String(state.truncation);
  find("truncation-value").textContent = state.truncation.toFixed(2);
  state = { ...state, codes: codes.build(info.latent.codes ?? [], state.codes) };
  find("seed").value = String(state.seed);
  find("count").value = String(countOf());
  find("count-label").textContent =
    state.class === EVERY_CLASS ? `${KINDS[kind].word} of each` : KINDS[kind].word;
  const { file } = KINDS[kind];
  const channels = info.output.shape.at(-1);
  find("download").textContent = `Download ${file.toUpperCase()}`;
  find("download").hidden = file === "png" && ![1, 3, 4].includes(channels);
}

function countOf() {
  if (state.count !== null) {
    return state.count;
  }
  const every = KINDS[kind].picture && state.class === EVERY_CLASS;
  const size = numbersOf(info.output) + info.inputs.reduce((sum, each) => sum + numbersOf(each), 0);
  const most = Math.max(1, Math.floor(NUMBERS_AT_ONCE / size));
  return Math.min(every ? OF_EVERY_CLASS : KINDS[kind].count, most);
}

/** What a request draws; class -1 is as drawn. */
function drawn(number) {
  return {
    count: countOf(),
    seed: state.seed,
    ...(info.latent.classes.length ? { class: number } : {}),
    ...(info.latent.truncates ? { truncation: state.truncation } : {}),
    ...state.codes,
  };
}

/** Draws; where the latest version was meant and a newer one has taken its place, that one. */
async function redraw() {
  try {
    await draw();
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 404 || state.version !== "") {
      throw error;
    }
    await start();
  }
}

async function draw() {
  drawing.abort();
  drawing = new AbortController();
  const { signal } = drawing;
  find("error").hidden = true;
  const { missing } = observations;
  find("main").hidden = missing.length > 0;
  if (missing.length) {
    tell(`Give ${missing.join(" and ")} to draw samples.`);
    return;
  }
  find("view").setAttribute("aria-busy", "true");
  tell("Drawing\u2026");
  const { classes } = info.latent;
  const every = state.class === EVERY_CLASS;
  const numbers = every ? [...classes.keys()] : [classes.indexOf(state.class)];
  const model = base();
  const given = observations.value;
  const answers = await Promise.all(
    numbers.map((number) => {
      const { count, ...inputs } = drawn(number);
      const signature = given ? "generate" : "sample";
      const asked = given ? inputs : { count, ...inputs };
      return api.predict(model, signature, asked, { observations: given, count, signal });
    }),
  );
  if (signal.aborted) {
    return;
  }
  const toPicture = KINDS[kind].picture ?? ((sample) => sample);
  rows = answers.map((outputs, i) => {
    const found = outputs.samples ?? outputs; // a single output comes without its name
    const samples = found.map(toPicture);
    return { name: classes[numbers[i]] ?? null, titled: every, samples, outputs };
  });
  view.show(rows, info);
  find("view").removeAttribute("aria-busy");
  const total = rows.reduce((sum, row) => sum + row.samples.length, 0);
  tell(`${total} samples of seed ${state.seed}, version ${info.version}.`);
  const inside = (index) => (index !== null && index < total ? index : null);
  remember({ from: inside(state.from), to: inside(state.to) });
  await useChosen();
}

/** The first choice starts a walk, the second ends it, the third starts another. */
function choose(index) {
  const { from, to } = state;
  if (from === null || to !== null) {
    remember({ from: index, to: null, places: null });
  } else if (index === from) {
    remember({ from: null, to: null, places: null });
  } else {
    remember({ to: index, places: null });
  }
  guarded(useChosen)();
}

async function useChosen() {
  const [from, to] = state.from === null ? [null, null] : [state.from, state.to];
  view.mark(from, to);
  const { truncation, places } = state;
  await tools.use(rows, { from, to, truncation, places, model: base(), observations: observations.value });
}

/** The same samples as the page shows, as an address of the server. */
function query(more = {}) {
  const { count, seed, truncation } = drawn(-1);
  const values = { count, seed, ...more };
  if (state.class) {
    values.class = state.class;
  }
  if (truncation !== undefined) {
    values.truncation = truncation;
  }
  const query = new URLSearchParams(values);
  Object.entries(state.codes).forEach(([name, value]) => query.append("code", `${name}=${value}`));
  return query;
}

async function download(ending, more = {}) {
  const [file, type] = ending.split(".");
  const name = `${info.name}-${file === "walk" ? "walk-" : ""}seed${state.seed}.${type}`;
  tell(`Preparing ${name}\u2026`);
  const body = observations.value ? { observations: observations.value } : undefined;
  await api.download(`${base()}/${ending}?${query(more)}`, name, body);
  tell(`${name} was saved.`);
}

/** Takes what the person entered and draws again; choices are of other samples then. */
function change(entered) {
  remember({ ...entered, from: null, to: null, places: null });
  if (info === null) {
    guarded(start)(); // it failed before: the key was not given, the server was away
    return;
  }
  showControls();
  guarded(redraw)();
}

function wire() {
  const number = (id) => (find(id).reportValidity() ? Number(find(id).value) : null);
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  find("new-seed").addEventListener("click", () => {
    change({ seed: crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000 });
  });
  find("seed").addEventListener("change", () => {
    const seed = number("seed");
    return seed !== null && seed <= LARGEST_SEED && change({ seed });
  });
  find("count").addEventListener("change", () => {
    const count = number("count");
    return count !== null && change({ count });
  });
  find("class").addEventListener("change", () => change({ class: find("class").value }));
  find("truncation").addEventListener("input", () => {
    find("truncation-value").textContent = Number(find("truncation").value).toFixed(2);
  });
  find("truncation").addEventListener("change", () => {
    change({ truncation: Number(find("truncation").value) });
  });
  const another = { count: null, class: "", truncation: 1, codes: {}, from: null, to: null, places: null };
  find("model").addEventListener("change", () => {
    remember({ ...another, model: find("model").value, version: "" });
    guarded(openModel)();
  });
  find("version").addEventListener("change", () => {
    remember({ version: find("version").value });
    guarded(openModel)();
  });
  find("card-button").addEventListener("click", guarded(() => showCard(api, base())));
  find("download").addEventListener("click", guarded(() => download(`sample.${KINDS[kind].file}`)));
  find("walk-download").addEventListener(
    "click",
    guarded(() => download("walk.gif", { from: state.from, to: state.to, frames: tools.frames })),
  );
  window.addEventListener("hashchange", () => {
    state = readState(location.hash);
    guarded(openModel)();
  });
}

wire();
guarded(start)();
