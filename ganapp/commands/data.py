"""`ganapp data`: what was understood of data before anybody trains on them."""

from __future__ import annotations

import collections
import dataclasses
import io
import itertools
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ganapp.commands.options import SetOption, check_file
from ganapp.errors import UserError, as_user_errors
from ganapp.runs import Json
from ganapp.screen import console, say, stage, start_tensorflow
from ganapp.training.files import write_atomically

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image

    from ganapp.config.schema import DataConfig
    from ganapp.training.data import DataSpec, Source
    from ganapp.training.data.findings import ColumnFacts, Finding

MOST_BYTES = 2**30  # of examples that are looked at
LEAST_EXAMPLES = 1_000  # that are looked at, however large they are
DRAWN = 10_000  # examples of a source that never ends
POINTS, CLIPS = 3_000, 10  # in a picture
SIZED = 200  # image files whose size is looked up
SHOWN_CLASSES, SHOWN_COLUMNS, SHOWN_REASONS = 30, 60, 10
BAR, LETTERS = 24, 16  # letters of the bar of the largest class, and of a category
UNITS = {
    "image": "uint8 from 0 to 255, in training -1 to 1",
    "video": "uint8 from 0 to 255, in training -1 to 1",
    "table": "those of the columns, in training vectors of {}",
    "vector": "those of the source, standardised in training",
}
SHARED = 0.1  # of the rows have the commonest value, or it is not shown


@dataclasses.dataclass(frozen=True)
class Examples:
    """What is looked at of a source, in user units; labels are below 0 where unknown."""

    training: np.ndarray
    labels: np.ndarray | None
    held_out: np.ndarray
    held_out_labels: np.ndarray | None


def data(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A data source, source:path, a path, or a preset or TOML file (its [data]).",
        ),
    ],
    size: Annotated[
        int | None, typer.Option(help="Of images from files: their height and width.")
    ] = None,
    overrides: SetOption = None,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw examples into this .png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page as JSON.")] = False,
) -> None:
    """Show what was understood of data, draw examples, and warn of what will hurt a training."""
    start_tensorflow()
    if png is not None:
        check_file("--png", png, (".png",))
    config = _data_config(source, size, overrides or [])
    with as_user_errors(config.source):
        made = config.build()
    with as_user_errors(config.source), stage(f"Looking at {_printable(source)}"):
        examples = _examples(made)
        content = _content(made, examples, config)
        picture = None if png is None else _picture(made, examples, _title(content, config))
    if picture is not None:
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG")
        try:
            write_atomically(png, buffer.getvalue())
        except OSError as error:
            raise UserError(f"`--png` cannot be written: {png} ({error.strerror}).") from error
        content["picture"] = str(png)
    if as_json:
        console.print_json(json.dumps(content))
    else:
        _show(content)


def _data_config(text: str, size: int | None, overrides: Sequence[str]) -> DataConfig:
    from ganapp.config.loading import tables_of, validated, with_overrides, with_size
    from ganapp.config.schema import DataConfig

    for override in overrides:
        if not override.startswith("data."):
            raise UserError(
                "`data --set` takes settings of the data, for example data.held_out=0.2. "
                f"Received: {override!r}"
            )
    table = tables_of(text).get("data")
    if not isinstance(table, dict):
        raise UserError(f"{text} must have a table [data] with a `source`. Received: none")
    table = with_overrides({"data": table}, overrides)["data"]
    table = table if size is None else with_size(table, size)
    return validated(table, f"`{text}`", DataConfig)


