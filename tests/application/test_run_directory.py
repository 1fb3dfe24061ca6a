"""What a finished run has written."""

import json
import tomllib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from run_case import DIGITS, ganapp, tensors, written
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganapp.config.loading import load_saved
from ganapp.config.schema import Config
from ganapp.runner.experiment import compose
from ganapp.training.callbacks.tensorboard import Board
from ganapp.training.checkpoints import list_steps
from ganapp.training.data import DataSpec

FIGURES = ("precision", "recall", "density", "coverage", "frechet_distance", "classes_found")
TAGS = {
    "losses/generator",
    "losses/discriminator",
    "probabilities/D(x)",
    "probabilities/D(G(z))",
    "scores/gap",
    "scores/real",
    "scores/fake",
    "gradients/generator_norm",
    "gradients/discriminator_norm",
    "learning_rates/generator",
    "learning_rates/discriminator",
    "throughput/examples_per_second",
    "penalties/r1",
    "penalty_weights/r1",
    "samples/ema",
    "samples/raw",
    "samples/real",
    "scores/real_histogram",
    "scores/fake_histogram",
    "configuration",
    *(f"evaluation/{name}" for name in FIGURES),
}


def read_events(folder):
    """Points of every TensorBoard tag: `(step, array)`."""
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return {
        tag: [(each.step, tf.make_ndarray(each.tensor_proto)) for each in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
    }


@pytest.fixture(scope="module")
def ring(trained_and_said):
    """Likewise on the ring."""
    return trained_and_said


@pytest.fixture(scope="module")
def digits(folder):
    """A finished run on digits and what was said; made in this process, so not deterministic."""
    run = folder / "digits"
    settings = ("--set", "training.deterministic=false", "--set", "training.steps_per_epoch=6")
    said = ganapp("train", folder / "tiny_digits.toml", "--run", run, *settings)
    assert said.code == 0, said.errors
    return run, said


@pytest.fixture(scope="module")
def events(digits):
    return read_events(digits[0] / "logs")


def test_everything_is_there_and_nothing_else(digits):
    run, _ = digits
    files = {name for name in written(run) if not name.startswith(("logs/", "checkpoints/"))}
    assert files == {
        ".lock",
        "config.toml",
        "manifest.json",
        "data.npz",
        "metrics.jsonl",
        "report.json",
        "report.md",
        "pictures/samples.png",
        "pictures/neighbours.png",
        "pictures/classes.png",
        "pictures/figures.png",
        "samples/step-000001.png",
        "samples/step-000009.png",
        "samples/step-000018.png",
    }
    assert list_steps(run / "checkpoints") == [18, 16]
    assert len(list((run / "logs").iterdir())) == 1


def test_the_configuration_is_the_resolved_one(digits):
    raw = tomllib.loads(DIGITS)
    raw["training"] |= {"deterministic": False, "steps_per_epoch": 6}
    assert load_saved(digits[0] / "config.toml") == Config.model_validate(raw)


def test_the_manifest(digits):
    manifest = json.loads((digits[0] / "manifest.json").read_text())
    assert manifest["versions"]["tensorflow"] == tf.__version__
    assert manifest["latent"] == {"name": "uniform", "size": 4}
    assert (manifest["seed"], manifest["replicas"]) == (0, 1)
    assert (manifest["steps_per_epoch"], manifest["total_steps"]) == (6, 18)
    spec = DataSpec.from_dict(manifest["data"])
    assert (spec.name, spec.shape, spec.examples, spec.held_out) == ("digits", (8, 8, 1), 1497, 300)


def rows_of(run):
    """Rows of scalars, of evaluations and of looks for alarms."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    evaluations, looks = ([row for row in rows if kind in row] for kind in ("evaluation", "watch"))
    return [row for row in rows if "generator_loss" in row], evaluations, looks


def test_alarms_are_in_the_report_as_they_were_raised(digits):
    looks = rows_of(digits[0])[2]
    raised = {}
    for row in looks:
        for name, sentence in row["watch"].get("alarms", {}).items():
            raised.setdefault(name, []).append((row["step"], sentence))
    report = json.loads((digits[0] / "report.json").read_text())
    assert report["looks"] == 6  # each third look examines examples
    assert {alarm["name"]: alarm["sentence"] for alarm in report["alarms"]} == {
        name: found[-1][1] for name, found in raised.items()
    }
    page = (digits[0] / "report.md").read_text()
    assert "No alarm in 6 looks along the training." in page or all(
        f"**{name}**" in page for name in raised
    )


def test_metrics_at_their_steps(digits):
    scalars, evaluations, looks = rows_of(digits[0])
    assert [row["step"] for row in scalars] == list(range(2, 19, 2))
    assert [row["step"] for row in evaluations] == [6, 12, 18]
    assert [row["step"] for row in looks] == list(range(1, 19))  # fewer than 25 steps: each
    expected = {
        "discriminator_loss",
        "generator_loss",
        "score_gap",
        "real_probability",
        "fake_probability",
        "generator_gradient_norm",
        "discriminator_gradient_norm",
        "penalty/r1",
        "penalty_weight/r1",
        "generator_learning_rate",
        "discriminator_learning_rate",
    }
    for row in scalars:
        assert expected <= row.keys()
        assert all(np.isfinite(value) for value in row.values())
    assert set(FIGURES) <= evaluations[-1]["evaluation"].keys()
    distances = [row["watch"]["discriminator_distance"] for row in looks]
    assert distances[0] == 0
    assert min(distances[1:]) > 0


def test_theory_is_compared_where_the_density_is_known(digits, ring):
    lines = (ring[0] / "metrics.jsonl").read_text().splitlines()
    compared = [row for row in map(json.loads, lines) if "theory" in row]
    assert [row["step"] for row in compared] == [12, 24]
    for row in compared:
        figures = row["theory"]
        assert 0 <= figures["absolute_error"] <= 1
        # No discriminator beats the best one but for the noise of an estimated density.
        assert figures["value"] <= figures["optimal_value"] + 0.1
        assert figures["optimal_value"] > -2 * np.log(2) - 0.1
    assert "theory" not in (digits[0] / "metrics.jsonl").read_text()


def test_schedules_run_over_the_whole_training(digits):
    last = rows_of(digits[0])[0][-1]
    # After 18 generator and 36 discriminator updates both are where they end.
    assert last["generator_learning_rate"] == pytest.approx(1e-4, rel=1e-3)
    assert last["discriminator_learning_rate"] == pytest.approx(1e-4, rel=1e-3)
    assert last["penalty_weight/r1"] == pytest.approx(0.1 ** (17 / 18), rel=1e-3)


def test_checkpoints_hold_every_part(digits):
    parts = {name.split("/")[0] for name in tensors(digits[0])} - {"step of the file"}
    assert parts == {
        "generator",
        "discriminator",
        "ema_generator",
        "generator_optimizer",
        "discriminator_optimizer",
        "counters",
        "generator_history",
        "discriminator_history",
    }
    assert tensors(digits[0])["counters/0"] == 18
    best = tensors(digits[0], "checkpoints/best")
    report = json.loads((digits[0] / "report.json").read_text())
    assert report["best"]["step"] == best["step of the file"]
    assert report["last"]["step"] == 18


def test_tensorboard_holds_the_promised_tags(events):
    assert events.keys() >= TAGS


def test_tensorboard_values_are_those_of_the_metrics(digits, events):
    scalars, evaluations, looks = rows_of(digits[0])
    losses = [(r["step"], r["generator_loss"]) for r in scalars]
    assert [(step, float(value)) for step, value in events["losses/generator"]] == losses
    distances = {r["step"]: r["evaluation"]["frechet_distance"] for r in evaluations}
    shown = {step: float(value) for step, value in events["evaluation/frechet_distance"]}
    assert shown == pytest.approx(distances)
    assert [step for step, _ in events["samples/ema"]] == [1, 9, 18]
    raised = [(r["step"], len(r["watch"]["alarms"])) for r in looks if "alarms" in r["watch"]]
    assert [(step, float(value)) for step, value in events["alarms/raised"]] == raised
    text = events["configuration"][0][1].item().decode()
    assert 'source = "digits"' in text
    assert "terms.r1.weight" in text


def test_a_figure_that_does_not_exist_is_null(ring):
    """Early samples hit no mode of the ring: there is no histogram over modes to judge."""
    rows = [json.loads(line) for line in (ring[0] / "metrics.jsonl").read_text().splitlines()]
    figures = next(row["evaluation"] for row in rows if "evaluation" in row)
    assert figures["high_quality"] == 0
    assert figures["reverse_kl"] is figures["sigma_ratio"] is None
    assert figures["frechet_distance"] > 0


def test_a_figure_beyond_single_precision_does_not_end_the_run(tmp_path):
    board = Board(tmp_path)
    board.evaluation(1, {"kernel_distance": 1e79})
    board.close()
    assert read_events(tmp_path)["evaluation/kernel_distance"] == [(1, np.inf)]


def test_pictures_can_be_looked_at(digits):
    for name in ("samples/step-000018.png", "pictures/samples.png", "pictures/classes.png"):
        with PIL.Image.open(digits[0] / name) as picture:
            assert min(picture.size) >= 64
            assert len(set(picture.convert("L").tobytes())) > 2, "more than a blank"


def test_what_was_said(digits, ring):
    output = digits[1].output
    for words in (
        "1,497 training, 300 held out",
        "parameters",
        "hinge, r1, constraint spectral_norm, 2 discriminator steps",
        "3 epochs x 6 steps = 18 steps",
        "images/s",
        "losses D",
        "floor",
        "report.md",
    ):
        assert words in output
    assert "examples/s" in ring[1].output
    for noise in ("Warning", "WARNING", "tensorflow/core", "port.cc"):
        assert noise not in output


def test_initial_weights_do_not_depend_on_the_data_being_prepared_already(tmp_path):
    raw = tomllib.loads(DIGITS)
    raw["training"]["deterministic"] = False
    raw["data"]["cache_dir"] = str(tmp_path)
    config = Config.model_validate(raw)
    first, second = (compose(config).gan.generator.get_weights() for _ in range(2))
    for before, after in zip(first, second, strict=True):
        np.testing.assert_array_equal(before, after)
