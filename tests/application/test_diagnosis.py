"""Alarms of a run: on the terminal once each, in its files at every look."""

import io
import json
import shlex

import numpy as np
import pytest
from rich.console import Console
from run_case import RING, ganapp

from ganapp.config.loading import load_config
from ganapp.runner.diagnosis import (
    AlarmPrinter,
    examined_steps,
    recorded_alarms,
    unfit_remedies,
)
from ganapp.runner.experiment import compose
from ganapp.runs import Run
from ganapp.training.callbacks.evaluation import labels_of_both
from ganapp.training.callbacks.metrics import MetricsLog
from ganapp.training.diagnostics import alarms as alarms_module
from ganapp.training.diagnostics.alarms import PLAYERS, Alarm, Remedy, wandering

FOUR = 'prior = { name = "bernoulli", size = 2 }'
REMEDIES = [each for each in vars(alarms_module).values() if isinstance(each, Remedy)]
MORE = Remedy(setting="more")
ALARM = Alarm(name="duplicates", seen="80% [of] pairs", meaning="few differ", remedies=(MORE,))


def announced(run, *told):
    text = io.StringIO()
    announcer = AlarmPrinter(run, Console(file=text, width=200))
    for step, alarms in told:
        announcer.alarms(step, {}, alarms)
    return text.getvalue()


def row(step, **alarms):
    return json.dumps({"step": step, "watch": {"alarms": alarms}}) + "\n"


def test_both_sides_are_scored_with_labels_or_neither():
    known, partly = np.array([0, 1, 2]), np.array([0, -1, 2])
    assert labels_of_both(known, known) == (known, known)
    for labels in ((partly, known), (known, partly), (None, known), (None, None)):
        assert labels_of_both(*labels) == (None, None)


def test_each_kind_is_announced_once(tmp_path):
    run = Run(tmp_path)
    once = "Alarm (duplicates) at step 1,000: 80% [of] pairs: few differ; try more.\n"
    assert announced(run, (500, []), (1000, [ALARM]), (1500, []), (2000, [ALARM])) == once
    run.metrics.write_text(row(900, duplicates="seen before the run was resumed"))
    assert announced(run, (1000, [ALARM])) == ""


def test_both_players_may_raise_the_same_alarm(tmp_path):
    run, log = Run(tmp_path), MetricsLog(tmp_path / "metrics.jsonl", 1)
    alarms = [wandering([1.0] * 30, player=player) for player in ("generator", "discriminator")]
    log.alarms(7, {}, alarms)
    keys = ["wandering (generator)", "wandering (discriminator)"]
    assert [alarm["name"] for alarm in recorded_alarms(run)] == keys
    run.metrics.unlink()
    said = announced(run, (7, alarms))
    assert [said.count(f"the {player}'s weights") for player in PLAYERS] == [1, 1]


def test_a_damaged_row_is_left_out(tmp_path):
    run = Run(tmp_path)
    run.metrics.write_text('{"step": 5, "watch": 3}\n' + row(6, saturation="A"))
    assert examined_steps(run) == [6]
    assert run.read_series() == {"step": [6.0]}


def test_remedies_of_a_run_leave_out_what_it_uses_and_what_is_not_for_it():
    digits = unfit_remedies(compose(load_config("digits", ["objective.terms.pulling_away={}"])))
    assert {"relativistic", "r1", "pulling_away", "minibatch", "falling_rates"} <= digits
    assert digits.isdisjoint({"packing", "diff_augment", "spectral_norm", "clipnorm"})
    settings = ["objective.name=f_kl", "discriminator.packing=2", "objective.discriminator_steps=2"]
    ring = unfit_remedies(compose(load_config("ring", settings)))
    assert {"f_kl", "packing", "diff_augment"} <= ring
    assert ring.isdisjoint({"alternative_goal", "one_discriminator_step", "minibatch", "r1"})


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("digits", ["generator.condition=concatenation", "discriminator.condition=projection"]),
        ("digits", ["training.batch_size=63"]),
        ("digits", ["discriminator.normalisation=batch", "objective.terms={}"]),
        ("digits-ebgan", []),
        ("ring", ["objective.name=wgan"]),
    ],
)
def test_no_remedy_that_is_left_would_be_refused(preset, changes):
    """What a setting is refused with is not to be tried: each is put into the configuration."""
    left_out = unfit_remedies(compose(load_config(preset, changes)))
    tried = {
        each.name: shlex.split(each.setting.strip("`"))[1::2]
        for each in REMEDIES
        if each.setting.startswith("`--set ") and each.name not in left_out
    }
    assert len(tried) > 4
    for settings in tried.values():
        load_config(preset, [*changes, *settings])


def test_alarms_are_counted(tmp_path):
    run = Run(tmp_path)
    assert recorded_alarms(run) == []
    assert examined_steps(run) == []
    rows = (row(5), row(10, saturation="A"), row(15, saturation="B", wandering="C"), row(20))
    run.metrics.write_text('{"step": 1, "generator_loss": 0.5}\n' + "".join(rows))
    assert examined_steps(run) == [5, 10, 15, 20]
    saturation, wandering = recorded_alarms(run)
    assert saturation == {
        "name": "saturation",
        "first": 10,
        "last": 15,
        "looks": 2,
        "sentence": "B",
    }
    assert (wandering["first"], wandering["last"], wandering["looks"]) == (15, 15, 1)


def test_a_generator_that_makes_four_points_raises_the_alarm_everywhere(tmp_path):
    preset = tmp_path / "four.toml"
    preset.write_text(RING.replace("prior = { size = 2 }", FOUR))
    run = Run(tmp_path / "run")
    # Of packs no theory is known, which would be compared at length; one epoch has eight looks.
    short = ("--set", "discriminator.packing=2", "--set", "training.epochs=1")
    said = ganapp("train", preset, "--run", run.directory, *short)
    assert said.code == 0, said.errors
    assert said.output.count("Alarm (duplicates) at step ") == 1
    (alarm,) = [alarm for alarm in recorded_alarms(run) if alarm["name"] == "duplicates"]
    report = run.read_report()
    assert alarm in report["alarms"]
    assert report["looks"] == len(examined_steps(run))
    assert alarm["last"] == report["last"]["step"]
    page = (run.directory / "report.md").read_text()
    assert f"still at the end): {alarm['sentence']}" in page
