"""The model card: everything a reader of the artefacts should know, as JSON, Markdown and HTML."""

import base64
import html
import json
import math
import string
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from markdown_it import MarkdownIt

from ganapp.export.formats import ENCODER_RUNTIMES, RUNTIMES
from ganapp.export.layout import CARD_HTML, CARD_JSON, CARD_MARKDOWN, PICTURE, Json, drawn_name

Card = Json
MOST_CLASSES = 20  # by name; the JSON has all
DATE_UNITS = {"D": "days", "m": "minutes", "s": "seconds", "us": "microseconds"}
FIRST = ("coverage", "frechet_distance")  # the figures that decide, before the others
KERAS = "Keras generator"
SNIPPET_COUNT, SNIPPET_SEED = 16, 7


def write_card(card: Card, directory: Path) -> None:
    """Writes the card's three files into `directory`, where its picture lies already."""
    text, markdown = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False), render(card)
    pictures = {PICTURE: (directory / PICTURE).read_bytes()} if card["picture"] else {}
    page = render_html(markdown, title=card["name"], pictures=pictures)
    for name, content in ((CARD_JSON, f"{text}\n"), (CARD_MARKDOWN, markdown), (CARD_HTML, page)):
        (directory / name).write_text(content, encoding="utf-8")


# The card as Markdown: pure functions of its data.


def render(card: Card) -> str:
    """Writes the card as Markdown."""
    sections: tuple[tuple[str, Callable[[Card], list[str]]], ...] = (
        ("What it is", _model),
        ("Data", _data),
        ("Figures", _figures),
        ("Artefacts", differences_table),
        *([("Encoder", _encoder)] if card.get("encoder") else []),
        ("What each format costs in quality", quality_table),
        ("Size and speed", speed_table),
        ("How to load it", loading),
        ("Intended use and limits", _limits),
        ("Training", _training),
        ("Checksums (SHA-256)", _checksums),
        ("Versions", lambda card: table(("package", "version"), card["versions"].items())),
    )
    lines = [f"# {_text(card['name'])}", ""]
    for title, section in sections:
        lines += [f"## {title}", "", *section(card), ""]
    return "\n".join(lines)


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Lines of a Markdown table; cells are escaped."""
    header = list(header)
    lines = [header, ["---"] * len(header), *([_text(cell) for cell in row] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _text(value: object) -> str:
    """A value on one line; absent ones as a dash, floats with four digits."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(str(value).split()).replace("|", "\\|")


def _model(card: Card) -> list[str]:
    latent = card["latent"]
    after = f" after {card['step']:,} updates" if card["step"] is not None else ""
    takes = {
        "latent": f"{latent['size']} numbers drawn from the {latent['prior']} prior",
        "label": "a class",
    }
    parts = [takes.get(x["role"], f"`{x['name']}` of shape {_shape(x)}") for x in card["inputs"]]
    lines = [
        f"The generator of a generative adversarial network: it turns {' and '.join(parts)} into "
        f"one {card['kind']} of shape {_shape(card['output'])}. It has {card['parameters']:,} "
        f"parameters and was exported{after} on {card['created']}. {_units(card)}"
    ]
    if card["picture"]:
        lines += ["", f"![samples]({card['picture']})"]
    return lines


def _units(card: Card) -> str:
    if card["kind"] == "image":
        return "Images are in [-1, 1]; `(image + 1) * 127.5`, rounded, gives the 256 levels."
    data = card["data"]
    if data.get("table"):
        return (
            "The vectors are the normalised numbers and the shares of categories of a table's row; "
            "the `sample` signature turns them into its columns, see below."
        )
    text = "Vectors are standardised"
    if data.get("mean") and data.get("scale"):
        mean, scale = (", ".join(f"{x:.7g}" for x in data[k]) for k in ("mean", "scale"))
        return f"{text}; `vector * [{scale}] + [{mean}]` gives the units of the data."
    return text + "; the `sample` signature returns them in the units of the data."


