"""What a configuration may say, and that nothing is lost or swallowed on its way."""

import os
import re
import tomllib

import pytest
from config_case import CONFIGURATIONS, places, replaced, value_at
from hypothesis import given, settings
from hypothesis import strategies as st
from run_case import DIGITS, RING

from ganapp.config.loading import as_toml, load_config, validated
from ganapp.config.presets import PRESETS, preset_names
from ganapp.config.schema import Config
from ganapp.errors import UserError
from ganapp.training.optimizers import OptimizerConfig

RESOLVED = validated(tomllib.loads(DIGITS), "digits").model_dump(mode="json", exclude_none=True)
LEAVES = [path for path in places(RESOLVED) if not isinstance(value_at(RESOLVED, path), dict)]
TABLES = [path for path in places(RESOLVED) if isinstance(value_at(RESOLVED, path), dict)]


@settings(max_examples=150, deadline=None)
@given(CONFIGURATIONS)
def test_resolving_and_writing_is_idempotent(raw):
    config = validated(raw, "drawn")
    text = as_toml(config)
    again = validated(tomllib.loads(text), "written")
    assert again == config
    assert as_toml(again) == text


@settings(max_examples=50, deadline=None)
@given(CONFIGURATIONS)
def test_what_was_said_is_what_is_resolved(raw):
    resolved = validated(raw, "drawn").model_dump(mode="json", exclude_none=True)
    for path in places(raw):
        said = value_at(raw, path)
        if path[-1] == "cache_dir":  # a folder, as the current directory has it
            said = said and os.path.abspath(os.path.expanduser(said))
        if not isinstance(said, dict):
            assert value_at(resolved, path) == said, path


@settings(max_examples=50, deadline=None)
@given(CONFIGURATIONS, st.data())
def test_unknown_keys_are_errors_at_any_level(raw, data):
    resolved = validated(raw, "drawn").model_dump(mode="json", exclude_none=True)
    tables = [()] + [
        path for path in places(resolved) if isinstance(value_at(resolved, path), dict)
    ]
    path = data.draw(st.sampled_from([(), *tables]))
    with pytest.raises(UserError, match="surprise"):
        validated(replaced(resolved, (*path, "surprise"), 1), "drawn")


def wrong_values(value):
    if isinstance(value, bool):
        return [1, "true", 0.0]
    if isinstance(value, int):
        return [str(value), value + 0.5, True, [value]]
    if isinstance(value, float):
        return [str(value), [value], float("nan"), float("inf")]
    return [3, ["none"], True] if isinstance(value, str) else ["64", [64.5], [True], [[64]], 64]


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_values_of_another_type_are_errors(path):
    for value in wrong_values(value_at(RESOLVED, path)):
        with pytest.raises(UserError, match=re.escape(path[-1])):
            validated(replaced(RESOLVED, path, value), "changed")


@pytest.mark.parametrize("path", TABLES, ids=".".join)
def test_a_value_where_a_table_belongs_is_an_error(path):
    with pytest.raises(UserError, match=re.escape(".".join(path))):
        validated(replaced(RESOLVED, path, "text"), "changed")


