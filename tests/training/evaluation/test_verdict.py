"""The verdict: a pure function of a report, fair to ties, groups and what nothing makes good."""

import pytest

from ganapp.training.evaluation.verdict import compare_with_baseline, verdict

NAME = "10-component Gaussian mixture"


def figure(value, baseline, *, better="higher", floor=None, matched=None, **more):
    return {
        "name": more.pop("name", "figure"),
        "better": better,
        "value": value,
        "baseline": baseline,
        "matched": value if floor is not None and matched is None else matched,
        "floor": floor,
        "generated": 1000,
        "matched_generated": 500,
        "main": True,
        **more,
    }


def report(details=None, **figures):
    for key, each in figures.items():
        each["name"] = key
    return {
        "baseline": NAME,
        "counts": {"generated": 1000},
        "figures": figures,
        "details": details or {},
    }


def extra(value, floor=None, better="lower"):
    return figure(value, None, better=better, floor=floor) | {"main": False}


GOOD = {
    "precision": figure(0.95, 0.80, floor=0.96),
    "recall": figure(0.90, 0.60, floor=0.95),
    "coverage": figure(0.90, 0.60, floor=0.95),
    "frechet_distance": figure(0.1, 0.4, better="lower", standard_error=0.02),
}


def good(**more):
    return report(**{key: dict(each) for key, each in GOOD.items()}, **more)


def test_a_difference_within_the_error_is_a_tie_and_said_so():
    close = good()
    close["figures"]["frechet_distance"] |= {"value": 0.39}
    assert compare_with_baseline(close).outcomes["distance"] == "level"
    assert verdict(close).endswith("; level within the error on 1.")
    worse = good()
    worse["figures"]["frechet_distance"] |= {"value": 0.44}
    assert compare_with_baseline(worse).outcomes["distance"] == "level"
    worse["figures"]["frechet_distance"] |= {"value": 0.50}
    assert compare_with_baseline(worse).outcomes["distance"] == "worse"
    assert "loses to" in verdict(worse)
    ties = report(precision=figure(0.81, 0.80), coverage=figure(0.61, 0.60))
    assert verdict(ties) == (
        f"The GAN is level with the {NAME} on all 2 groups of figures: every difference is within "
        "the error."
    )


def test_an_interval_of_a_kernel_distance_is_its_error():
    kernel = figure(0.10, 0.20, better="lower")
    for reach, outcome in ((0.01, "better"), (0.2, "level")):
        details = {
            "kernel_distance": {"standard_error": 1e-4, "interval": [0.1 - reach, 0.1 + reach]}
        }
        found = compare_with_baseline(report(details, kernel_distance=dict(kernel)))
        assert found.outcomes == {"distance": outcome}


def test_figures_that_say_the_same_count_once():
    shares = {
        "classes_found": figure(10, 10),
        "smallest_class_share": figure(0.01, 0.09),
        "largest_class_share": figure(0.4, 0.12, better="lower"),
        "class_kl": figure(0.4, 0.01, better="lower", standard_error=0.01),
    }
    found = compare_with_baseline(good(density=figure(0.9, 0.5, standard_error=0.05), **shares))
    assert found.outcomes == {
        "fidelity": "better",
        "diversity": "better",
        "distance": "better",
        "classes": "worse",
    }
    assert "on 1 of 4 groups of figures: smallest_class_share (0.01 against 0.09)" in verdict(
        good(density=figure(0.9, 0.5, standard_error=0.05), **shares)
    )


def test_a_group_that_is_better_and_worse_is_mixed_and_no_praise():
    mixed = good()
    mixed["figures"]["recall"] |= {"value": 0.4, "matched": 0.4}
    assert compare_with_baseline(mixed).outcomes["diversity"] == "mixed"
    assert verdict(mixed) == (
        f"Compared with the {NAME}: better on 2 of 3 groups of figures; mixed on 1: recall (0.4 "
        "against 0.6)."
    )


def test_fewer_copies_and_more_crowding_than_real_data_are_no_merit():
    found = compare_with_baseline(
        report(
            memorised=figure(0.0, 0.05, better="lower", floor=0.05),
            density=figure(1.0, 1.5, floor=1.0, standard_error=0.01),
        )
    )
    assert set(found.outcomes.values()) == {"level"}


def test_none_of_a_few_is_no_proof_of_none():
    shares = report(copied=figure(0.0, 0.002, better="lower"))
    assert compare_with_baseline(shares).outcomes == {"copies": "level"}


def test_without_a_known_error_a_small_difference_is_none_and_counts_are_exact():
    motion = report(motion=figure(0.60, 0.61, better="one"))
    assert compare_with_baseline(motion).outcomes == {"movement": "level"}
    assert compare_with_baseline(report(modes=figure(24, 25))).outcomes == {"modes": "worse"}


@pytest.mark.parametrize(
    ("key", "bad", "fair", "words"),
    [
        ("duplicates", extra(0.62, 0.05), extra(0.08, 0.05), "repeat each other"),
        ("duplicates", extra(0.62), extra(0.07), "repeat each other"),
        ("copied", extra(0.3, 0.0), extra(0.02, 0.0), "training rows"),
        ("memorised", extra(0.4, 0.06), extra(0.09, 0.06), "copied from the training data"),
        (
            "authenticity",
            extra(0.1, 0.5, "higher"),
            extra(0.45, 0.5, "higher"),
            "hug the training data",
        ),
        (
            "neighbour_test",
            extra(0.85, 0.5, "half"),
            extra(0.6, 0.5, "half"),
            "told from real data far better than by chance",
        ),
        ("neighbour_test", extra(0.2, 0.5, "half"), extra(0.42, 0.5, "half"), "copies"),
        (
            "logistic_test",
            extra(0.85, 0.5, "half"),
            extra(0.55, 0.5, "half"),
            "told from real data far better than by chance",
        ),
    ],
)
def test_no_praise_beside_what_no_comparison_makes_good(key, bad, fair, words):
    assert verdict(good(**{key: dict(fair)})).startswith(
        f"The GAN is at least as good as the {NAME} on all 3 groups of figures: better on all ("
    )
    said = verdict(good(**{key: dict(bad)}))
    assert words in said
    assert "at least as good" not in said
    assert said.index(words) < said.index("Compared with the")


def test_lost_tails_are_in_the_verdict():
    tails = {"column": "amount", "kind": "spread", "seen": "", "chance": 1e-9}
    details = {"lost_tails": {"found": [tails, tails | {"kind": "upper tail"}]}}
    said = verdict(report(details, **{key: dict(each) for key, each in GOOD.items()}))
    assert said.startswith("Tails are unlike the data's in 1 column (amount).")
    assert "at least as good" not in said


def test_old_reports_without_errors_are_read():
    old = good()
    for each in old["figures"].values():
        each.pop("standard_error", None)
    assert "at least as good" in verdict(old)