def _data(card: Card) -> list[str]:
    data = card["data"]
    if not data:
        return ["The data were not recorded."]
    endless = data.get("examples", 0) is None
    classes = data.get("classes") or ()
    more = len(classes) - MOST_CLASSES
    shown = ", ".join(map(str, classes[:MOST_CLASSES]))
    rows = [
        ("name", data.get("name")),
        ("description", data.get("description")),
        ("licence or origin", data.get("licence")),
        ("training examples", "never repeats an example" if endless else data.get("examples")),
        ("held-out examples", data.get("held_out")),
        ("classes", f"{shown} and {more} more" if more > 0 else shown),
    ]
    return [*table(("", ""), rows), *_columns(data.get("table"))]


def _columns(of_table: Json | None) -> list[str]:
    if not of_table:
        return []
    rows: list[tuple] = []
    for column in of_table["columns"]:
        kind = column["kind"]
        if kind == "constant":
            rows.append(("-", column["name"], kind, _text(column["value"])))
            continue
        if kind == "identifier":
            rows.append(("-", column["name"], kind, "written anew, not learnt"))
            continue
        means = (
            [f"{column[key]:.7g}" for key in ("minimum", "maximum")] if kind == "numeric" else []
        )
        form = column.get("form") or {}
        if form.get("kind") == "date":
            kind = "date"
            means[-1] += f" {DATE_UNITS[form['unit']]} after {form['origin']}"
        codes = [f"{i}: {name}" for i, name in enumerate(column.get("categories", ()))]
        text = ", ".join(codes) or " to ".join(means)
        place = sum(row[0] != "-" for row in rows)
        rows.append((place, column["name"], kind, text + (", or NaN" if column["missing"] else "")))
    header = ("of a sample", "column", "kind", "values")
    return [
        "",
        "Columns, categories as codes, NaN where a value is missing:",
        "",
        *table(header, rows),
    ]


def _training(card: Card) -> list[str]:
    rows = list(_flat(card["configuration"]))
    return table(("setting", "value"), rows) if rows else ["The configuration was not recorded."]


def _flat(fields: Json, prefix: str = "") -> Iterable[tuple[str, object]]:
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"`{prefix}{key}`", value


def _figures(card: Card) -> list[str]:
    lines: list[str] = []
    for which in ("best", "last"):
        part = card["report"].get(which) or {}
        if not part.get("figures"):
            continue
        columns = ("space", "generated", "real", "baseline", "matched", "floor")
        columns += ("matched_generated", "matched_real")
        rows = [
            (f.get("name"), f.get("value"), f.get("better"), *(f.get(c) for c in columns))
            for f in part["figures"].values()
        ]
        exported = " (exported here)" if which == card.get("checkpoint") else ""
        lines += [f"{which.capitalize()} checkpoint{exported}, step {_text(part.get('step'))}:", ""]
        lines += [*table(("figure", "value", "better", *columns), rows), ""]
    if not lines:
        return ["The generator was not evaluated."]
    return [
        *lines,
        "`value` and `baseline` (a simple model fitted on the training data) compare `generated` "
        "samples with `real` examples. `floor` is what held-out real data score against the "
        "training data, `matched` the generator at the same counts (`matched_generated` samples, "
        "`matched_real` examples): compare those two with each other and not with `value`.",
    ]


def differences_table(card: Card) -> list[str]:
    """Lines on where each artefact is and how far its answers are from the generator's."""
    header = ("format", "path", "bytes", "difference", "on average", "allowed")
    keys = ("bytes", "difference", "mean_difference", "tolerance")
    rows = [
        (each["title"], f"`{each['path']}`", *(each[key] for key in keys))
        for each in card["artefacts"]
    ]
    lines = [
        *table(header, rows),
        "",
        "`difference` is the largest absolute difference to the Keras generator over 256 latents, "
        "in model units, measured on the artefact reloaded in a fresh process.",
    ]
    if card["precision_difference"]:
        lines += [
            "",
            "The artefacts compute in float32. The generator was trained in a shorter precision, "
            f"in which its samples differ by at most {card['precision_difference']:.3g}.",
        ]
    if card.get("batch"):
        lines += ["", f"A call of a LiteRT file takes {card['batch']} latents, no more, no fewer."]
    for name, reason in card["left_out"].items():
        lines += ["", f"There is no `{name}`: {reason}"]
    return lines


