"""The tables of a model card that compare its formats with each other."""

from typing import Any

from ganapp.export.lines import table

FIRST = ("coverage", "frechet_distance")  # the figures that decide, before the others
KERAS = "Keras generator"


def artefacts(card: dict[str, Any]) -> list[str]:
    """Lines on where each artefact is and how far its answers are from the generator's."""
    header = ("format", "path", "bytes", "difference", "on average", "allowed")
    rows = [
        (
            each["title"],
            f"`{each['path']}`",
            each["bytes"],
            each["difference"],
            each["mean_difference"],
            each["tolerance"],
        )
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


def figures(card: dict[str, Any]) -> list[str]:
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


def speed(card: dict[str, Any]) -> list[str]:
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
