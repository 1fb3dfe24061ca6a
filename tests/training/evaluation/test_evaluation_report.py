"""The report files: valid, whole, and honest about the baseline."""

import copy
import json

import pytest
from evaluation_cases import GRID, grid_points, make_evaluator, vector_spec

from ganapp.training.evaluation import report as module
from ganapp.training.evaluation.report import report_notes, short_missing_notes, write_report
from ganapp.training.evaluation.verdict import losses_to_baseline, verdict


@pytest.fixture(scope="module")
def judged():
    evaluator = make_evaluator(
        vector_spec(), train=grid_points(0), held_out=grid_points(1), modes=GRID
    )
    best = {**evaluator.report(grid_points(2)).as_dict(), "step": 3000}
    last = {**evaluator.report(grid_points(3, modes=2)).as_dict(), "step": 4000}
    return best, last


def table_rows(page):
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for line in lines if (cells := line.strip("| ").split(" | "))}


def test_both_files_hold_both_checkpoints(tmp_path, judged):
    best, last = judged
    path = write_report(
        tmp_path,
        title="grid / r1",
        best=best,
        last=last,
        pictures={"samples": "samples/best.png"},
        notes=("A note.",),
    )
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["best"] == best
    assert content["last"] == last
    page = path.read_text()
    assert page.startswith("# grid / r1\n")
    assert "![samples](samples/best.png)" in page
    assert "A note." in page
    assert "step 3,000" in page
    rows = table_rows(page)
    assert rows["modes"][:2] == ["9", "2"]
    assert set(rows) == {"figure", "---", *(figure["name"] for figure in best["figures"].values())}
    assert {len(row) for row in rows.values()} == {8}
    assert sorted(item.name for item in tmp_path.iterdir()) == ["report.json", "report.md"]


def test_no_alarm_is_said_only_where_all_could_be_decided(tmp_path, judged):
    said = {}
    for undecided in ({}, {"oscillation": "12 values of the score gap, 32 are needed"}):
        path = write_report(
            tmp_path, title="t", best=None, last=judged[1], looks=25, undecided=undecided
        )
        said[bool(undecided)] = path.read_text()
    assert "No alarm in 25 looks along the training." in said[False]
    assert "No alarm" not in said[True]
    assert (
        "Nothing of what could be decided was found in 25 looks along the training. Undecided: "
        "oscillation (12 values of the score gap, 32 are needed)." in said[True]
    )
    assert json.loads((tmp_path / "report.json").read_text())["undecided"] == undecided


def test_classes_are_named_by_their_names(judged):
    details = {"class_coverage": {"classes": [0, 1], "names": ["cat", "dog"], "each": [0.5, 0.25]}}
    said = "\n".join(report_notes({**judged[0], "details": details}))
    assert "- Coverage within classes: cat: 0.50, dog: 0.25." in said


def test_coverage_of_many_classes_names_those_covered_least(judged):
    for count, expected in (
        (3, "- Coverage within classes: 0: 0.00, 1: 0.99, 2: 0.98."),
        (30, "- Coverage within the 10 of 30 classes that are covered least: 0: 0.00, 29: 0.71, "),
    ):
        each = [0.0, *(1 - place / 100 for place in range(1, count))]
        details = {"class_coverage": {"classes": list(range(count)), "each": each}}
        said = "\n".join(report_notes({**judged[0], "details": details}))
        assert expected in said
        assert said.count(": 0.") == min(count, 10)


def test_without_a_best_checkpoint_the_last_is_the_main_one(tmp_path, judged):
    _, last = judged
    page = write_report(tmp_path, title="t", best=None, last=last).read_text()
    assert table_rows(page)["modes"][:2] == ["-", "2"]
    assert json.loads((tmp_path / "report.json").read_text())["best"] is None
    assert "best checkpoint" not in page


def test_the_verdict_follows_the_figures(judged):
    best, last = copy.deepcopy(judged[0]), judged[1]
    # The mixture knows as many components as there are modes, so it draws as well as real data
    # do, and which of the two is nearer by this distance is chance.
    best["figures"]["frechet_distance"]["baseline"] = 1.0
    assert not losses_to_baseline(best)
    assert "at least as good as the 9-component Gaussian mixture" in verdict(best)
    losses = losses_to_baseline(last)
    assert {"coverage", "modes", "frechet_distance"} <= set(losses)
    assert verdict(last).startswith("The GAN loses to the 9-component Gaussian mixture on ")
    assert "modes (2 against" in verdict(last)


@pytest.mark.parametrize(
    ("better", "value", "baseline", "lost"),
    [
        ("higher", 0.4, 0.5, True),
        ("higher", 0.5, 0.4, False),
        ("lower", 0.4, 0.5, False),
        ("lower", 0.5, 0.4, True),
        ("one", 1.5, 0.6, True),
        ("one", 0.7, 0.6, False),
        ("higher", 0.5, 0.5, False),
        ("higher", 0.5, None, False),
    ],
)
def test_a_loss_respects_the_direction(better, value, baseline, lost):
    figure = {
        "better": better,
        "value": value,
        "baseline": baseline,
        "matched": None,
        "floor": None,
    }
    report = {"figures": {"figure": figure}, "details": {}}
    assert (losses_to_baseline(report) == ["figure"]) is lost