def _encoder(card: Card) -> list[str]:
    """Lines on the encoder beside the generator: where it is, how exact, how to run it."""
    encoder = card["encoder"]
    header = ("format", "path", "difference", "on average", "allowed")
    rows = [
        (
            each["title"],
            f"`{each['path']}`",
            *(each[key] for key in ("difference", "mean_difference", "tolerance")),
        )
        for each in encoder["artefacts"]
    ]
    said = ", ".join(f"`{x['name']}` of size {_shape(x)}" for x in encoder["outputs"])
    outputs = ", ".join(drawn_name(x["name"]) for x in encoder["outputs"])
    count, takes = _count(card), encoder["inputs"]
    lines = [
        f"A network of {encoder['parameters']:,} parameters that says of an example in model units "
        f"the latents which make it again: {said}. Its files give them side by side as `latents`; "
        "a SavedModel and a server have the signature `encode`.",
        "",
        *table(header, rows),
        "",
        "Differences are those of latents, of 256 examples of the generator, to the Keras encoder.",
    ]
    values = {x["name"]: f'{x["name"]}.astype("float32")' for x in takes}
    for each in encoder["artefacts"]:
        runtime = ENCODER_RUNTIMES[each["runtime"]]
        code = runtime.usage.format(
            path=each["path"],
            draw="\n".join(
                f"{x['name']} = np.zeros(({count}, {_shape(x)}))  # put your own here"
                for x in takes
            ),
            keywords=_keywords(values),
            dictionary=", ".join(f'"{name}": {value}' for name, value in values.items()),
            outputs=outputs,
            returned=f"float32 ({count}, {sum(x['shape'][0] for x in encoder['outputs'])})",
        )
        lines += _code(runtime.title, "python", code)
    return lines


def quality_table(card: Card) -> list[str]:
    """Lines with the evaluation figures of every format beside the Keras generator's."""
    judged = card["judged"]
    if not judged:
        return ["The formats were not judged."]
    keys = sorted(judged["keras"], key=lambda key: (key not in FIRST, key))
    rows = [(KERAS, *(judged["keras"][key] for key in keys))]
    for each in card["artefacts"]:
        rows.append((each["title"], *(each["figures"].get(key) for key in keys)))
    rows.append(("by chance", *(judged["noise"].get(key) for key in keys)))
    lines = [
        *table(("format", *(key.replace("_", " ") for key in keys)), rows),
        "",
        f"Each from {judged['samples']:,} samples of the same latents, so the differences are the "
        "formats'. `by chance` is how far the Keras generator's own figures are from those of "
        "other latents. They are of fewer samples than the figures above: compare them with each "
        "other.",
    ]
    warnings = [each["warning"] for each in card["artefacts"] if each["warning"]]
    return [*lines, *(line for warning in warnings for line in ("", f"**{warning}**"))]


def speed_table(card: Card) -> list[str]:
    """Lines with size, time to load, memory and speed of every format."""
    header = ("format", "kB", "load s", "memory MB", "ms at 1", "ms at 16", "ms at 64", "samples/s")
    rows = [
        (
            each["title"],
            round(each["bytes"] / 1e3),
            each["load_seconds"],
            round(each["memory_bytes"] / 1e6),
            *(each["latency_ms"][batch] for batch in ("1", "16", "64")),
            round(each["samples_per_second"]),
        )
        for each in card["artefacts"]
    ]
    return [
        *table(header, rows),
        "",
        "Milliseconds of a call with 1, 16 and 64 latents (medians), on the processor of the "
        "exporting machine, each format in a process of its own with all cores, in turns within "
        "the same minute. `load` is the import of its runtime and the reading of the file, "
        "`memory` by how much the process grew by loading and running it.",
    ]


def _limits(card: Card) -> list[str]:
    name = card["data"].get("name") or "its training data"
    return [
        f"For drawing synthetic samples that resemble {_text(name)}: demonstrations, teaching, "
        "load tests, research on generative models.",
        "",
        "- It knows only its training data, repeats their biases, and may miss rare kinds of "
        "examples even where single samples look right; the figures above measure that.",
        "- A sample may resemble a training example closely. It is no anonymisation.",
        "- Its samples are not observations: do not use them as evidence.",
        "- Check the licence of the data before publishing or selling samples.",
    ]


def _checksums(card: Card) -> list[str]:
    files = [item for each in card["artefacts"] for item in each["files"].items()]
    return table(("file", "SHA-256"), [(f"`{name}`", f"`{digest}`") for name, digest in files])


# How to load every artefact: code that runs as printed, beside the card. Python's is that of each
# runtime, see `ganapp.export.formats`.

