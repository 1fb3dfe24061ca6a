"""`diagnose` and `list` as a user types them."""

import json

import numpy as np
import PIL.Image
import pytest
from run_case import ganapp

from ganapp.commands.list import LISTS, members_of
from ganapp.config.loading import load_config
from ganapp.errors import UserError
from ganapp.models.rules import advice
from ganapp.runner.diagnosis import Theory
from ganapp.runner.experiment import compose
from ganapp.training.evaluation.checks import NotComputable


def size_of(path):
    with PIL.Image.open(path) as picture:
        return picture.size


def test_a_run_on_points_is_compared_with_theory(finished):
    said = ganapp("diagnose", finished)
    assert said.code == 0, said.errors
    for words in ("mean |D - D*|", "its optimum -log 4 + 2 JSD", "floor"):
        assert words in said.output
    content = json.loads((finished / "diagnosis" / "diagnosis.json").read_text())
    found = content["discriminator"]
    assert found["learnt"]["absolute_error"] >= found["floor"]["absolute_error"] > 0
    assert found["jensen_shannon"] <= np.log(2) + 1e-6
    exact = found["quadrature"]
    assert exact["optimal_value"] == pytest.approx(2 * exact["jensen_shannon"] - np.log(4))
    assert exact["jensen_shannon"] == pytest.approx(found["jensen_shannon"], abs=0.1)
    # After twenty-four steps next to nothing looks like the data, and it says so with a remedy.
    assert "low_precision" in [alarm["name"] for alarm in content["alarms"]]
    assert all("try" in a["sentence"] or "let" in a["sentence"] for a in content["alarms"])
    for picture in content["pictures"]:
        assert min(size_of(finished / picture)) > 300
    assert {"diagnosis/maps.png", "diagnosis/scores.png"} <= set(content["pictures"])


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("packing=2", "judges packs"),
        ("minibatch=discrimination", "compares the examples of a minibatch"),
        ("minibatch=standard_deviation", "compares the examples of a minibatch"),
    ],
)
def test_a_score_of_several_points_is_not_compared_with_theory(setting, reason):
    experiment = compose(load_config("ring", [f"discriminator.{setting}"]))
    with pytest.raises(NotComputable, match=reason):
        Theory(experiment, np.zeros((4, 2)))


@pytest.mark.parametrize("name", ["moons", "checkerboard"])
def test_any_plane_with_a_density_is_compared_with_theory(name):
    config = load_config("ring", [f"data.source={name}", "generator.units=[4]"])
    assert config.evaluation.metric == "frechet_distance"  # the preset's counts modes
    experiment = compose(config)
    held_out = experiment.source.held_out_examples(400)[0]
    fake = experiment.source.training_examples(400)[0]  # as good as a generator can be
    theory = Theory(experiment, held_out)
    comparison = theory.compare(fake)
    assert comparison.found.learnt.optimal_distance_to_half < 0.2
    assert theory.quadrature(fake, comparison.density)["jensen_shannon"] < 0.2


def test_only_points_in_the_plane_are_compared_with_theory():
    settings = ["data.source=funnel", "data.dimensions=3", "generator.units=[4]"]
    with pytest.raises(NotComputable, match="no points in the plane"):
        Theory(compose(load_config("ring", settings)), np.zeros((4, 3)))


def test_the_dirac_game_is_drawn(tmp_path):
    out = tmp_path / "dirac.png"
    said = ganapp("diagnose", "--dirac", "--objective", "minimax", "--out", out)
    assert said.code == 0, said.errors
    assert size_of(out)[0] > 900


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "either a run directory or --dirac"),
        (["runs/x", "--dirac"], "either a run directory or --dirac"),
        (["none"], "does not exist"),
        (["none", "--objective", "hinge"], "are for `diagnose --dirac`, not for a run"),
        (["none", "--out", "x.png"], "are for `diagnose --dirac`, not for a run"),
        (["--dirac", "--json"], "`--json` is for a run"),
        (["--dirac", "--out", "x.jpg"], "`--out` must end in .png. Received: x.jpg"),
        (["--dirac", "--out", "none/x.png"], "is not a writable folder"),
        (["--dirac", "--objective", "wgn"], "There is no objective called 'wgn'"),
    ],
)
def test_mistakes_are_sentences(arguments, sentence):
    said = ganapp("diagnose", *arguments)
    assert said.code == 2
    assert sentence in " ".join(said.errors.split())


