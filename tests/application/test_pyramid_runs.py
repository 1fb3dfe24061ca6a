"""A pyramid of images in one run: level by level, resumed between and within, sampled whole."""

import json
import shutil

import keras
import numpy as np
import PIL.Image
import pytest
from run_case import ganapp, tensors

from ganapp.config.loading import level_configs, load_config, load_saved
from ganapp.models.networks.pyramid import level_name
from ganapp.runner.experiment import compose, make_evaluator
from ganapp.runner.pyramids import coarse_gaps
from ganapp.runner.saved_runs import compose_run, load_networks, open_generator
from ganapp.runs import Run
from ganapp.training.data.levels import at_level

LEVEL_NOISE = """
[levels.0.data]
coarse_noise = 0.1
"""
PYRAMID = """
[data]
source = "digits"
[generator]
network = "dcgan"
channels = [4, 3]
normalisation = "none"
prior = { size = 3 }
optimizer = { learning_rate = { start = 1e-3, end = 1e-4 } }
[discriminator]
network = "dcgan"
channels = [3, 4]
[objective]
name = "relativistic"
[training]
epochs = 2
steps_per_epoch = 2
batch_size = 8
checkpoint_every = 1
[evaluation]
samples = 60
baseline_components = 2
[levels.0.generator]
prior = { name = "uniform", size = 2 }
[levels.1.generator]
network = "mlp"
units = [6]
[levels.1.discriminator]
network = "mlp"
units = [6]
[levels.1.training]
epochs = 1"""
PYRAMID += LEVEL_NOISE


@pytest.fixture(scope="module")
def trained_pyramid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pyramid")
    (folder / "pyramid.toml").write_text(PYRAMID)
    said = ganapp("train", folder / "pyramid.toml", "--run", folder / "run")
    assert said.code == 0, said.errors
    assert said.output.index("Level 1") < said.output.index("Level 0")
    return folder


def test_levels_say_what_is_different(tmp_path):
    (tmp_path / "pyramid.toml").write_text(PYRAMID)
    fine, coarse = level_configs(load_config(str(tmp_path / "pyramid.toml")))
    assert (fine.data.level, fine.data.coarser) == (0, True)
    assert (coarse.data.level, coarse.data.coarser) == (1, False)
    assert fine.generator.network == "dcgan"
    assert fine.generator.options["residual"] == "coarse"
    assert coarse.generator.options["residual"] == ""
    # What another network does not have is dropped; what nobody mentions is the run's.
    assert "channels" not in coarse.generator.options
    assert fine.generator.options["channels"] == [4, 3]
    assert (fine.generator.prior.name, coarse.generator.prior.name) == ("uniform", "normal")
    assert (fine.training.epochs, coarse.training.epochs) == (2, 1)
    assert (fine.data.coarse_noise, coarse.data.coarse_noise) == (0.1, 0.0)
    # Of the whole run it is that of every level that has a coarse image.
    (tmp_path / "pyramid.toml").write_text(PYRAMID.replace(LEVEL_NOISE, ""))
    whole = load_config(str(tmp_path / "pyramid.toml"), ["data.coarse_noise=0.2"])
    assert [each.data.coarse_noise for each in level_configs(whole)] == [0.2, 0.0]


def test_the_whole_is_the_levels(trained_pyramid):
    run = Run(trained_pyramid / "run")
    whole, _ = open_generator(run)
    levels = [open_generator(run.level(number), "last")[0].gan for number in (0, 1)]
    inputs = whole.gan.inputs(5, seed=1)
    assert {name: x.shape[1:] for name, x in inputs.items()} == {"z_0": (2,), "z_1": (3,)}
    coarse = levels[1].generate(z=inputs["z_1"])
    expected = levels[0].generate(z=inputs["z_0"], coarse=coarse)
    np.testing.assert_allclose(whole.gan.generate(**inputs), expected, atol=1e-6)
    assert whole.gan.generator.get_layer(level_name(1)).count_params() > 0
    report = json.loads((run.directory / "report.json").read_text())
    assert report["last"]["counts"]["generated"] == 60