NORMAL = """\
const normal = () =>
  Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const z = Float32Array.from({{ length: {count} * {size} }}, normal);"""
OTHER = """\
// {count} x {size} numbers of the {prior} prior, as the Python code draws them; for example the
// `latents` that a server's `sample` returns, see below.
const z = Float32Array.from(latents.flat());"""
GIVEN = """\
// {count} x {size} numbers of your own, one after another.
const {name} = new Float32Array({count} * {size});"""
ONNX_WEB = """\
import * as ort from "onnxruntime-web";
{draw}
const session = await ort.InferenceSession.create("{path}");
const {{ {output} }} = await session.run({{ {tensors} }});
// {output}.data: Float32Array, {output}.dims: [{count}, {shape}]; {units}"""
FETCH = """\
const answer = await fetch("http://localhost:8501/v1/models/{model}:predict", {{
  method: "POST",
  body: JSON.stringify({{ signature_name: "sample", inputs: {inputs} }}),
}});
const {{ samples, latents }} = (await answer.json()).outputs;"""
SERVE = """\
python -m ganapp serve . --port 8501
# or: tensorflow_model_server --rest_api_port=8501 --model_name={model} \\
#       --model_base_path="$PWD/models/{model}\""""
CURL = """\
curl --data '{{"signature_name": "sample", "inputs": {inputs}}}' \\
  http://localhost:8501/v1/models/{model}:predict"""


def loading(card: Card) -> list[str]:
    """Lines on how to load every artefact of a card in Python, in JavaScript and over HTTP."""
    lines = ["Run these in the folder of this card, which holds `models/`."]
    lines += [*_python(card), *_javascript(card), *_served(card)]
    _, signature = _drawing(card)
    formats = {each["format"] for each in card["artefacts"]}
    if "saved_model" in formats and "truncation" not in signature.get("inputs", {}):
        prior = card["latent"]["prior"]
        lines += ["", f"Nothing to truncate: the {prior} prior has no likelier latents."]
    return lines


def _count(card: Card) -> int:
    return card.get("batch") or SNIPPET_COUNT


def _drawing(card: Card) -> tuple[str, Json]:
    name = "generate" if "generate" in card["signatures"] else "sample"
    return name, card["signatures"].get(name) or {}


def _options(card: Card) -> dict[str, int | float]:
    """What the signature that draws is asked: its defaults, and a seed, and a count if it can."""
    name, signature = _drawing(card)
    count = {} if name == "generate" else {"count": _count(card)}
    return count | {"seed": SNIPPET_SEED} | signature.get("defaults", {})


def _observations(card: Card) -> list[Json]:
    return [each for each in card["inputs"] if each["role"] == "observation"]


def _code(title: str, language: str, code: str) -> list[str]:
    return ["", f"{title}:", "", f"```{language}", code, "```"]


def usage(card: Card, artefact: Mapping[str, object]) -> dict[str, object]:
    """The fields of the templates of runtimes, see `ganapp.export.formats`.

    `returned` and `units` say in words what the generator gives and what that is in the user's
    units. `draw` assigns rows to each input, which are then given as `keywords`, in a `dictionary`
    or, to Keras, as `keras_inputs`. `drawing` is the signature that draws, asked its `options` and
    `observations` (which need `numpy`), and `drawn` are the keywords that feed what it drew.
    """
    shape, count, names = _shape(card["output"]), _count(card), [x["name"] for x in card["inputs"]]
    returned, units = f"(n, {shape}) in [-1, 1]", f"uint8 ({count}, {shape}), 0 to 255"
    if card["kind"] == "vector":
        columns = (card["data"].get("table") or {}).get("columns")
        learnt = [x for x in columns or () if x["kind"] not in ("constant", "identifier")]
        returned = f"(n, {shape}), standardised"
        units = f"float32 ({count}, {shape if columns is None else len(learnt)})"
    values = {name: f'{name}.astype("float32")' for name in names}
    dictionary = ", ".join(f'"{name}": {value}' for name, value in values.items())
    in_dict = len(names) > 1 or card["keras_names"]["input"]
    given = {x["name"]: (count, *x["shape"]) for x in _observations(card)}
    drawn = {x: f'asked["{x}"]' if x in given else f'drawn["{drawn_name(x)}"]' for x in names}
    return {
        "path": artefact["path"],
        "imports": "".join(f"import {module}\n" for module in artefact["modules"]),
        "output": card["output"]["name"],
        "returned": f"float32 {returned}",
        "units": units,
        "draw": card["latent"]["numpy"],
        "keywords": _keywords(values),
        "dictionary": dictionary,
        "keras_inputs": f"{{{dictionary}}}" if in_dict else values[names[0]],
        "keras_output": '["x"]' if card["keras_names"]["output"] else "",
        "drawing": _drawing(card)[0],
        "options": json.dumps(_options(card)),
        "observations": "".join(
            f'\nasked["{name}"] = np.zeros({rows}, "float32")  # put your own here'
            for name, rows in given.items()
        ),
        "numpy": "import numpy as np\n" if given else "",
        "drawn": _keywords(drawn),
        "seed": SNIPPET_SEED,
    }


