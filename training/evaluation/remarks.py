"""What a reader needs beside the table of a report: reasons, errors, tests, counts."""

from collections.abc import Mapping
from typing import Any

from ganapp.training.evaluation.lost_tails import about_lost_tails
from ganapp.training.messages import MOST

SURE_ENOUGH = 0.9  # held-out accuracy below which features of a classifier are a weak judge


def remarks(report: Mapping[str, Any]) -> list[str]:
    """What a reader needs beside the table: missing values, the classifier, copies."""
    lines = [f"- {sentence}" for sentence in about_missing(report)]
    details = report["details"]
    accuracy = details.get("classes_found", {}).get("classifier_accuracy")
    if accuracy is not None:
        lines.append(f"- The classifier labels {accuracy:.1%} of the held-out examples correctly.")
    if (caution := about_weak_features(report)) is not None:
        lines.append(f"- {caution}")
    lines += _about_classes(details.get("classes_found", {}))
    lines += _about_stacks(report) + _about_fewer_samples(report)
    lines += _about_errors(details) + _about_tests(details) + _about_ranks(report)
    if "class_coverage" in details:
        lines.append(_about_coverage(details["class_coverage"]))
    lines += [f"- {sentence}" for sentence in about_lost_tails(report)]
    copies = details.get("memorised")
    if copies is not None:
        lines.append(
            "- Memorised: nearer to a training example than 95 % of the training examples are to "
            f"each other. The nearest real example is a training one for "
            f"{copies['nearest_in_training']:.1%} of the samples; without copying it would "
            f"be about {copies['nearest_in_training_expected']:.1%}."
        )
    return ["\n".join(lines)] if lines else []


def about_weak_features(report: Mapping[str, Any]) -> str | None:
    """A caution where the figures are in features of a classifier that is often wrong."""
    accuracy = report["details"].get("classes_found", {}).get("classifier_accuracy")
    spaces = {figure["space"] for figure in report["figures"].values()}
    if accuracy is None or accuracy >= SURE_ENOUGH or not any("classifier" in s for s in spaces):
        return None
    return (
        f"Figures in features of a classifier that is wrong on {1 - accuracy:.1%} of the held-out "
        "examples flatter: it sees little of what a person sees, so poor samples pass. Look at the "
        "pictures, and compare such figures with each other only."
    )


def _about_classes(found: Mapping[str, Any]) -> list[str]:
    """Which class is rarest, which commonest, beside their shares of the training data."""
    total, known = (sum(found.get(key, ())) for key in ("histogram", "training_histogram"))
    if not total or not known:
        return []
    shares = [
        (count / total, name, count_of_training / known)
        for count, name, count_of_training in zip(
            found["histogram"], found["names"], found["training_histogram"], strict=True
        )
    ]
    ends = {"smallest": min(shares), "largest": max(shares)}
    text = ", ".join(
        f"{which} class: {name} ({share:.1%}; {training:.1%} of the training data)"
        for which, (share, name, training) in ends.items()
    )
    return [f"- {text[0].upper()}{text[1:]}."]


def _about_coverage(covered: Mapping[str, Any]) -> str:
    """How much of each class is covered; of many classes, of those that are covered least."""
    names = covered.get("names", covered["classes"])  # reports of old have none
    each = list(zip(names, covered["each"], strict=True))
    which = "classes"
    if len(each) > MOST:
        which = f"the {MOST} of {len(each)} classes that are covered least"
        each = sorted(each, key=lambda one: one[1])[:MOST]
    shares = ", ".join(f"{label}: {share:.2f}" for label, share in each)
    return f"- Coverage within {which}: {shares}."


def about_missing(report: Mapping[str, Any]) -> list[str]:
    """Why figures have no value; those without one for the same reason in one line."""
    names: dict[tuple[str, str], list[str]] = {}
    for figure in report["figures"].values():
        columns: dict[str, list[str]] = {}
        for column, reason in figure["reasons"].items():
            columns.setdefault(reason, []).append(column)
        for reason, some in columns.items():
            names.setdefault((", ".join(some), reason), []).append(figure["name"])
    return [
        f"{', '.join(figures)}: ({columns}) {reason}."
        for (columns, reason), figures in names.items()
    ]


