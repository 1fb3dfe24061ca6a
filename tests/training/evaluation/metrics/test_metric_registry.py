"""The registry of metrics: a new one is one object, and the rest of the house finds it there."""

import numpy as np
import pytest
from evaluation_cases import grid_points, make_evaluator, vector_spec

from ganapp.training.evaluation.metric import Figure, Metric
from ganapp.training.evaluation.metrics import METRICS
from ganapp.training.evaluation.report import write_report
from ganapp.training.evaluation.verdict import verdict


def compute(given):
    real, generated = given.features(given.data.plain_space)
    shift = float(np.abs(real.mean(axis=0) - generated.mean(axis=0)).max())
    return {"mean_shift": shift}, {"columns": real.shape[1]}


def resample(given, weights):
    real, generated = given.features(given.data.plain_space)
    means = weights @ generated / len(generated)
    return {"mean_shift": np.abs(means - real.mean(axis=0)).max(axis=1)}


def note(report):
    found = report["details"].get("mean_shift")
    return [] if found is None else [f"Shift of the means: of {found['columns']} columns."]


def veto(report):
    figure = report["figures"].get("mean_shift")
    return "The means are far off." if figure and figure["value"] > 1.0 else None


MEAN_SHIFT = Metric(
    figures={"mean_shift": Figure("lower", "largest shift of a mean", group="distance")},
    compute=compute,
    resample=resample,
    applies=lambda data: data.spec.kind == "vector",
    most=100,
    note=note,
    veto=veto,
)


@pytest.fixture
def registered():
    METRICS.append(MEAN_SHIFT)
    yield
    METRICS.remove(MEAN_SHIFT)


def test_a_metric_is_one_object(registered, tmp_path):
    evaluator = make_evaluator(vector_spec(), train=grid_points(0), held_out=grid_points(1))
    report = evaluator.report(grid_points(2) + np.float32(3.0)).as_dict() | {"step": 1}
    figure = report["figures"]["mean_shift"]
    assert figure["name"] == "largest shift of a mean"
    assert figure["value"] == pytest.approx(3.0, abs=0.5)
    assert figure["floor"] < figure["matched"]
    assert figure["standard_error"] > 0
    assert (figure["generated"], figure["real"], figure["space"]) == (100, 100, "standardised")
    assert report["details"]["mean_shift"] == {"columns": 2}
    assert "mean_shift" in evaluator.evaluate(grid_points(2))
    page = write_report(tmp_path, title="shifted", best=None, last=report).read_text()
    assert "| largest shift of a mean |" in page
    assert "- Shift of the means: of 2 columns." in page
    assert "The means are far off." in verdict(report)


def test_every_metric_is_described_once():
    keys = [metric.key for metric in METRICS]
    assert len({id(metric) for metric in METRICS}) == len(METRICS)
    named = [(key, figure) for metric in METRICS for key, figure in metric.figures.items()]
    assert all(figure.better in ("higher", "lower", "one", "half") for _, figure in named)
    # Modes are counted in known mixtures and in stacks, which no source has both of.
    assert [key for key in keys if keys.count(key) > 1] == ["modes", "modes"]
    names = [figure.name or key.replace("_", " ") for key, figure in named if key != "modes"]
    assert len(set(names)) == len(names)