def _keywords(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _python(card: Card) -> list[str]:
    lines = []
    for runtime in RUNTIMES.values():
        artefacts = [each for each in card["artefacts"] if each["runtime"] == runtime.name]
        if not artefacts:
            continue
        first, *others = artefacts
        truncates = "truncation" in _options(card)
        code = (runtime.usage + runtime.truncated * truncates).format(**usage(card, first))
        lines += _code(runtime.title, "python", code)
        if first["modules"]:
            lines += [
                "",
                "The imported modules are ganapp's, which hold layers that Keras does not have: "
                "install it, by `pip install .` in its folder.",
            ]
        if others:
            paths = ", ".join(f"`{each['path']}`" for each in others)
            lines += ["", f"The same with {paths}."]
    return lines


def _javascript(card: Card) -> list[str]:
    onnx = [each["path"] for each in card["artefacts"] if each["format"] == "onnx"]
    if not onnx:
        return []
    count, prior, draw, tensors = _count(card), card["latent"]["prior"], [], []
    for each in card["inputs"]:
        name, size = each["name"], math.prod(each["shape"])
        template = GIVEN
        if each["role"] == "latent":
            template = NORMAL if prior == "normal" else OTHER
        draw.append(template.format(name=name, count=count, size=size, prior=prior))
        tensor = f'new ort.Tensor("float32", {name}, [{count}, {_shape(each)}])'
        tensors.append(f"{name}: {tensor}")
    code = ONNX_WEB.format(
        path=onnx[0],
        draw="\n".join(draw),
        tensors=", ".join(tensors),
        output=card["output"]["name"],
        shape=_shape(card["output"]),
        count=count,
        units="standardised" if card["kind"] == "vector" else "values in [-1, 1]",
    )
    return _code("JavaScript, in the page itself (onnxruntime-web)", "js", code)


def _served(card: Card) -> list[str]:
    fields = {"model": card["model"], "inputs": json.dumps(_options(card))}
    title = "A server, ganapp's own or TensorFlow Serving"
    lines = _code(title, "sh", SERVE.format(**fields))
    given = [f"`{x['name']}` of shape (n, {_shape(x)})" for x in _observations(card)]
    if given:
        inputs = f"takes {' and '.join(given)} as lists of numbers beside `{fields['inputs']}`"
        return [*lines, "", f"Its signature `generate` {inputs}."]
    lines += _code("curl, against either", "sh", CURL.format(**fields))
    return lines + _code("JavaScript, against either", "js", FETCH.format(**fields))


def _shape(tensor: Json) -> str:
    return ", ".join(str(side) for side in tensor["shape"])


# The card as HTML: one page that needs nothing else, no network, no script.

PAGE = Path(__file__).with_name("card.html")


def render_html(markdown: str, *, title: str, pictures: Mapping[str, bytes]) -> str:
    """Turns a card's Markdown into a page.

    Args:
        markdown: the card; HTML in it is shown as it is written, never run.
        title: of the page.
        pictures: PNG files by the names that the card mentions them by; they become part of the
            page.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("table_open", lambda *_: '<div class="wide" tabindex="0"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = parser.parse(markdown)
    for image in (child for token in tokens for child in token.children or ()):
        content = pictures.get(str(image.attrs.get("src"))) if image.type == "image" else None
        if content is not None:
            image.attrs["src"] = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    body = parser.renderer.render(tokens, parser.options, {})
    page = string.Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(title=html.escape(title), body=body)