def _examples(source: Source) -> Examples:
    """Examples to look at: all, but of very many the first ones, which are a random choice."""
    import numpy as np

    spec = source.spec
    size = int(np.prod(spec.user_shape)) * (1 if spec.pixels else 4)
    most = max(LEAST_EXAMPLES, MOST_BYTES // size)
    most = min(most, DRAWN) if spec.examples is None else most
    training, held_out = source.training_examples(most), source.held_out_examples(most)
    return Examples(*training, *held_out)


def _content(source: Source, examples: Examples, config: DataConfig) -> Json:
    from ganapp.training.data import findings

    spec, endless = source.spec, source.spec.examples is None
    content: Json = {
        "source": spec.name,
        "description": _printable(spec.description),
        "kind": "table" if spec.table is not None else spec.kind,
        "shape": list(spec.user_shape),
        "model_shape": list(spec.shape),
        "units": UNITS["table" if spec.table is not None else spec.kind].format(spec.shape[0]),
        "training": spec.examples,
        "held_out": spec.held_out,
        "looked_at": {"training": len(examples.training), "held_out": len(examples.held_out)},
    }
    warnings = findings.about_count(spec.kind, spec.examples)
    if not endless:
        duplicates = findings.count_duplicates(examples.training, examples.held_out)
        training, held_out = duplicates.shares
        content["duplicates"] = {
            "training": duplicates.training,
            "training_share": training,
            "held_out_in_training": duplicates.held_out,
            "held_out_share": held_out,
        }
        warnings += findings.about_duplicates(duplicates, chance=spec.table is not None)
    if spec.classes:
        content |= _classes(source, examples)
        counts = [
            {row["name"]: row[part] for row in content["classes"]}
            for part in ("training", "held_out")
        ]
        warnings += [] if endless else findings.about_classes(*counts)
    if spec.pixels:
        facts = findings.pixel_facts(examples.training)
        content["values"] = {
            "minimum": facts.minimum,
            "maximum": facts.maximum,
            "mean": round(facts.mean, 2),
        }
        warnings += findings.about_pixels(facts)
    else:
        columns = _columns(spec, examples.training)
        content["columns"] = [row for row, _ in columns]
        seen = [facts for _, facts in columns if facts is not None]
        warnings += [] if endless else findings.about_columns(seen, len(examples.training))
    if originals := _original_sizes(config, source):
        resize = config.options["resize"]
        content["files"] = {
            "sizes": findings.about_sizes(originals),
            "looked_at": len(originals),
            "resize": resize,
        }
        warnings += findings.about_size(originals, config.options["size"], resize=resize)
    content["notes"] = [_printable(note) for note in source.notes]
    files = {_printable(name): _printable(why) for name, why in source.bad_files.items()}
    reasons = dict(collections.Counter(files.values()).most_common())
    content["left_out"] = {"count": len(files), "reasons": reasons, "files": files}
    content["warnings"] = [
        {"name": each.name, "sentence": _printable(each.sentence), **each.numbers}
        for each in warnings
    ]
    if (hint := _drop_hint(warnings, config, spec)) is not None:
        content["hint"] = hint
    return content


def _classes(source: Source, examples: Examples) -> Json:
    names = [_printable(name) for name in source.spec.classes]
    # Labels are few bytes: of all training examples, where examples are not all looked at.
    sides = (source.training_labels(), examples.held_out_labels)
    counts = [_counts(labels, len(names)) for labels in sides]
    rows = zip(names, *(known.tolist() for known, _ in counts), strict=True)
    return {
        "classes": [
            {"name": name, "training": training, "held_out": held_out}
            for name, training, held_out in rows
        ],
        "unlabelled": {"training": counts[0][1], "held_out": counts[1][1]},
    }


def _counts(labels: np.ndarray | None, classes: int) -> tuple[np.ndarray, int]:
    import numpy as np

    labels = np.empty(0, int) if labels is None else np.asarray(labels)
    known = labels[labels >= 0]
    return np.bincount(known, minlength=classes), len(labels) - len(known)


def _columns(spec: DataSpec, rows: np.ndarray) -> list[tuple[Json, ColumnFacts | None]]:
    """Every column in words, and what its rows hold; nothing of those that are not learnt."""
    from ganapp.training.data import findings

    found = []
    if spec.table is None:
        for place in range(rows.shape[1]):
            facts = findings.column_facts(f"column {place}", rows[:, place])
            limits = f"{_number(facts.minimum)} to {_number(facts.maximum)}"
            row = {"name": facts.name, "kind": "number", "values": limits}
            found.append((row | _measured(facts), facts))
        return found
    places = {name: place for place, name in enumerate(spec.table.names)}
    for summary in spec.table.describe():
        texts = dataclasses.asdict(summary).items()
        row = {key: _printable(text) for key, text in texts if isinstance(text, str)}
        facts = None
        if (place := places.get(summary.name)) is not None:
            categories = getattr(spec.table.varying[place], "categories", None)
            known = categories is not None
            facts = findings.column_facts(summary.name, rows[:, place], categories=known)
            row |= _measured(facts, categories)
        found.append((row, facts))
    return found


def _measured(facts: ColumnFacts, categories: Sequence[object] | None = None) -> Json:
    common = {"distinct": facts.distinct, "missing": facts.missing, "commonest_share": facts.share}
    if categories is None:
        limits = {"minimum": facts.minimum, "maximum": facts.maximum}
        return common | limits | {"commonest": facts.commonest}
    names, place = [_printable(str(value)) for value in categories], facts.commonest
    commonest = None if place is None else names[int(place)]
    return common | {"categories": names, "commonest": commonest}


def _original_sizes(config: DataConfig, source: Source) -> list[tuple[int, int]]:
    """Height and width of some of the files, evenly apart, where images are resized."""
    from ganapp.training.data.image_files import image_files
    from ganapp.training.data.images import BadImageError, own_limit

    options = config.options
    if not options.get("size") or not {"path", "resize"} <= options.keys():
        return []
    total = source.spec.examples + source.spec.held_out + len(source.bad_files)
    sizes = []
    with own_limit():
        files = image_files(Path(options["path"]), options["max_pixels"])
        for example in itertools.islice(files, 0, None, max(1, total // SIZED)):
            try:
                image = example.load().image
            except BadImageError:
                continue
            sizes.append((image.height, image.width))
    return sizes


def _drop_hint(warnings: Sequence[Finding], config: DataConfig, spec: DataSpec) -> str | None:
    """The setting that leaves out the columns of which a finding speaks, ready for the shell."""
    from ganapp.config.members import option_names

    if "drop" not in option_names("data", config.source):
        return None
    label = spec.table.label if spec.table is not None else ""
    named = dict.fromkeys(config.options.get("drop") or ())
    before = len(named)
    named |= dict.fromkeys(name for each in warnings for name in each.columns if name != label)
    if len(named) == before:
        return None
    setting = f"data.drop={json.dumps(list(named), ensure_ascii=False)}"
    return f"Without the columns that warnings are about: --set {shlex.quote(setting)}"


def _printable(text: str) -> str:
    """Text that any screen and JSON can hold: bytes of names that are no UTF-8 are written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _title(content: Json, config: DataConfig) -> str:
    path = config.options.get("path")
    subject = content["source"] if path is None else f"{content['source']} {Path(path).name}"
    return _printable(f"{subject}: {_shape(content)}; {_count(content)}")


def _picture(source: Source, examples: Examples, title: str) -> PIL.Image.Image:
    from ganapp.training.evaluation import data_pictures
    from ganapp.training.evaluation.table_pictures import marginal_page

    spec = source.spec
    classes = [_printable(name) for name in spec.classes]
    if spec.kind == "image":
        apart = source.channel_images is not None or spec.shape[2] not in (1, 3, 4)
        how = "; channels side by side" if apart else ""
        how = "; channels as colours and transparency" if spec.shape[2] == 4 else how
        return data_pictures.image_sheet(
            examples.training, examples.labels, classes, title=title + how, apart=apart
        )
    if spec.kind == "video":
        labels = [] if examples.labels is None else examples.labels[:CLIPS]
        known = [classes[label] if label >= 0 else "no label" for label in labels]
        return data_pictures.clip_sheet(examples.training[:CLIPS], known, title=title)
    if spec.table is not None:
        page = marginal_page(
            examples.held_out,
            table=spec.table,
            real=examples.training,
            names=("training", "held out"),
        )
        return data_pictures.add_title(page, title)
    labels = None if examples.labels is None else examples.labels[:POINTS]
    return data_pictures.point_sheet(examples.training[:POINTS], labels, classes, title=title)


def _show(content: Json) -> None:
    facts = Table(show_header=False, box=None, pad_edge=False)
    for name, text in _facts(content):
        facts.add_row(name, text)
    console.print(facts)
    if rows := content.get("classes"):
        console.print("", _class_table(rows), sep="\n")
    if rows := content.get("columns"):
        console.print("", _column_table(rows), sep="\n")
    lists = {
        "Assumed": content["notes"],
        "Files left out": _reasons(content["left_out"]),
        "Warnings": [each["sentence"] for each in content["warnings"]],
    }
    for heading, sentences in lists.items():
        if sentences:
            console.print(f"\n{heading}", style="bold")
        for sentence in sentences:
            say(f"- {sentence}")
    if "hint" in content:
        say(content["hint"])
    if not content["warnings"]:
        console.print("\nNo warnings.")
    if "picture" in content:
        say(f"Picture: {content['picture']}")


def _facts(content: Json) -> Iterator[tuple[str, str]]:
    yield "data", f"{content['source']}: {content['description']}"
    yield "shape", _shape(content)
    yield "units", content["units"]
    yield "examples", f"{_count(content)}, {content['held_out']:,} held out"
    looked_at = content["looked_at"]["training"]
    if content["training"] is None or looked_at < content["training"]:
        yield "looked at", f"the first {looked_at:,} of them"
    if "values" in content:
        values = content["values"]
        yield "values", f"{values['minimum']} to {values['maximum']}, mean {values['mean']:g}"
    if "files" in content:
        files = content["files"]
        yield "files", f"{files['sizes']} ({files['looked_at']} looked at), {files['resize']}"
    if "duplicates" in content:
        found = content["duplicates"]
        yield (
            "duplicates",
            f"{found['training']:,} training examples repeat another, "
            f"{found['held_out_in_training']:,} held-out examples are training examples, too",
        )
    if "classes" in content:
        unknown = content["unlabelled"]["training"]
        more = f", {unknown:,} training examples without a label" if unknown else ""
        yield "classes", f"{len(content['classes']):,}{more}"


def _shape(content: Json) -> str:
    return SHAPES[content["kind"]](content["shape"])


def _pixel_shape(shape: Sequence[int]) -> str:
    height, width, channels = shape
    return f"{width} x {height} pixels (width x height), {_several(channels, 'channel')}"


SHAPES = {
    "image": _pixel_shape,
    "video": lambda shape: f"clips of {shape[0]} frames, {_pixel_shape(shape[1:])}",
    "vector": lambda shape: f"vectors of {shape[0]:,}",
    "table": lambda shape: f"rows of {_several(shape[0], 'column')}",
}


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _count(content: Json) -> str:
    if content["training"] is None:
        return "drawn without end"
    return _several(content["training"], "training example")


def _reasons(left_out: Json) -> list[str]:
    reasons = [f"{count:,}: {reason}" for reason, count in left_out["reasons"].items()]
    more = len(reasons) - SHOWN_REASONS
    return reasons[:SHOWN_REASONS] + ([f"and {more:,} other reasons"] if more > 0 else [])


def _class_table(rows: list[Json]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("class", overflow="fold")
    table.add_column("training", justify="right")
    table.add_column("held out", justify="right")
    table.add_column("")
    largest = max(row["training"] for row in rows) or 1
    shown, cut = rows, None
    if len(rows) > SHOWN_CLASSES:
        ordered = sorted(rows, key=lambda row: -row["training"])
        cut = SHOWN_CLASSES // 2
        shown = ordered[:cut] + ordered[-cut:]
    for place, row in enumerate(shown):
        if place == cut:
            table.add_row(f"({len(rows) - len(shown):,} classes between)", "", "", "")
        bar = "█" * max(1 if row["training"] else 0, round(BAR * row["training"] / largest))
        table.add_row(row["name"], f"{row['training']:,}", f"{row['held_out']:,}", bar)
    return table


def _column_table(rows: list[Json]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("column", "kind", "range or categories", "missing", "commonest", "form, note"):
        justify = "right" if heading == "missing" else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows[:SHOWN_COLUMNS]:
        missing = row.get("missing", 0)
        table.add_row(
            row["name"],
            row["kind"],
            row["values"],
            "" if not missing else f"{missing:.1%}" if missing >= 0.001 else "< 0.1%",
            _commonest(row),
            ", ".join(filter(None, (row.get("form"), row.get("note")))),
        )
    if len(rows) > SHOWN_COLUMNS:
        more = len(rows) - SHOWN_COLUMNS
        table.add_row(f"({more:,} further columns; --json has all)", *[""] * 5)
    return table


def _commonest(row: Json) -> str:
    """The value that most rows share, where some do."""
    value, share = row.get("commonest"), row.get("commonest_share", 0.0)
    if value is None or share < SHARED or row.get("distinct", 0) < 2:
        return ""
    if isinstance(value, str):
        short = value if len(value) <= LETTERS else f"{value[: LETTERS - 1]}…"
        return f"{short} ({share:.0%})"
    # Of dates and the like the number is no value that anybody wrote.
    return f"{_number(value)} ({share:.0%})" if row["kind"] == "number" else f"({share:.0%})"


def _number(value: float) -> str:
    if value == round(value) and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.5g}"
