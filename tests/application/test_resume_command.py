"""What may differ when a run goes on, and what is said of it."""

import json
import types

import pytest
from run_case import RING

from ganapp.commands.resume import about_ended_schedules, resumed_config
from ganapp.config.loading import as_toml, load_config
from ganapp.errors import UserError
from ganapp.runner.experiment import versions
from ganapp.runner.saved_runs import earlier_lengths
from ganapp.runner.training import about_changed_libraries, earlier_settings
from ganapp.runs import Run
from ganapp.training.kernels import kernels
from ganapp.training.priors import DRAWS_VERSION


@pytest.fixture
def run(tmp_path):
    """A run on the ring that has one checkpoint, as its files say."""
    (tmp_path / "ring.toml").write_text(RING)
    config = load_config(str(tmp_path / "ring.toml"))
    manifest = {
        "configuration": config.model_dump(mode="json", exclude_none=True),
        "total_steps": 24,
        "draws": DRAWS_VERSION,
        "versions": versions(),
        "kernels": kernels(),
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "config.toml").write_text(as_toml(config))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "ckpt-24.index").touch()
    return Run(tmp_path)


def test_more_epochs_make_a_run_longer(run):
    config = resumed_config(run, None, ["training.epochs=5"])
    assert config.training.epochs == 5
    assert earlier_lengths(run, config) == (24,)
    assert earlier_lengths(run, resumed_config(run, None, [])) == ()


def test_an_edited_file_does_the_same(run):
    run.config.write_text(run.config.read_text().replace("epochs = 3", "epochs = 4"))
    config = resumed_config(run, None, [])
    assert (config.training.epochs, earlier_lengths(run, config)) == (4, (24,))


def test_a_run_made_longer_twice_remembers_both(run):
    manifest = run.read_manifest() | {"extended_from": [8, 16]}
    run.manifest.write_text(json.dumps(manifest))
    assert earlier_lengths(run, resumed_config(run, None, [])) == (8, 16)
    assert earlier_lengths(run, resumed_config(run, None, ["training.epochs=9"])) == (8, 16, 24)


def test_what_has_not_begun_is_a_longer_run(run):
    (run.checkpoints / "ckpt-24.index").unlink()
    assert earlier_lengths(run, resumed_config(run, None, ["training.epochs=5"])) == ()


@pytest.mark.parametrize(
    "setting",
    ["training.epochs=2", "training.steps_per_epoch=16", "training.seed=3", "data.sigma=0.5"],
)
def test_nothing_else_may_differ(run, setting):
    with pytest.raises(UserError, match="train a new one instead") as caught:
        resumed_config(run, None, [setting])
    assert setting.split("=")[0] in str(caught.value)


@pytest.mark.parametrize("version", [None, 1, DRAWS_VERSION + 1])
def test_a_run_of_other_draws_is_refused(run, version):
    """A run of the first version does not say so."""
    manifest = {k: v for k, v in run.read_manifest().items() if k != "draws"}
    manifest |= {"versions": {"ganapp": "0.9.0"}} | ({"draws": version} if version else {})
    run.manifest.write_text(json.dumps(manifest))
    sentence = rf"draws other latents .*trained with \(0\.9\.0\).*version {version or 1} of the"
    with pytest.raises(UserError, match=sentence):
        resumed_config(run, None, [])
    (run.checkpoints / "ckpt-24.index").unlink()
    assert resumed_config(run, None, []).training.epochs == 3  # it has drawn nothing yet


def test_schedules_that_ended_are_named():
    config = load_config("ring")
    experiment = types.SimpleNamespace(config=config, lengths=(), scheduled_steps=100)
    assert about_ended_schedules(experiment) is None
    experiment.lengths = (100,)
    sentence = about_ended_schedules(experiment)
    assert "started for 100 steps" in sentence
    for name in ("generator.optimizer", "discriminator.optimizer", "objective.terms.r1"):
        assert f"`{name}." in sentence


def test_one_warning_names_both_versions(run):
    manifest = run.read_manifest()
    assert about_changed_libraries(manifest) is None
    now = manifest["versions"]["keras"]
    manifest["versions"] |= {"keras": "2.0.1", "ganapp": "0.0.1"}
    manifest["kernels"] = "abacus"
    sentence = about_changed_libraries(manifest)
    assert f"keras 2.0.1 (now {now})" in sentence
    assert "ganapp 0.0.1 (now" in sentence
    assert f"the CPU kernels abacus (now {kernels()})" in sentence
    assert "tensorflow" not in sentence
    assert earlier_settings(manifest, 12) == [
        {"until_step": 12, "versions": manifest["versions"], "kernels": "abacus"}
    ]


def test_what_a_manifest_does_not_say_is_not_compared():
    assert about_changed_libraries({}) is None
    assert earlier_settings({}, 12) == []
