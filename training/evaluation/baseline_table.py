"""The table of baselines in a report: the same figures, what each says of itself, and its time."""

from collections.abc import Mapping, Sequence
from typing import Any

FACTS = {  # as printed, with what helps to read them
    "held_out_log_density": "held-out log-density (nats)",
    "held_out_elbo": "held-out ELBO (nats)",
    "held_out_kl": "KL to the prior (nats)",
    "held_out_squared_error": "held-out squared error per feature",
    "acceptance_rate": "acceptance rate",
    "effective_samples": "effective samples",
    "scale_reduction": "R-hat, 1 when mixed",
}


def baseline_table(report: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Paragraphs about the baselines, none without rows.

    Args:
        report: the dictionary of a `Report` plus `step`: the real examples and the floor are its
            own. Without a step it is that of the only baseline, whose figures it shows already.
        rows: each with `name`, `title`, `fit_seconds`, `sample_seconds`, `facts` and `figures`, the
            values by key.
    """
    if not rows:
        return []
    table = [("figure", *(row["name"] for row in rows), "floor")]
    table.append(("---", *["---:"] * (len(rows) + 1)))
    alone = report["step"] is None  # the baseline's figures are the report's own
    for key, figure in {}.items() if alone else report["figures"].items():
        values = [_number(row["figures"].get(key)) for row in rows]
        table.append((figure["name"], *values, _number(figure["floor"])))
    facts = dict.fromkeys(fact for row in rows for fact in row["facts"])
    for fact in facts:
        values = [_number(row["facts"].get(fact)) for row in rows]
        table.append((FACTS.get(fact, fact.replace("_", " ")), *values, "-"))
    for key in ("fit_seconds", "sample_seconds"):
        text = f"seconds to {key.removesuffix('_seconds')}"
        table.append((text, *(_number(row[key]) for row in rows), "-"))
    titles = "; ".join(f"{row['name']}: {row['title']}" for row in rows)
    counted = (
        f"Baselines, fitted on the same training data, {report['counts']['generated']:,} samples "
        f"each, compared as above ({titles})."
    )
    return [counted, "\n".join("| " + " | ".join(row) + " |" for row in table)]


def about_seconds(report: Mapping[str, Any], seconds: Mapping[str, float]) -> str:
    """A sentence: how long the baseline of a report took.

    Args:
        report: the dictionary of a `Report`.
        seconds: to `fit` and to `sample` as many as were generated.
    """
    name = report["baseline"]
    return (
        f"Time of the {name}: {seconds['fit']:.3g} s to fit, {seconds['sample']:.3g} s to draw "
        f"{report['counts']['generated']:,} samples."
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
