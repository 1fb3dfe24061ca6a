"""`show`: how far a run is, and whether its report is of the newest checkpoint; files alone."""

import json

from run_case import ganapp

from ganapp.screen import short_number


def figure(value):
    return {"name": "precision"} | dict.fromkeys(("value", "baseline", "matched", "floor"), value)


def shown(tmp_path, *, checkpoints=(), report=None):
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "checkpoints").mkdir()
    for step in checkpoints:
        (tmp_path / "checkpoints" / f"ckpt-{step}.index").touch()
    if report is not None:
        (tmp_path / "report.json").write_text(json.dumps(report))
    return ganapp("show", tmp_path).output


def report(step):
    judged = {
        "step": step,
        "figures": {"precision": figure(0.5)},
        "counts": {"generated": 50, "train": 20, "held_out": 5, "matched": 5},
        "reference": "all",
        "baseline": "mixture",
    }
    return {"best": None, "last": judged, "verdict": "The GAN is level."}


def test_a_stopped_run_says_how_it_is_judged_and_continued(tmp_path):
    said = shown(tmp_path, checkpoints=(40, 900))
    assert "is not evaluated yet. Its last checkpoint is of step 900: " in said
    assert f"`python -m ganapp evaluate {tmp_path}` judges that one" in said
    assert f"`python -m ganapp resume {tmp_path}` continues it" in said


def test_a_run_without_a_checkpoint(tmp_path):
    assert "is not evaluated yet and has no checkpoint; " in shown(tmp_path)


def test_a_report_of_an_earlier_step_is_said_to_be_one(tmp_path):
    said = shown(tmp_path, checkpoints=(40, 900), report=report(40))
    assert "The GAN is level." in said
    assert "The run has gone on to step 900 since it was evaluated at step 40: " in said


def test_a_report_of_the_newest_step_stands_alone(tmp_path):
    said = shown(tmp_path, checkpoints=(40, 900), report=report(900))
    assert "generator of step 900" in said
    assert "gone on" not in said


def test_numbers_are_those_of_evaluate():
    assert [short_number(x) for x in (None, 1234, 0.00042, 0.5)] == ["-", "1,234", "4.2e-04", "0.5"]