@pytest.mark.parametrize("family", LISTS)
def test_lists_are_complete(family):
    said = ganapp("list", family, "--json")
    assert said.code == 0
    members = json.loads(said.output)
    assert [m["name"] for m in members] == [m["name"] for m in members_of(family)]
    assert all(member["summary"] and member["set"] for member in members)
    for member in members:
        assert (
            member["formula"]
            or family in ("networks", "data", "features", "figures")
            or member["name"] == "none"
        )
        # The plainest priors and no constraint at all are nobody's, data and the networks of a
        # file are the reader's own.
        nobodys = member["name"] in ("none", "normal", "uniform", "keras") or family in (
            "data",
            "features",
            "figures",
        )
        old = family == "baselines" and member["reference"]  # older than arXiv
        assert "arXiv:" in member["reference"] or nobodys or old, member["name"]
    shown = ganapp("list", family).output
    assert all(member["name"] in shown for member in members)


def test_a_list_says_which_objectives_have_no_signed_scores():
    combines = {member["name"]: member["combines"] for member in members_of("objectives")}
    found = {name for name, text in combines.items() if "adaptive_augment" in text}
    assert {"wgan", "least_squares", "relativistic", "ebgan", "f_kl"} <= found
    assert not found & {"non_saturating", "minimax", "hinge", "f_reverse_kl"}


def test_long_lines_of_a_list_go_on_below_their_beginning():
    lines = ganapp("list", "objectives").output.splitlines()
    rows = [line for line in lines if line.startswith("  ")]
    beginnings = {"formula", "paper", "options", "combines", "use"}
    assert all(line.split()[0] in beginnings or line.startswith(" " * 11) for line in rows)
    assert any(line.startswith(" " * 11) for line in rows)


def test_a_list_that_does_not_exist():
    said = ganapp("list", "optimisers")
    assert said.code == 2
    assert "`list` knows objectives, terms" in said.errors
    said = ganapp("list", "stabilisers")
    assert said.code == 2
    assert "What was 'stabilisers' is now 'terms', 'augmentations' and 'weightings'" in said.errors


ADVICE = {
    "ring objective.terms.r1.interval=4": "`interval` above 1",
    "digits objective.name=began": "`discriminator.network` should be 'autoencoder'",
    "digits discriminator={network='autoencoder'}": "`objective.name` should be 'ebgan' or 'began'",
    "digits discriminator.minibatch=discrimination": "makes a score depend on other",
    "digits objective.constraint.name=weight_clip": "'weight_clip' bounds the slopes",
}
ADAPTIVE = "objective.augmentations.adaptive_augment={}"
UNSIGNED = ("wgan", "wgan_gp", "wgan_lp", "least_squares", "f_kl", "relativistic_average_hinge")


@pytest.mark.parametrize(("setting", "sentence"), ADVICE.items(), ids=ADVICE)
def test_what_theory_advises_against_is_a_warning(setting, sentence):
    preset, override = setting.split(" ", 1)
    kind = "vector" if preset == "ring" else "image"
    (found,) = advice(load_config(preset, [override]).combination(kind))
    assert sentence in found
    assert advice(load_config(preset).combination(kind)) == []


def test_lazy_penalties_are_for_images_whatever_the_network():
    lazy = ["discriminator={network='mlp'}", "objective.terms.r1.interval=4"]
    config = load_config("digits", lazy)
    assert advice(config.combination("image")) == []
    (found,) = advice(config.combination("vector"))
    assert "points and tables" in found


@pytest.mark.parametrize("name", UNSIGNED)
def test_adaptive_augmentation_wants_scores_with_a_sign(name):
    settings = [f"objective.name={name}", ADAPTIVE]
    (found,) = advice(load_config("digits", settings).combination("image"))
    assert "takes scores above 0 for real" in found
    assert found.endswith(f"Received: '{name}'")


@pytest.mark.parametrize(
    "settings",
    [
        ["objective.name=non_saturating"],
        ["objective.name=hinge"],
        ["objective.name=least_squares", "objective.fake_target=-1.0"],
        ["objective.name=f_reverse_kl"],
    ],
)
def test_adaptive_augmentation_is_fine_with_a_sign(settings):
    assert advice(load_config("digits", [*settings, ADAPTIVE]).combination("image")) == []


@pytest.mark.parametrize("preset", ["digits-ebgan", "digits-began"])
def test_adaptive_augmentation_of_energies_is_refused(preset):
    with pytest.raises(UserError, match="reconstruction error never does; use `--set"):
        load_config(preset, [ADAPTIVE])
    with pytest.raises(UserError, match="Received: 'autoencoder'"):
        load_config("digits", [ADAPTIVE, "discriminator={network='autoencoder'}"])