SENTENCES = {
    "training.epoch=3": (
        "`training.epoch` is not a key of the configuration. Did you mean `training.epochs`?"
    ),
    "trainig.epochs=3": "`trainig` is not a key of the configuration. Did you mean `training`?",
    "training.colour=1": "`training.colour` is not a key of the configuration.",
    "generator.unit=[8]": "`unit` is not an option of the generator network 'mlp', which takes: ",
    "generator.prior.sise=3": (
        "generator.prior: `sise` is not an option of the prior 'normal', which takes: size. "
        "Did you mean `size`?"
    ),
    "data.source=rings": "There is no data source called 'rings'; there are ",
    "generator.network=mpl": (
        "there are dcgan, keras, mlp, multi_scale, recurrent, resnet, style. Did you mean 'mlp'?"
    ),
    "generator.prior.name=gaussian": "called 'gaussian'; there are bernoulli, categorical, ",
    "generator.optimizer.name=adamm": "there are adam, rmsprop, sgd. Did you mean 'adam'?",
    "generator.optimizer.name=sgd": "`generator.optimizer.learning_rate` is missing.",
    "generator.optimizer.bta_1=0.5": "`bta_1` is not an option of the optimizer 'adam'",
    "generator.optimizer.gradient_accumulation_steps=1": (
        "`generator.optimizer.gradient_accumulation_steps`: input should be greater than or equal "
        "to 2. Received: 1."
    ),
    "generator.optimizer.gradient_accumulation_steps=2.5": (
        "`generator.optimizer.gradient_accumulation_steps`: input should be a valid integer"
    ),
    "generator.optimizer.learning_rate={start=1.0}": (
        "`generator.optimizer.learning_rate.end` is missing."
    ),
    "objective.nme=wgan": "which takes: adversarial_weight, normalised. Did you mean `name`?",
    "objective.constraint.limit=0.1": "the constraint 'none', which takes no options.",
    "generator.optimizer.beta_1=1.5": "`beta_1` must be at least 0 and below 1. Received: ",
    "generator.optimizer.clipnorm=-1": "`clipnorm` must be above 0. Received: clipnorm=-1.0.",
    "objective.name=wgann": "There is no objective called 'wgann'",
    "objective.terms.r3.weight=1": "There is no term called 'r3'; there are auxiliary_classifier, ",
    "objective.terms.r1.wight=1": (
        "objective.terms.r1: `wight` is not an option of the term 'r1', which takes: "
        "weight, interval. Did you mean `weight`?"
    ),
    "objective.terms.r1.interval=0": "`interval` must be at least 1, ",
    "objective.terms.r1.weight={start=1.0}": ("`objective.terms.r1.weight.end` is missing."),
    "objective.terms.r1.weight={start=1.0, end=0.0, shape='exponential'}": (
        "must be above 0 for an exponential shape"
    ),
    "objective.terms.r1.weight={start=1.0, end=-1.0, shape='linear'}": (
        "`start` and `end` must not be negative."
    ),
    "objective.terms.r1=3": "`objective.terms.r1` must be a table. Received: 3.",
    "objective.augmentations.noise={}": "There is no augmentation called 'noise'; there are ",
    "objective.weightings.top_k.fraction=2.0": "`fraction`",
    "objective.terms.top_k={}": "`top_k` is no term: write `objective.weightings.top_k`.",
    **{
        f"objective.{former}": f"`objective.{former.partition('=')[0]}` is now {now}."
        for former, now in {
            "penalties.r1={weight=1.0}": "`objective.terms.r1`",
            "penalties={}": "`objective.terms`",
            "stabilisers.diff_augment={}": "`objective.augmentations.diff_augment`",
            "stabilisers.top_k={}": "`objective.weightings.top_k`",
            "stabilisers.pulling_away={}": "`objective.terms.pulling_away`",
            "stabilisers={}": "`objective.terms`, `objective.augmentations` and "
            "`objective.weightings`",
        }.items()
    },
    "discriminator.packing=3": "must be a multiple of `discriminator.packing`. Received: 16 with",
    "objective.constraint.name=clip": "There is no constraint called 'clip'",
    "training.epochs=three": "input should be a valid integer. Received: 'three'.",
    "training.epochs=0": "input should be greater than or equal to 1. Received: 0.",
    "training.batch_size=4294967296": "`training.batch_size`: input should be less than 2147483648",
    "training.precision=float64": "or 'mixed_float16'. Received: 'float64'.",
    "training.seed=-1": "input should be greater than or equal to 0. Received: -1.",
    "training=3": "`training` must be a table. Received: 3.",
    "generator.units=8": "`generator.units` must be a list. Received: 8.",
    "generator.units=[0]": "`generator.units.0`: input should be greater than or equal to 1.",
    "generator={network='dcgan', channels=[]}": (
        "`generator.channels`: list should have at least 1 item, not 0. Received: []."
    ),
    "generator.prior={name='product'}": "`generator.prior.parts` is missing.",
    "generator.prior={name='product', parts={z={sise=2}}}": (
        "generator.prior.parts.z: `sise` is not an option of the prior 'normal', which takes: "
        "size. Did you mean `size`?"
    ),
    "generator.prior={name='product', parts={z={name='sphere', size=1}}}": (
        "`size` must be at least 2"
    ),
    "generator.prior={name='product', parts={z={}}, codes=['code']}": (
        "generator.prior: `codes` must name parts, of which there are z. Received: 'code'."
    ),
    "generator.prior={name='product', parts={x={}}}": "Received: a part called 'x'.",
    "generator.prior={name='product', parts={z=62}}": (
        "must be a table with the name of a prior. Received: 62."
    ),
    "generator.prior.size=0": "generator.prior: `size` must be at least 1. Received: size=0.",
    "data.modes=0": "`data.modes`: input should be greater than or equal to 1. Received: 0.",
    "data.sigma=-1": "`data.sigma`: input should be greater than 0. Received: -1.",
    "evaluation.samples=3": "input should be greater than or equal to 50. Received: 3.",
    "evaluation.neighbours=60": "must be less than `evaluation.samples`. Received: 60 and 60.",
    "training.steps_per_execution=3": (
        "`training.steps_per_epoch` must be a multiple of `training.steps_per_execution`. "
        "Received: 8 and 3."
    ),
    "discriminator.normalisation=batch": "must be 'none' or 'layer' under a gradient penalty",
}


