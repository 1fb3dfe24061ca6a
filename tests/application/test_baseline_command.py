"""`ganapp baseline`, and baselines in the report of a run."""

import json

import numpy as np
import pytest
from run_case import RING, ganapp

from ganapp.config.loading import load_config
from ganapp.runner.experiment import compose
from ganapp.runs import Run


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def test_a_baseline_on_a_preset_is_judged_like_a_run(tmp_path):
    out = tmp_path / "new" / "folder"
    options = ["--set", "components=8", "--set", "evaluation.samples=100"]
    said = ganapp("baseline", "pca_gaussian", "digits", *options, "--out", out)
    assert said.code == 0, said.errors
    assert "s to fit" in said.output
    assert "held out log density" in said.output
    report = report_of(out)
    assert report["best"] is None
    assert report["last"]["step"] is None
    assert report["last"]["counts"]["generated"] == 100
    assert report["verdict"].startswith("The Gaussian on 8 principal components ")
    (row,) = report["baselines"]
    assert row["options"] == {"components": 8}
    assert 0 <= row["sample_seconds"] < 60
    values = {key: figure["value"] for key, figure in report["last"]["figures"].items()}
    assert row["figures"].items() <= values.items()  # those that cost little
    assert report["last"]["figures"]["frechet_distance"]["floor"] > 0
    page = (out / "report.md").read_text()
    assert "seconds to fit" in page
    assert "held-out log-density (nats)" in page
    assert "| best |" not in page
    for path in report["pictures"].values():
        assert (out / path).stat().st_size > 500
    with np.load(out / "samples.npz") as arrays:
        assert arrays["samples"].shape == (100, 8, 8, 1)


def test_a_source_by_its_name_and_the_next_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--set", "evaluation.samples=60", "--set", "data.noise=0.2", "--json"]
    for number in (1, 2):
        said = ganapp(
            "baseline", "metropolis", "moons", *options, "--set", "burn_in=100", "--set", "chains=9"
        )
        assert said.code == 0, said.errors
        report = json.loads(said.output)
        assert report == report_of(tmp_path / "runs" / f"baseline-metropolis-moons-000{number}")
    facts = report["baselines"][0]["facts"]
    assert set(facts) == {"acceptance_rate", "effective_samples", "scale_reduction"}


def test_the_mixture_alone_scores_what_stands_beside_every_run(tmp_path):
    options = ["--set", "evaluation.samples=60", "--out", tmp_path]
    assert ganapp("baseline", "mixture", "ring", *options).code == 0
    report = report_of(tmp_path)
    assert report["last"]["baseline"] == "8-component Gaussian mixture"
    for figure in report["last"]["figures"].values():
        assert figure["value"] == figure["baseline"], figure["name"]
    assert "is what every run of these data is compared with" in report["verdict"]


def test_clips_from_a_file_are_judged_and_drawn(tmp_path):
    clips = np.random.default_rng(0).integers(0, 256, (80, 3, 8, 8), np.uint8)
    np.savez(tmp_path / "clips.npz", clips=clips)
    options = ["--set", "evaluation.samples=50", "--out", tmp_path / "out"]
    said = ganapp("baseline", "kernel_density", f"video:{tmp_path / 'clips.npz'}", *options)
    assert said.code == 0, said.errors
    report = report_of(tmp_path / "out")
    assert "pictures/clips.gif" in report["pictures"].values()
    assert report["last"]["counts"] == {
        "generated": 50, "train": 72, "held_out": 8, "matched": 8
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["vea", "digits"], "There is no baseline called 'vea'"),
        (["vae", "digitz"], "There is no data source called 'digitz'"),
        (["vae", "none.toml"], "The configuration none.toml cannot be read"),
        (["vae", "digits", "--set", "latents=3"], "Did you mean `latent`?"),
        (["vae", "digits", "--set", "latent=0"], "`latent` must be at least 1. Received: latent=0"),
        (["vae", "digits", "--set", "training.epochs=3"], "`training` is not a key"),
        (["vae", "moons", "--set", "data.noise=0"], "greater than 0. Received: 0"),
        (["metropolis", "digits"], "must have data whose density is known, such as 'moons'"),
        (["vae", "video:none"], "must be a folder of clip folders or an .npz"),
        (
            ["vae", "digits", "--set", 'evaluation.figures=["mode_kl"]'],
            "`evaluation.figures` must be figures that the data 'digits' have",
        ),
        (["vae", "digits", "--out", "."], "`--out` must be an empty or a new folder"),
    ],
)
def test_mistakes_of_a_baseline_are_sentences(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "something").write_text("")
    said = ganapp("baseline", *arguments)
    assert said.code == 2
    assert sentence in " ".join(said.errors.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["something"]


def test_baselines_of_a_run_are_checked_before_it_starts():
    said = ganapp("train", "digits", "--dry-run", "--set", 'evaluation.baselines=["metropolis"]')
    assert "whose density is known, such as 'moons'. Received: data.source='digits'" in said.errors
    said = ganapp("train", "digits", "--dry-run", "--set", 'evaluation.baselines=["mixtur"]')
    assert "Did you mean 'mixture'?" in said.errors
    said = ganapp("train", "digits", "--dry-run", "--set", 'evaluation.baselines=["vae", "vae"]')
    assert "must name each once" in said.errors


def test_a_run_reports_the_baselines_that_it_asks_for(finished):
    text = (finished / "config.toml").read_text()
    asked = 'baselines = ["mixture", "kernel_density"]'
    assert text.count('baselines = [\n    "mixture",\n]') == 1
    (finished / "config.toml").write_text(text.replace('baselines = [\n    "mixture",\n]', asked))
    assert "baselines" not in report_of(finished)
    said = ganapp("evaluate", finished)
    assert said.code == 0, said.errors
    report = Run(finished).read_report()
    mixture, kernels = report["baselines"]
    chosen = report["best"] or report["last"]
    beside = {key: figure["baseline"] for key, figure in chosen["figures"].items()}
    assert mixture["figures"].items() <= beside.items()  # those that cost little
    assert kernels["facts"]["held_out_log_density"] < 5
    page = (finished / "report.md").read_text()
    assert "| figure | mixture | kernel_density | floor |" in page


def test_the_mixtures_options_are_those_of_the_evaluation(tmp_path):
    from ganapp.runner.evaluation import baseline_rows

    (tmp_path / "ring.toml").write_text(RING)
    settings = ["data.source=moons", "evaluation.baseline_components=3"]
    settings += ['evaluation.baselines=["mixture", "gaussian"]']
    experiment = compose(load_config(str(tmp_path / "ring.toml"), settings))
    rows = baseline_rows(experiment.config.evaluation, experiment.source, experiment.evaluator)
    assert [row["title"] for row in rows] == ["3-component Gaussian mixture", "Gaussian"]