def test_levels_are_judged_on_real_and_on_generated_coarse_images(trained_pyramid):
    run = Run(trained_pyramid / "run")
    experiment = compose_run(run, load_saved(run.config))
    load_networks(experiment.gan, run)
    (gap,) = json.loads(run.report.read_text())["tables"]
    figures = {
        row["key"]: dict(zip(gap["columns"], row["values"], strict=True)) for row in gap["rows"]
    }
    assert gap["key"] == "level_0"
    source = at_level(experiment.source, 0, coarse=True)
    evaluation = experiment.config.evaluation.model_copy(update={"reference": "train"})
    evaluator = make_evaluator(evaluation, source)
    inputs = experiment.gan.inputs(60, seed=0)
    fine = open_generator(run.level(0), "last")[0].gan
    coarse = source.held_out_observations(60)["coarse"]
    drawn = {
        "on real coarse images": fine.generate(z=inputs["z_0"], coarse=coarse),
        "on generated ones": experiment.gan.generate(**inputs),
    }
    for kind, samples in drawn.items():
        expected = evaluator.evaluate(source.spec.to_user_units(samples))
        for key, figure in figures.items():
            assert figure[kind] == pytest.approx(expected[key], rel=1e-4, abs=1e-6), key
    assert {"precision", "coverage", "frechet_distance"} <= set(figures)
    page = (run.directory / "report.md").read_text()
    assert "Level 0 (8 x 8) on real held-out and on generated coarse images: 60 samples" in page


def test_every_level_but_the_coarsest_has_a_gap_also_by_class(tmp_path):
    (tmp_path / "pyramid.toml").write_text(PYRAMID)
    third = 'levels.2={generator={network="mlp",units=[5]},discriminator={network="mlp",units=[5]}}'
    classes = ["generator.condition=concatenation", "discriminator.condition=projection"]
    config = load_config(str(tmp_path / "pyramid.toml"), [third, *classes])
    gaps = coarse_gaps(compose(config))
    assert [gap["key"] for gap in gaps] == ["level_1", "level_0"]
    for gap, shape in zip(gaps, ("4 x 4", "8 x 8"), strict=True):
        assert shape in gap["title"]
        rows = {row["key"]: row["values"] for row in gap["rows"]}
        assert None not in rows["coverage"][:2]
        assert rows["frechet_distance"][3] > 0


def test_a_level_has_its_conditional_energy_score(trained_pyramid):
    run = Run(trained_pyramid / "run").level(0)
    report = json.loads(run.report.read_text())
    details = report["last"]["details"]["conditional_energy_score"]
    assert set(details["references"]) == {"zero residual", "Gaussian residual"}
    assert details["observations"] == 300
    assert (
        "standard errors than that of the Gaussian residual"
        in (run.directory / "report.md").read_text()
    )


def test_a_level_is_judged_on_one_sample_for_a_held_out_image(tmp_path):
    """More would be alike, and pass for copies of each other; the whole observes nothing."""
    (tmp_path / "pyramid.toml").write_text(PYRAMID)
    config = load_config(str(tmp_path / "pyramid.toml"), ["evaluation.samples=1000"])
    for part, expected in zip((*level_configs(config), config), (300, 1000, 1000), strict=True):
        experiment = compose(part)
        assert experiment.evaluation.samples == expected
        assert experiment.cadences.samples <= expected
    fine = compose(level_configs(config)[0])
    assert len(fine.gan.observations["coarse"]) == 300, "all there are, not those of the run's file"


def test_a_run_that_stopped_between_and_within_levels_ends_the_same(trained_pyramid, tmp_path):
    """Level 1 is finished, level 0 stopped after two of its four steps."""
    unbroken, broken = trained_pyramid / "run", tmp_path / "run"
    # What a process that was killed in level 0 leaves behind: no checkpoint of the whole.
    shutil.copytree(unbroken, broken)
    shutil.rmtree(broken / "checkpoints")
    (broken / "report.json").unlink()
    for step in (3, 4):
        for file in (broken / "levels/0/checkpoints").glob(f"ckpt-{step}.*"):
            file.unlink()
    (broken / "levels/0/report.json").unlink()
    said = ganapp("resume", broken)
    assert said.code == 0, said.errors
    assert "Level 1" not in said.output, "it was finished"
    assert "Continuing from step 2 of 4." in said.output
    for folder in ("", "levels/0", "levels/1"):
        left, right = tensors(broken / folder), tensors(unbroken / folder)
        assert left.keys() == right.keys()
        for name, value in right.items():
            np.testing.assert_array_equal(left[name], value, err_msg=f"{folder} {name}")


