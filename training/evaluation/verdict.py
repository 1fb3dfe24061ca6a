"""The verdict on a report: a pure function of its dictionary.

Figures that say the same thing form a group and count once. Within a group the samples are better
or worse than the baseline only by more than the error of the difference; else they are level. And
however well the baseline is beaten, samples that are copies or that a classifier tells from real
data are called so: these findings, vetoes, come first.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ganapp.training.evaluation.lost_tails import lost_columns
from ganapp.training.evaluation.outcome import NAMES
from ganapp.training.evaluation.remarks import number

Report = Mapping[str, Any]
Figure = Mapping[str, Any]
Outcome = Literal["better", "level", "mixed", "worse"]

BADNESS = {
    "higher": lambda value: -value,
    "lower": lambda value: value,
    "one": lambda value: abs(value - 1.0),
    "half": lambda value: abs(value - 0.5),
}

# What says the same in other numbers. A figure that is in none is a group of its own.
GROUPS = {
    "fidelity": ("precision", "density"),
    "diversity": ("recall", "coverage"),
    "distance": ("frechet_distance", "kernel_distance"),
    "classes": ("classes_found", "smallest_class_share", "largest_class_share", "class_kl"),
    "copies": ("memorised", "copied", "closest_record"),
    "modes": ("modes", "fair_modes", "reverse_kl", "mode_kl"),
    "shape of modes": ("high_quality", "sigma_ratio"),
    "movement": ("change_distance", "motion", "autocorrelation_distance"),
}

# Shares of the samples: without another error they have the binomial one.
SHARES = (
    "precision",
    "recall",
    "coverage",
    "smallest_class_share",
    "largest_class_share",
    "memorised",
    "copied",
    "high_quality",
    "authenticity",
    "duplicates",
    "neighbour_test",
    "logistic_test",
)
# Where more than real data reach is no merit: fewer copies, or more crowding, than held-out data.
CAPPED = ("density", "memorised", "copied", "smallest_class_share", "largest_class_share")

# Fewer samples say nearly nothing; and without these figures the others may flatter.
LEAST_JUDGED, ESSENTIAL = 50, ("precision", "coverage", "frechet_distance")
ERRORS = 2.0  # standard errors of a difference, below which it is none
UNKNOWN = 0.05  # of a figure without a known error: the difference that is none
CERTAIN = 4.0  # standard errors from the floor of what decides alone
TOLD_APART, COPYING = 0.6, 0.4  # accuracy of a two-sample test, beyond its error


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a verdict says, before it is put into words.

    Args:
        outcomes: by group, in the report's order: better, level, mixed, or worse than the baseline.
        deciding: by group, the figure that is named for it.
        vetoes: sentences on what no comparison makes good.
    """

    outcomes: dict[str, Outcome]
    deciding: dict[str, str]
    vetoes: tuple[str, ...]

    def groups(self, outcome: Outcome) -> list[str]:
        """The groups with this outcome."""
        return [group for group, found in self.outcomes.items() if found == outcome]


def compare_with_baseline(report: Report) -> Judgement:
    """Compares with the baseline group by group, and looks for what decides alone.

    A group is worse or better when its figures are so beyond their errors, mixed where one is
    better and another worse, and else level.

    Args:
        report: the dictionary of a `Report`.
    """
    members: dict[str, dict[str, Outcome]] = {}
    for key in _compared_figures(report):
        members.setdefault(_group_of(key), {})[key] = compare_figure(key, report)
    outcomes: dict[str, Outcome] = {}
    deciding: dict[str, str] = {}
    for group, found in members.items():
        moved = {key: outcome for key, outcome in found.items() if outcome != "level"}
        kinds = set(moved.values()) or {"level"}
        outcomes[group] = kinds.pop() if len(kinds) == 1 else "mixed"
        deciding[group] = next(iter(moved or found))
    return Judgement(outcomes=outcomes, deciding=deciding, vetoes=tuple(find_vetoes(report)))