@pytest.mark.parametrize(("override", "sentence"), SENTENCES.items(), ids=SENTENCES)
def test_one_sentence_names_field_expectation_and_what_came(tmp_path, override, sentence):
    path = tmp_path / "ring.toml"
    path.write_text(RING)
    with pytest.raises(UserError) as error:
        load_config(str(path), [override])
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_compiling_by_xla_is_not_deterministic(tmp_path):
    path = tmp_path / "ring.toml"
    path.write_text(RING)
    with pytest.raises(UserError, match=r"`training.jit_compile` must be false when"):
        load_config(str(path), ["training.jit_compile=true", "training.deterministic=true"])


def test_every_complaint_is_heard_at_once():
    with pytest.raises(UserError) as error:
        validated({"data": {"source": "ring"}, "training": {"epochs": 0, "sed": 1}}, "mine.toml")
    text = str(error.value)
    assert text.startswith("mine.toml: ")
    for place in ("generator", "discriminator", "objective", "training.epochs", "training.sed"):
        assert f"`{place}`" in text


CAUSES = {
    "objective.name=3": "`objective.name`: input should be a valid string. Received: 3.",
    "objective=3": "`objective` must be a table. Received: 3.",
    "generator.channels=[0]": (
        "`generator.channels.0`: input should be greater than or equal to 1. Received: 0."
    ),
}


@pytest.mark.parametrize(("override", "sentence"), CAUSES.items(), ids=CAUSES)
def test_what_only_follows_from_a_mistake_is_not_said(override, sentence):
    with pytest.raises(UserError) as error:
        load_config("digits", [override])
    assert str(error.value) == f"digits: {sentence}"


def test_a_part_of_what_the_paper_says_leaves_the_rest_to_the_paper():
    raw = tomllib.loads(RING)
    objective = {"name": "wgan_lp", "terms": {"gradient_penalty": {"weight": 5.0}}}
    config = validated(raw | {"objective": objective}, "lp")
    assert config.objective.terms["gradient_penalty"].options["one_sided"] is True
    assert config.objective.terms["gradient_penalty"].options["weight"] == 5.0
    config = validated(
        raw | {"objective": {"name": "wgan", "constraint": {"limit": 0.5}}}, "clipped"
    )
    assert config.objective.constraint.model_dump() == {"name": "weight_clip", "limit": 0.5}


def test_what_is_left_out_is_filled_in_from_the_paper():
    raw = {
        "data": {"source": "ring"},
        "generator": {"network": "mlp", "optimizer": {"learning_rate": 0.5}},
        "discriminator": {"network": "mlp"},
    }
    config = validated(raw | {"objective": {"name": "wgan"}}, "wgan")
    assert config.objective.discriminator_steps == 5
    assert config.objective.constraint.model_dump() == {"name": "weight_clip", "limit": 0.01}
    found = config.generator.optimizer.model_dump(exclude_none=True)
    assert found == {"name": "rmsprop", "learning_rate": 0.5}
    assert config.discriminator.optimizer.learning_rate == 5e-5
    config = validated(raw | {"objective": {"name": "wgan_gp", "discriminator_steps": 2}}, "gp")
    assert config.objective.discriminator_steps == 2
    assert config.objective.terms["gradient_penalty"].weight == 10.0
    assert config.discriminator.optimizer.model_dump(exclude_none=True) == {
        "name": "adam",
        "learning_rate": 1e-4,
        "beta_1": 0.5,
        "beta_2": 0.9,
    }


def test_accumulation_is_a_whole_number_from_the_configuration_to_keras():
    raw = tomllib.loads(RING)
    raw["generator"]["optimizer"] = {"gradient_accumulation_steps": 4, "clipnorm": 1}
    config = validated(raw, "ring")
    again = validated(tomllib.loads(as_toml(config)), "again")
    assert again == config
    options = again.generator.optimizer.options
    assert options["gradient_accumulation_steps"] == 4
    assert {name: type(options[name]) for name in ("gradient_accumulation_steps", "clipnorm")} == {
        "gradient_accumulation_steps": int,
        "clipnorm": float,
    }
    built = OptimizerConfig(name="adam", options=options).build()
    assert built.gradient_accumulation_steps == 4


def test_values_cannot_change():
    config = Config.model_validate(tomllib.loads(RING))
    with pytest.raises(ValueError, match="frozen"):
        config.training.epochs = 7


@pytest.mark.parametrize("name", preset_names())
def test_presets(name):
    text = (PRESETS / f"{name}.toml").read_text()
    lines = [line for line in text.splitlines() if line.strip()]
    assert 18 <= len(lines) <= 32, "about 25 lines, to be read and copied"
    head = " ".join(line for line in lines if line.startswith("#"))
    assert re.search(r"arXiv:\d{4}\.\d{5}|measured", head), "where do the values come from?"
    config = load_config(name)
    said = tomllib.loads(text)
    resolved = config.model_dump(mode="json", exclude_none=True)
    for path in places(said):
        if not isinstance(value_at(said, path), dict):
            assert value_at(resolved, path) == value_at(said, path)


def test_the_presets_that_must_be_there():
    assert {"digits", "ring", "grid"} <= set(preset_names())
