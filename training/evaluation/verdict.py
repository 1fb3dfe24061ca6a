"""The verdict on a report: a pure function of its dictionary.

Figures that say the same thing form a group and count once. Within a group the samples are better
or worse than the baseline only by more than the error of the difference; else they are level.
However well the baseline is beaten, samples that are copies or that a classifier tells from real
data are called so: these vetoes come first.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

from ganapp.training.evaluation.metric import Figure, ReportData, cautious_error, number
from ganapp.training.evaluation.metrics import METRICS

Outcome = Literal["better", "level", "mixed", "worse"]

BADNESS = {
    "higher": lambda value: -value,
    "lower": lambda value: value,
    "one": lambda value: abs(value - 1.0),
    "half": lambda value: abs(value - 0.5),
}

LEAST_SAMPLES = 50  # fewer samples say nearly nothing
ERRORS = 2.0  # standard errors of a difference, below which it is none
UNKNOWN = 0.05  # of a figure without a known error: the difference that is none


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaselineComparison:
    """The comparison with the baseline, before it is put into words.

    Args:
        outcomes: by group, in the report's order.
        deciding: by group, the figure that is named for it.
        vetoes: sentences on what no comparison makes good.
    """

    outcomes: dict[str, Outcome]
    deciding: dict[str, str]
    vetoes: tuple[str, ...]

    def groups(self, outcome: Outcome) -> list[str]:
        return [group for group, found in self.outcomes.items() if found == outcome]


def compare_with_baseline(report: ReportData) -> BaselineComparison:
    """Compares with the baseline group by group, and looks for what decides alone.

    A group is worse or better when its figures are so beyond their errors, mixed where one is
    better and another worse, and else level.
    """
    members: dict[str, dict[str, Outcome]] = {}
    for key in _compared_figures(report):
        members.setdefault(_figure(key).group or key, {})[key] = compare_figure(key, report)
    outcomes: dict[str, Outcome] = {}
    deciding: dict[str, str] = {}
    for group, found in members.items():
        moved = {key: outcome for key, outcome in found.items() if outcome != "level"}
        kinds = set(moved.values()) or {"level"}
        outcomes[group] = kinds.pop() if len(kinds) == 1 else "mixed"
        deciding[group] = next(iter(moved or found))
    return BaselineComparison(
        outcomes=outcomes, deciding=deciding, vetoes=tuple(find_vetoes(report))
    )


def compare_figure(key: str, report: ReportData) -> Outcome:
    """Compares the samples with the baseline on one figure, beyond the error of the difference.

    A figure whose matched value is at least as good as the floor is never worse: no sampler need be
    better than real data.
    """
    figure = report["figures"][key]
    badness = BADNESS[figure["better"]]
    own, other = badness(figure["value"]), badness(figure["baseline"])
    if _figure(key).capped and figure["floor"] is not None:
        best = badness(figure["floor"])
        own, other = max(own, best), max(other, best)
    margin = ERRORS * error_of_difference(key, report)
    if not margin and not isinstance(figure["value"], int):  # counts of classes or modes are exact
        margin = UNKNOWN * max(abs(own), abs(other))
    if own < other - margin:
        return "better"
    if own > other + margin and not _as_good_as_real(figure):
        return "worse"
    return "level"


def error_of_difference(key: str, report: ReportData) -> float:
    """Standard error of the difference of value and baseline; 0 where none is known.

    That of the value comes from its resamples, from the figure's own theory or from the binomial;
    the baseline, of as many samples, has about the same.
    """
    figure = report["figures"][key]
    own = figure.get("standard_error") or _own_error(key, report)
    if not _figure(key).share:
        return math.sqrt(2.0) * own
    value, baseline = (
        cautious_error(figure[column], figure["generated"]) for column in ("value", "baseline")
    )
    return math.hypot(own or value, max(own, baseline))


def losses_to_baseline(report: ReportData) -> list[str]:
    """Keys of the figures in which the generated samples are worse than the baseline's."""
    return [key for key in _compared_figures(report) if compare_figure(key, report) == "worse"]