def compare_figure(key: str, report: Report) -> Outcome:
    """How the samples compare with the baseline on one figure, beyond the error of the difference.

    A figure whose matched value is at least as good as the floor is never worse: no sampler need be
    better than real data.
    """
    figure = report["figures"][key]
    badness = BADNESS[figure["better"]]
    own, other = badness(figure["value"]), badness(figure["baseline"])
    if key in CAPPED and figure["floor"] is not None:
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


def error_of_difference(key: str, report: Report) -> float:
    """Standard error of the difference of value and baseline; 0 where none is known.

    That of the value comes from its resamples, from the figure's own theory or from the binomial;
    the baseline, of as many samples, has about the same.
    """
    figure = report["figures"][key]
    own = figure.get("standard_error") or _own_error(key, report)
    if key not in SHARES:
        return math.sqrt(2.0) * own
    value, baseline = (
        _error_of_share(figure[column], figure["generated"]) for column in ("value", "baseline")
    )
    return math.hypot(own or value, max(own, baseline))


def losses_to_baseline(report: Report) -> list[str]:
    """Keys of the figures in which the generated samples are worse than the baseline's.

    Args:
        report: the dictionary of a `Report`.
    """
    return [key for key in _compared_figures(report) if compare_figure(key, report) == "worse"]


def find_vetoes(report: Report) -> list[str]:
    """Sentences on copies, repeated samples, samples that are told from real data and lost tails.

    No figure beside them makes these good.

    Args:
        report: the dictionary of a `Report`.
    """
    found = [rule(report) for rule in RULES]
    return [sentence for sentence in found if sentence is not None]


def verdict(report: Report, subject: str | None = None) -> str:
    """In short: does the GAN (or another that was judged) beat the baseline, and is it any good?

    There is none on fewer than 50 samples, or without precision, coverage and Fréchet distance
    where the data have them.

    Args:
        report: the dictionary of a `Report`.
        subject: who was judged; what the report names, or the GAN.
    """
    baseline, generated = report["baseline"], report["counts"]["generated"]
    subject = subject or report.get("subject", "The GAN")
    if generated < LEAST_JUDGED:
        few = f"{generated} samples are" if generated > 1 else "1 sample is"
        return (
            f"No verdict: {few} too few to compare with the {baseline}; at least {LEAST_JUDGED} "
            "are needed."
        )
    found = compare_with_baseline(report)
    but = " ".join(found.vetoes)
    if not found.outcomes:
        return _join(f"No figure could be compared with the {baseline}.", but)
    figures, compared = report["figures"], _compared_figures(report)
    absent = [figures[key]["name"] for key in ESSENTIAL if key in figures and key not in compared]
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


def _describe_comparison(found: Judgement, report: Report, subject: str) -> str:
    baseline, count = report["baseline"], len(found.outcomes)
    worse, better, mixed, level = map(found.groups, ("worse", "better", "mixed", "level"))
    what = f"{count} groups of figures" if count > 1 else "one group of figures"

    def named(groups: Sequence[str]) -> str:
        return ", ".join(_one_figure(found.deciding[group], report) for group in groups)

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


def _one_figure(key: str, report: Report) -> str:
    figure = report["figures"][key]
    return f"{figure['name']} ({number(figure['value'])} against {number(figure['baseline'])})"


def _compared_figures(report: Report) -> list[str]:
    return [
        key
        for key, figure in report["figures"].items()
        if figure.get("main", True) and None not in (figure["value"], figure["baseline"])
    ]


def _group_of(key: str) -> str:
    return next((group for group, keys in GROUPS.items() if key in keys), key)


def _as_good_as_real(figure: Figure) -> bool:
    badness = BADNESS[figure["better"]]
    if None in (figure["matched"], figure["floor"]):
        return False
    return badness(figure["matched"]) <= badness(figure["floor"])


def _own_error(key: str, report: Report) -> float:
    """What the figure itself says of its error; of a kernel distance its wider interval."""
    details = report["details"].get(key, {})
    if (interval := details.get("interval")) is not None:
        return (interval[1] - interval[0]) / (2 * 1.96)
    return details.get("standard_error") or 0.0