def test_as_good_as_real_data_or_within_the_error_is_no_loss():
    figure = {"better": "lower", "value": 0.2, "baseline": 0.1, "matched": 0.4, "floor": 0.3}
    report = {"figures": {"kernel_distance": figure}, "details": {}}
    assert losses_to_baseline(report) == ["kernel_distance"]
    real = copy.deepcopy(report)
    real["figures"]["kernel_distance"]["floor"] = 0.4
    assert losses_to_baseline(real) == []
    noisy = {**report, "details": {"kernel_distance": {"standard_error": 0.05}}}
    assert losses_to_baseline(noisy) == []


def test_nothing_to_compare_is_said(judged):
    report = copy.deepcopy(judged[0])
    for figure in report["figures"].values():
        figure["baseline"] = None
    assert verdict(report) == "No figure could be compared with the 9-component Gaussian mixture."


def test_few_samples_and_missing_main_figures_get_no_verdict(judged):
    report = copy.deepcopy(judged[0])
    name = "9-component Gaussian mixture"
    report["counts"]["generated"] = 50
    assert "at least as good" in verdict(report) or "loses to" in verdict(report)
    report["counts"]["generated"] = 49
    assert verdict(report) == (
        f"No verdict: 49 samples are too few to compare with the {name}; at least 50 are needed."
    )
    worse = copy.deepcopy(judged[1])
    for key in ("precision", "frechet_distance"):
        worse["figures"][key]["value"] = None
    said = verdict(worse)
    assert said.startswith(
        f"No verdict: there is no precision and no Fréchet distance to compare with the {name}; "
    )
    count = len(losses_to_baseline(worse))
    assert count > 0
    assert f" figures {count} are worse." in said


def test_reasons_in_short_name_columns_only_where_a_value_is_there(judged):
    report = copy.deepcopy(judged[0])
    assert "All" not in "".join(short_missing_notes(report))
    reasons = {
        "recall": {"value": "Too few", "floor": "Too few"},
        "density": {"value": "Too few"},
        "coverage": {"matched": "None held out", "floor": "None held out"},
    }
    for key, figure in report["figures"].items():
        figure["reasons"] = reasons.get(key, {})
    expected = ["recall, density: Too few.", "coverage (matched, floor): None held out."]
    assert short_missing_notes(report) == expected
    last = copy.deepcopy(report)
    last["figures"]["precision"]["reasons"] = {"value": "Broken"}
    assert short_missing_notes(report, last) == ["precision (last): Broken.", *expected]
    for figure in report["figures"].values():
        figure["reasons"] = {"value": "Too few"}
    assert short_missing_notes(report) == [f"All {len(report['figures'])} figures: Too few."]


def test_the_time_of_the_baseline_is_on_the_page_alone(tmp_path, judged):
    """A resumed run writes the same `report.json` as one never stopped."""
    last = judged[1]
    write_report(tmp_path, title="t", best=None, last=last)
    before = (tmp_path / "report.json").read_bytes()
    seconds = {"fit": 1.234, "sample": 0.05}
    page = write_report(tmp_path, title="t", best=None, last=last, seconds=seconds).read_text()
    said = "Time of the 9-component Gaussian mixture: 1.23 s to fit, 0.05 s to draw 600 samples."
    assert said in page
    assert (tmp_path / "report.json").read_bytes() == before


@pytest.mark.parametrize(
    ("space", "accuracy", "cautions"),
    [("classifier-128", 0.89, 1), ("classifier-128", 0.9, 0), ("pixels", 0.5, 0)],
)
def test_figures_of_a_weak_classifier_come_with_a_caution(
    tmp_path, judged, space, accuracy, cautions
):
    last = copy.deepcopy(judged[1])
    for figure in last["figures"].values():
        figure["space"] = space
    last["details"]["classes_found"] = {"classifier_accuracy": accuracy}
    page = write_report(tmp_path, title="t", best=None, last=last).read_text()
    assert page.count(f"wrong on {1 - accuracy:.1%} of the held-out examples flatter") == cautions
    assert f"labels {accuracy:.1%} of the held-out examples correctly" in page


def test_reasons_are_printed_once_with_their_columns(tmp_path):
    evaluator = make_evaluator(vector_spec(), train=grid_points(0), modes=GRID)
    last = {**evaluator.report(grid_points(1)[:3]).as_dict(), "step": 1}
    page = write_report(tmp_path, title="t", best=None, last=last).read_text()
    assert page.count("no held-out data to take a floor from") == 1
    assert "precision, recall, density, coverage: (value, baseline) `features` must hold" in page


def test_a_failed_write_leaves_the_old_files_and_no_rubbish(tmp_path, judged, monkeypatch):
    best, last = judged
    write_report(tmp_path, title="old", best=best, last=last)
    before = {item.name: item.read_bytes() for item in tmp_path.iterdir()}

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(module.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(tmp_path, title="new", best=best, last=last)
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == before


def test_nan_is_refused(tmp_path, judged):
    best, last = judged
    broken = copy.deepcopy(last)
    broken["figures"]["recall"]["floor"] = float("nan")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_report(tmp_path, title="t", best=best, last=broken)
    assert list(tmp_path.iterdir()) == []