def find_vetoes(report: ReportData) -> list[str]:
    """Sentences of the metrics on what no other figure makes good."""
    found = [metric.veto(report) for metric in METRICS if metric.veto is not None]
    return [sentence for sentence in found if sentence is not None]


def verdict(report: ReportData, subject: str | None = None) -> str:
    """A short text: does the GAN (or another subject) beat the baseline, and is it any good?

    There is none on fewer than 50 samples, or without precision, coverage and Fréchet distance
    where the data have them.
    """
    baseline, generated = report["baseline"], report["counts"]["generated"]
    subject = subject or report.get("subject", "The GAN")
    if generated < LEAST_SAMPLES:
        few = f"{generated} samples are" if generated > 1 else "1 sample is"
        return (
            f"No verdict: {few} too few to compare with the {baseline}; at least {LEAST_SAMPLES} "
            "are needed."
        )
    found = compare_with_baseline(report)
    but = " ".join(found.vetoes)
    if not found.outcomes:
        return _join(f"No figure could be compared with the {baseline}.", but)
    figures, compared = report["figures"], _compared_figures(report)
    absent = [
        figure["name"]
        for key, figure in figures.items()
        if _figure(key).essential and key not in compared
    ]
    if absent:
        losses = losses_to_baseline(report)
        beside = f"; of the other {len(compared)} figures {len(losses)} are worse" if losses else ""
        return _join(
            f"No verdict: there is no {' and no '.join(absent)} to compare with the {baseline}"
            f"{beside}.",
            but,
        )
    if subject == f"The {baseline}" and not found.groups("worse"):
        return _join(f"{subject} is what every run of these data is compared with.", but)
    comparison = _describe_comparison(found, report, subject)
    # What is good of the comparison must not hide what no comparison makes good.
    return _join(*((comparison, but) if found.groups("worse") else (but, comparison)))


def _join(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _describe_comparison(found: BaselineComparison, report: ReportData, subject: str) -> str:
    baseline, count = report["baseline"], len(found.outcomes)
    worse, better, mixed, level = map(found.groups, ("worse", "better", "mixed", "level"))
    what = f"{count} groups of figures" if count > 1 else "one group of figures"

    def named(groups: Sequence[str]) -> str:
        figures = (report["figures"][found.deciding[group]] for group in groups)
        return ", ".join(
            f"{figure['name']} ({number(figure['value'])} against {number(figure['baseline'])})"
            for figure in figures
        )

    beside = f"; mixed on {len(mixed)}: {named(mixed)}" if mixed else ""
    beside += f"; level within the error on {len(level)}" if level else ""
    if worse:
        text = f"{subject} loses to the {baseline} on {len(worse)} of {what}: {named(worse)}"
        text += f"; it is better on {len(better)}: {named(better)}" if better else ""
        return f"{text}{beside}."
    if len(level) == count:
        return (
            f"{subject} is level with the {baseline} on all {what}: every difference is within "
            "the error."
        )
    if found.vetoes or mixed:  # nothing that could be read as praise stands beside a veto
        return f"Compared with the {baseline}: better on {len(better)} of {what}{beside}."
    number_better = "all" if len(better) == count else str(len(better))
    return (
        f"{subject} is at least as good as the {baseline} on all {what}: better on "
        f"{number_better} ({named(better)}){beside}."
    )


def _compared_figures(report: ReportData) -> list[str]:
    return [
        key
        for key, figure in report["figures"].items()
        if figure.get("main", True) and None not in (figure["value"], figure["baseline"])
    ]


def _figure(key: str) -> Figure:
    """The figure of a report; reports of old may have others."""
    known = (metric.figures[key] for metric in METRICS if key in metric.figures)
    return next(known, Figure("higher"))


def _as_good_as_real(figure: ReportData) -> bool:
    badness = BADNESS[figure["better"]]
    if None in (figure["matched"], figure["floor"]):
        return False
    return badness(figure["matched"]) <= badness(figure["floor"])


def _own_error(key: str, report: ReportData) -> float:
    """The error among the details of a figure; of a kernel distance its wider interval."""
    details = report["details"].get(key, {})
    if (interval := details.get("interval")) is not None:
        return (interval[1] - interval[0]) / (2 * 1.96)
    return details.get("standard_error") or 0.0