def _error_of_share(share: float, count: int) -> float:
    """Binomial standard error by Agresti and Coull: 0 of 300 is no proof of 0."""
    middle = (share * count + 2.0) / (count + 4.0)
    return math.sqrt(middle * (1.0 - middle) / (count + 4.0))


# Vetoes ---------------------------------------------------------------------------------------


def _excess_rule(key: str, usual: float) -> Callable[[Report], str | None]:
    """Whether a share is far above its floor, which is `usual` where there is no floor."""

    def rule(report: Report) -> str | None:
        share, floor, count = _beside_floor(report, key, usual)
        if share is None or share < max(2.0 * floor, floor + 0.05):
            return None
        error = math.hypot(*(_error_of_share(each, count) for each in (share, floor)))
        if share - floor < CERTAIN * error:
            return None
        return EXCESS[key].format(share=number(share), floor=number(floor))

    return rule


EXCESS = {
    "memorised": "A share of {share} of the samples is as good as copied from the training data "
    "(memorised share; held-out data: {floor}).",
    "copied": "A share of {share} of the samples are training rows, value by value "
    "(held-out rows: {floor}).",
    "duplicates": "The samples repeat each other: a share of {share} are duplicates "
    "(real data: {floor}).",
}


def _find_closeness(report: Report) -> str | None:
    """Whether samples lie nearer to training examples than real data do."""
    share, floor, count = _beside_floor(report, "authenticity", 0.5)
    if share is None or share > floor - 0.2:
        return None
    error = math.hypot(*(_error_of_share(each, count) for each in (share, floor)))
    if floor - share < CERTAIN * error:
        return None
    return (
        "The samples hug the training data: a share of "
        f"{number(share)} is authentic (held-out data: {number(floor)})."
    )


def _find_told_apart(report: Report) -> str | None:
    """Whether a classifier tells samples from real data, or takes them for their copies."""
    apart, copies = [], []
    for key in ("neighbour_test", "logistic_test"):
        figure = report["figures"].get(key)
        if figure is None or figure["value"] is None:
            continue
        count = report["details"].get(key, {}).get("judged", figure["generated"])
        reach = ERRORS * _error_of_share(figure["value"], count)
        if figure["value"] - reach >= TOLD_APART:
            apart.append(key)
        elif key == "neighbour_test" and figure["value"] + reach <= COPYING:
            copies.append(key)

    def listed(keys: Sequence[str]) -> str:
        return ", ".join(f"{NAMES[key]}: {number(report['figures'][key]['value'])}" for key in keys)

    if apart:
        return (
            f"Samples are told from real data far better than by chance ({listed(apart)}; chance "
            "is 0.5)."
        )
    if copies:
        return (
            f"Samples are nearer to real examples than those are to each other ({listed(copies)}; "
            "chance is 0.5): copies."
        )
    return None


def _find_lost_tails(report: Report) -> str | None:
    """Whether columns have lost their tails."""
    columns = lost_columns(report)
    if not columns:
        return None
    shown = ", ".join(columns[:5]) + (", ..." if len(columns) > 5 else "")
    number_lost = f"{len(columns)} column{'s' if len(columns) > 1 else ''}"
    return f"Tails are unlike the data's in {number_lost} ({shown})."


def _beside_floor(report: Report, key: str, usual: float) -> tuple[float | None, float, int]:
    """Share, floor and count of the samples, all matched where there is a floor."""
    figure = report["figures"].get(key)
    if figure is None:
        return None, usual, 1
    if None not in (figure["matched"], figure["floor"]):
        return figure["matched"], figure["floor"], max(1, figure["matched_generated"])
    return figure["value"], usual, max(1, figure["generated"])


RULES: tuple[Callable[[Report], str | None], ...] = (
    _excess_rule("copied", 0.0),
    _excess_rule("memorised", 0.05),
    _find_closeness,
    _excess_rule("duplicates", 0.05),
    _find_told_apart,
    _find_lost_tails,
)