def test_a_pyramid_is_not_made_longer_in_silence(trained_pyramid):
    said = ganapp("resume", trained_pyramid / "run", "--set", "training.epochs=9")
    assert said.code == 2
    assert "Differences: training.epochs: 2 -> 9" in said.errors


def test_a_mistake_in_the_last_level_is_told_before_the_first_trains(tmp_path):
    (tmp_path / "pyramid.toml").write_text(PYRAMID)
    wrong = ("--set", "levels.0.generator.condition=embedding")
    said = ganapp("train", tmp_path / "pyramid.toml", "--run", tmp_path / "run", *wrong)
    assert said.code == 2
    assert "`generator.condition` needs a discriminator that looks at the class" in said.errors
    assert not (tmp_path / "run" / "levels").exists()


def test_stages_are_drawn_in_a_row(trained_pyramid, tmp_path):
    said = ganapp(
        "sample", trained_pyramid / "run", "--count", 3, "--stages", "--out", tmp_path / "s.png"
    )
    assert (said.code, said.errors) == (0, "")
    with PIL.Image.open(tmp_path / "s.png") as picture:
        width, height = picture.size
    assert height > width, "three strips of two stages, one below the other"
    said = ganapp("sample", trained_pyramid / "run", "--stages", "--out", tmp_path / "s.npz")
    assert said.code == 2
    assert "`--out` must end in .png" in said.errors


def test_the_whole_is_exported_and_its_levels_train_together(trained_pyramid, tmp_path):
    formats = "--format", "keras", "--format", "litert"
    said = ganapp("export", trained_pyramid / "run", *formats, "--out", tmp_path / "export")
    assert said.code == 0, said.errors
    (file,) = (tmp_path / "export").rglob("*.keras")
    network = keras.models.load_model(file)
    whole, _ = open_generator(Run(trained_pyramid / "run"))
    inputs = whole.gan.inputs(4, seed=2)
    np.testing.assert_allclose(network(inputs), whole.gan.generate(**inputs), atol=1e-5)
    tuned = tmp_path / "tuned"
    options = ["--set", "fine_tuning.epochs=1", "--set", "levels.0.training.epochs=1"]
    said = ganapp("train", trained_pyramid / "pyramid.toml", "--run", tuned, *options)
    assert said.code == 0, said.errors
    assert tensors(tuned)["counters/0"] == 2
    alone = open_generator(Run(tuned).level(1), "last")[0].gan.ema_generator
    together = open_generator(Run(tuned), "last")[0].gan.generator.get_layer(level_name(1))
    moved = [
        np.abs(a - b).max()
        for a, b in zip(alone.get_weights(), together.get_weights(), strict=True)
    ]
    assert max(moved) > 1e-5, "each level learns from the whole"


def test_mistakes_are_sentences(tmp_path):
    for setting, sentence in (
        ('levels={"0"={}}', "`levels` must hold at least two tables, numbered from 0"),
        ('levels.1.generator.network="cnn"', "There is no generator network called 'cnn'"),
        ('levels.1.generator.residual="z"', "`generator.residual` must be an observation"),
        ("data.source=ring", "`data.level` is for images"),
        ("data.coarse_noise=-1", "`data.coarse_noise`"),
    ):
        (tmp_path / "pyramid.toml").write_text(PYRAMID)
        said = ganapp("train", tmp_path / "pyramid.toml", "--dry-run", "--set", setting)
        assert said.code == 2, (setting, said.output)
        assert sentence in " ".join(said.errors.split()), setting