def missing_in_short(report: Mapping[str, Any], last: Mapping[str, Any] | None = None) -> list[str]:
    """Why a table has dashes, one sentence per reason; columns are named where a value is there.

    Args:
        report: the dictionary of the report that the table shows.
        last: another one whose values stand beside.
    """
    names: dict[tuple[str, str], list[str]] = {}
    for key, figure in report["figures"].items():
        reasons = dict(figure["reasons"])
        if last is not None and "value" not in reasons:
            beside = last["figures"].get(key, {}).get("reasons", {})
            reasons |= {"last": beside["value"]} if "value" in beside else {}
        said = {} if "value" not in reasons else {reasons["value"]: ""}
        if not said:
            for reason in reasons.values():
                columns = [column for column, other in reasons.items() if other == reason]
                said[reason] = f" ({', '.join(columns)})"
        for reason, where in said.items():
            names.setdefault((where, reason), []).append(figure["name"])
    return [
        f"{_named(some, len(report['figures']))}{where}: {reason}."
        for (where, reason), some in names.items()
    ]


def _named(names: list[str], count: int) -> str:
    return f"All {count} figures" if len(names) == count else ", ".join(names)


def _about_errors(details: Mapping[str, Any]) -> list[str]:
    """How sure the figures with a known error are."""
    lines = []
    kernel = details.get("kernel_distance", {})
    if "standard_error" in kernel:
        line = f"- Standard error of the kernel distance: {number(kernel['standard_error'])}"
        if "interval" in kernel:
            low, high = map(number, kernel["interval"])
            line += f"; 95 % interval from disjoint blocks: {low} to {high}"
        lines.append(f"{line}.")
    if "path_length" in details:
        error = details["path_length"]["standard_error"]
        lines.append(f"- Standard error of the perceptual path length: {number(error)}.")
    score = details.get("class_score", {})
    if "mean_of_parts" in score:
        lines.append(
            f"- Class score over ten parts: {score['mean_of_parts']:.3f} ± "
            f"{score['spread_of_parts']:.3f}; the highest possible is {score['classes']}."
        )
    return lines


def _about_tests(details: Mapping[str, Any]) -> list[str]:
    """How likely as many right answers of a two-sample test would be by chance."""
    tests = {"neighbour_test": "1-NN", "logistic_test": "logistic"}
    return [
        f"- Two-sample test, {name}: {found['real_accuracy']:.1%} of the real and "
        f"{found['generated_accuracy']:.1%} of the generated examples are told, p = "
        f"{found['p_value']:.2g} on {found['judged']:,} examples."
        for key, name in tests.items()
        if (found := details.get(key))
    ]


def _about_ranks(report: Mapping[str, Any]) -> list[str]:
    """Whether the Fréchet distance comes from fewer samples than the space has dimensions."""
    found = report["details"].get("frechet_distance", {})
    fewer = {
        name: count
        for name, count in {"value": found.get("fewest"), **_matched_counts(report)}.items()
        if count is not None and count <= found.get("dimension", 0)
    }
    if not fewer:
        return []
    some = ", ".join(f"{count:,} ({name})" for name, count in fewer.items())
    return [
        f"- Fréchet distance: the {found['dimension']:,} dimensions of its space are more than the "
        f"samples, {some}; its covariances are singular, which adds to the distance: compare "
        "equal counts only."
    ]


def _matched_counts(report: Mapping[str, Any]) -> dict[str, int | None]:
    matched = report["counts"].get("matched")
    return {"matched, floor": matched or None}


def _about_stacks(report: Mapping[str, Any]) -> list[str]:
    """Where modes are told apart by a classifier: how good it is, and what chance alone does."""
    found = report["details"].get("modes", {})
    if "expected_kl" not in found:
        return []
    accuracy = found["classifier_accuracy"]
    known = "" if accuracy is None else f", right on {accuracy:.1%} of the held-out ones"
    return [
        f"- Modes: {found['true_modes']:,} combinations of one class per channel, told by a "
        f"classifier of single images{known}; mode KL is from their histogram to the uniform one, "
        f"in nats. For {report['counts']['generated']:,} samples of a perfect sampler, expect "
        f"{found['expected_modes']:,.1f} modes and a mode KL of {number(found['expected_kl'])}."
    ]


def _about_fewer_samples(report: Mapping[str, Any]) -> list[str]:
    """Which figures use a random part of the samples, because all would take too long."""
    names: dict[int, list[str]] = {}
    for figure in report["figures"].values():
        if figure["generated"] < report["counts"]["generated"]:
            names.setdefault(figure["generated"], []).append(figure["name"])
    return [
        f"- {', '.join(some)}: from at most {most:,} samples of each side, drawn at random."
        for most, some in names.items()
    ]


def number(value: float | None) -> str:
    """Three digits, or a dash where there is no value."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
