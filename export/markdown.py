"""The Markdown text of a model card; a pure function of its JSON."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ganapp.export import measured
from ganapp.export.lines import table
from ganapp.export.lines import text as _text
from ganapp.export.snippets import loading, shape_of

MOST_CLASSES = 20  # by name; the JSON has all


def render(card: dict[str, Any]) -> str:
    """Writes the card as Markdown.

    Args:
        card: what `ganapp.export.card.describe` returned.
    """
    sections: tuple[tuple[str, Callable[[dict], list[str]]], ...] = (
        ("What it is", _model),
        ("Data", _data),
        ("Figures", _figures),
        ("Artefacts", measured.artefacts),
        ("What each format costs in quality", measured.figures),
        ("Size and speed", measured.speed),
        ("How to load it", loading),
        ("Intended use and limits", _limits),
        ("Training", _training),
        ("Checksums (SHA-256)", _checksums),
        ("Versions", _versions),
    )
    lines = [f"# {_text(card['name'])}", ""]
    for title, section in sections:
        lines += [f"## {title}", "", *section(card), ""]
    return "\n".join(lines)


def _model(card: dict) -> list[str]:
    latent = card["latent"]
    after = f" after {card['step']:,} updates" if card["step"] is not None else ""
    lines = [
        f"The generator of a generative adversarial network: it turns {latent['size']} numbers "
        f"drawn from the {latent['prior']} prior into one {card['kind']} of shape "
        f"{shape_of(card)}. It has {card['parameters']:,} parameters and was exported{after} on "
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


DATE_UNITS = {"D": "days", "m": "minutes", "s": "seconds", "us": "microseconds"}


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
