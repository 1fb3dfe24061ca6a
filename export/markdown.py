"""The Markdown text of a model card; a pure function of its JSON."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

OUTPUTS = {
    "image": "float32 `(n, {shape})` in [-1, 1]",
    "vector": "float32 `(n, {shape})`, standardised",
}
SNIPPET_COUNT = 16
MOST_CLASSES = 20  # by name; the JSON has all
SAVED_MODEL = """\
import tensorflow as tf
model = tf.saved_model.load("{path}")
drawn = model.signatures["sample"](count=tf.constant({count}), seed=tf.constant(7))
samples = drawn["samples"].numpy()  # {units}
{output} = model.signatures["serving_default"](z=drawn["latents"])["{output}"].numpy()"""
TRUNCATED = """
# Nearer to the likeliest latents, hence more alike: truncation from 1 (as above) to 0.
drawn = model.signatures["sample_truncated"](
    count=tf.constant({count}), seed=tf.constant(7), truncation=tf.constant(0.7)
)
typical = drawn["samples"].numpy()"""
LITERT = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
runner = Interpreter(model_path="{path}").get_signature_runner("serving_default")
random = np.random.default_rng(7)
{draw}
{output} = runner(z=z.astype("float32"))["{output}"]  # {returned}"""
SNIPPETS = {"saved_model": SAVED_MODEL, "litert": LITERT}


def render(card: dict[str, Any]) -> str:
    """Writes the card as Markdown.

    Args:
        card: what `export.card.describe` returned.
    """
    sections: tuple[tuple[str, Callable[[dict], list[str]]], ...] = (
        ("What it is", _model),
        ("Data", _data),
        ("Training", _training),
        ("Figures", _figures),
        ("Artefacts", _artefacts),
        ("How to load it", _loading),
        ("Intended use and limits", _limits),
        ("Checksums (SHA-256)", _checksums),
        ("Versions", _versions),
    )
    lines = [f"# {_text(card['name'])}", ""]
    for title, section in sections:
        lines += [f"## {title}", "", *section(card), ""]
    return "\n".join(lines)


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    """Lines of a Markdown table; cells are escaped."""
    header = list(header)
    lines = [header, ["---"] * len(header), *([_text(cell) for cell in row] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _text(value: Any) -> str:
    """A value on one line; absent ones as a dash, floats with four digits."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(str(value).split()).replace("|", "\\|")


def _model(card: dict) -> list[str]:
    latent = card["latent"]
    after = f" after {card['step']:,} updates" if card["step"] is not None else ""
    lines = [
        f"The generator of a generative adversarial network: it turns {latent['size']} numbers "
        f"drawn from the {latent['prior']} prior into one {card['kind']} of shape "
        f"{_shape(card)}. It has {card['parameters']:,} parameters and was exported{after} on "
        f"{card['created']}. {_units(card)}"
    ]
    if card["picture"]:
        lines += ["", f"![samples]({card['picture']})"]
    return lines


def _units(card: dict) -> str:
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


def _data(card: dict) -> list[str]:
    data = card["data"]
    if not data:
        return ["The data were not recorded."]
    endless = data.get("examples", 0) is None
    counts = "never repeats an example" if endless else data.get("examples")
    classes = _named(data.get("classes") or ())
    rows = [
        ("name", data.get("name")),
        ("description", data.get("description")),
        ("licence or origin", data.get("licence")),
        ("training examples", counts),
        ("held-out examples", data.get("held_out")),
        ("classes", classes),
    ]
    return [*table(("", ""), rows), *_columns(data.get("table"))]


def _named(classes: Sequence[str]) -> str:
    """As many classes as a person would read, and how many others there are."""
    more = len(classes) - MOST_CLASSES
    shown = ", ".join(map(str, classes[:MOST_CLASSES]))
    return f"{shown} and {more} more" if more > 0 else shown


def _columns(of_table: dict | None) -> list[str]:
    """What the columns of a table mean, in the order of its samples."""
    if not of_table:
        return []
    rows: list[tuple] = []
    for column in of_table["columns"]:
        kind = column["kind"]
        if kind == "constant":
            rows.append(("-", column["name"], kind, _text(column["value"])))
            continue
        means = (
            [f"{column[key]:.7g}" for key in ("minimum", "maximum")] if kind == "numeric" else []
        )
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


def _training(card: dict) -> list[str]:
    rows = list(_flat(card["configuration"]))
    return table(("setting", "value"), rows) if rows else ["The configuration was not recorded."]


def _flat(fields: dict, prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested settings as `section.key`, value."""
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"`{prefix}{key}`", value


def _figures(card: dict) -> list[str]:
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


def _artefacts(card: dict) -> list[str]:
    header = ("format", "path", "bytes", "difference", "allowed", "load s", "batch 1", "batch 64")
    rows = []
    for each in card["artefacts"]:
        per_sample = [each["latency_ms"][b] / int(b) for b in ("1", "64")]
        measured = (each[key] for key in ("bytes", "difference", "tolerance", "load_seconds"))
        rows.append((each["title"], f"`{each['path']}`", *measured, *per_sample))
    lines = [
        *table(header, rows),
        "",
        "`difference` is the largest absolute difference to the Keras generator over 256 latents, "
        "measured on the artefact reloaded in a fresh process. The last two columns are "
        "milliseconds per sample on the processor of the exporting machine (medians).",
    ]
    if card["precision_difference"]:
        lines += [
            "",
            "The artefacts compute in float32. The generator was trained in a shorter precision, "
            f"in which its samples differ by at most {card['precision_difference']:.3g}.",
        ]
    return lines


def _loading(card: dict) -> list[str]:
    shape, latent, count = _shape(card), card["latent"], SNIPPET_COUNT
    drawn = {
        "image": f"uint8 ({count}, {shape}), 0 to 255",
        "vector": f"float32 ({count}, {_coordinates(card)})",
    }
    fields = {
        "count": count,
        "output": card["output"]["name"],
        "units": drawn[card["kind"]],
        "draw": latent["numpy"],
        "returned": OUTPUTS[card["kind"]].format(shape=shape).replace("`", ""),
    }
    snippets = SNIPPETS | ({"saved_model": SAVED_MODEL + TRUNCATED} if latent["truncates"] else {})
    lines = ["Run these beside this card."]
    for each in card["artefacts"]:
        if each["format"] in snippets:
            snippet = snippets[each["format"]].format(path=each["path"], **fields)
            lines += ["", f"{each['title']}:", "", "```python", snippet, "```"]
    draws = any(each["format"] == "saved_model" for each in card["artefacts"])
    if draws and not latent["truncates"]:
        lines += ["", f"Nothing to truncate: the {latent['prior']} prior has no likelier latents."]
    return lines


def _coordinates(card: dict) -> str:
    """How many numbers a sample in the user's units has."""
    columns = (card["data"].get("table") or {}).get("columns")
    if columns is None:
        return _shape(card)
    return str(len([column for column in columns if column["kind"] != "constant"]))


def _shape(card: dict) -> str:
    return ", ".join(str(side) for side in card["output"]["shape"])


def _limits(card: dict) -> list[str]:
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


def _checksums(card: dict) -> list[str]:
    files = [item for each in card["artefacts"] for item in each["files"].items()]
    return table(("file", "SHA-256"), [(f"`{name}`", f"`{digest}`") for name, digest in files])


def _versions(card: dict) -> list[str]:
    return table(("package", "version"), card["versions"].items())
