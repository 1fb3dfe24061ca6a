"""Presets, files, overrides and differences."""

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from run_case import RING

from ganapp.config.loading import as_toml, differences, load_config, load_saved
from ganapp.config.presets import LONGEST, config_path, preset_path
from ganapp.errors import UserError
from ganapp.training.priors import Categorical, Normal, Product


@pytest.fixture
def ring_file(tmp_path):
    path = tmp_path / "ring.toml"
    path.write_text(RING)
    return str(path)


OVERRIDES = {
    "training.epochs=7": 7,
    " training.epochs = 7 ": 7,
    "training . epochs=7": 7,
    "training.seed=1_000": 1000,
    "training.deterministic=true": True,
    "training.ema_half_life=20": 20.0,
    "training.ema_warm_up=.25": 0.25,
    "training.ema_half_life=5.": 5.0,
    "training.ema_half_life=.5e2": 50.0,
    "training.precision=mixed_bfloat16": "mixed_bfloat16",
    'training.precision="mixed_bfloat16"': "mixed_bfloat16",
    "generator.units=[3, 4]": [3, 4],
    "data.radius=2": 2.0,
}


@pytest.mark.parametrize(("override", "value"), OVERRIDES.items(), ids=OVERRIDES)
def test_overrides(ring_file, override, value):
    tables = load_config(ring_file, [override]).model_dump(mode="json")
    section, key = (part.strip() for part in override.split("=")[0].split("."))
    assert tables[section][key] == value
    assert type(tables[section][key]) is type(value)


def test_later_overrides_win_and_tables_are_made(ring_file):
    config = load_config(
        ring_file,
        [
            "training.epochs=7",
            "training.epochs=8",
            "objective.terms.r1.weight.start=2.0",
            "objective.terms.r1.weight.end=1.0",
        ],
    )
    assert config.training.epochs == 8
    assert config.objective.terms["r1"].weight["start"] == 2.0
    assert set(config.objective.terms) == {"r1", "r2"}  # the paper's second one stays


def test_another_objective_comes_with_its_papers_settings():
    """The preset's penalties and learning rates were chosen for another objective."""
    config = load_config("digits", ["objective.name=wgan"])
    assert config.objective.terms == {}
    assert config.objective.constraint.name == "weight_clip"
    assert config.objective.discriminator_steps == 5
    for network in (config.generator, config.discriminator):
        assert (network.optimizer.name, network.optimizer.learning_rate) == ("rmsprop", 5e-5)
    assert config.generator.channels == [128, 64]  # the networks are the preset's
    with_more = load_config(
        "digits", ["objective.terms.r1.weight=3.0", "objective.name=non_saturating"]
    )
    assert {name: p.weight for name, p in with_more.objective.terms.items()} == {"r1": 3.0}


def test_another_member_drops_the_options_it_does_not_have():
    """`list` says `--set generator.network=resnet`, whatever the preset's network takes."""
    config = load_config("digits", ["generator.network=resnet", "discriminator.network=mlp"])
    assert config.generator.channels == [128, 64]
    assert "upsampling" not in config.generator.options
    assert (config.generator.prior.size, config.discriminator.optimizer.beta_2) == (32, 0.99)
    config = load_config("digits", ["generator.prior.name=categorical"])
    assert config.generator.prior.categories == [10]
    config = load_config("digits", ["generator.optimizer.name=sgd"])
    assert config.generator.optimizer.options == {}
    config = load_config("digits-wgan", ["objective.constraint.name=spectral_norm"])
    assert config.objective.constraint.model_dump() == {"name": "spectral_norm"}
    with pytest.raises(UserError, match="`channels` is not an option of the generator network"):
        load_config("digits", ["generator.network=mlp", "generator.channels=[8]"])


def test_a_product_of_priors_holds_tables_of_priors(tmp_path):
    parts = "{z = {size = 6}, digit = {name = 'categorical', categories = [4], continuous = 0}}"
    overrides = [
        f"generator.prior={{name = 'product', parts = {parts}, codes = ['digit']}}",
        "generator.prior.parts.z.size=8",
    ]
    config = load_config("digits", overrides)
    (tmp_path / "run.toml").write_text(as_toml(config))
    again = load_config(str(tmp_path / "run.toml"))
    assert again == config
    assert again.generator.prior.build() == Product(
        parts={"z": Normal(size=8), "digit": Categorical(categories=(4,), continuous=0)},
        codes=("digit",),
    )
    assert differences(config.model_dump(mode="json"), again.model_dump(mode="json")) == []


def test_one_term_or_weighting_more_keeps_the_papers():
    added = ["objective.weightings.top_k={}", "objective.terms.orthogonal={}"]
    ebgan = load_config("digits-ebgan", added).objective
    assert set(ebgan.terms) == {"pulling_away", "orthogonal"}
    assert set(ebgan.weightings) == {"top_k"}
    terms = load_config("digits", ["objective.name=wgan_gp", *added]).objective.terms
    assert set(terms) == {"gradient_penalty", "orthogonal"}
    assert load_config("digits-wgan-gp", ["objective.terms={}"]).objective.terms == {}


def test_a_run_that_was_started_under_the_former_names_is_read(tmp_path):
    """And nobody is to start another one under them."""
    settings = [
        "objective.terms={r1={weight=2.0, interval=4}, feature_matching={weight=0.5}}",
        "objective.augmentations.diff_augment={}",
        "objective.weightings.top_k={}",
    ]
    config = load_config("digits", settings)
    tables = config.model_dump(mode="json", exclude_none=True)
    objective = tables["objective"]
    stabilisers = {"feature_matching": {"weight": 0.5}}
    stabilisers |= objective.pop("augmentations") | objective.pop("weightings")
    objective |= {"penalties": {"r1": objective.pop("terms")["r1"]}, "stabilisers": stabilisers}
    path = tmp_path / "config.toml"
    path.write_text(tomli_w.dumps(tables))
    assert load_saved(path) == config
    assert load_saved(path, ["training.epochs=3"]).training.epochs == 3
    with pytest.raises(UserError) as refused:
        load_config(str(path))
    for member, table in (
        ("penalties.r1", "terms.r1"),
        ("stabilisers.feature_matching", "terms.feature_matching"),
        ("stabilisers.diff_augment", "augmentations.diff_augment"),
        ("stabilisers.top_k", "weightings.top_k"),
    ):
        assert f"`objective.{member}` is now `objective.{table}`." in str(refused.value)


def test_the_same_objective_keeps_the_presets_settings():
    plain, named = (
        load_config("digits", overrides) for overrides in ([], ["objective.name=relativistic"])
    )
    assert named == plain


@pytest.mark.parametrize(
    "override", ["epochs", "=3", "=", ".epochs=3", "training.=3", "a..b=3", ""]
)
def test_what_is_no_override(ring_file, override):
    with pytest.raises(UserError, match=r"`--set` takes key=value, for example training.epochs=10"):
        load_config(ring_file, [override])


def test_an_override_into_a_value(ring_file):
    with pytest.raises(UserError, match="`epochs` is a value, not a table"):
        load_config(ring_file, ["training.epochs.x=3"])


@pytest.mark.parametrize(
    ("name", "hint"), [("digit", "Did you mean 'digits'"), ("gird", "Did you mean 'grid'")]
)
def test_near_matches_of_a_preset(name, hint):
    with pytest.raises(UserError, match=hint):
        preset_path(name)


def test_far_names_get_the_list_only():
    with pytest.raises(UserError) as error:
        config_path("xylophone")
    assert "there are bigan-digits, bigan-mnist, cancer, conditional-mnist, digits, " in str(
        error.value
    )
    assert "mean" not in str(error.value)


FILES = {
    "binary": (b"\xff\xfe\x00\x80", "is not valid TOML"),
    "broken": (b"[data\nsource=1", "is not valid TOML"),
    "twice": (b"[data]\na=1\na=2", "is not valid TOML"),
    "deep": (b"a = " + b"[" * 50_000 + b"]" * 50_000, "is nested too deeply"),
    "long": (b"#" * (LONGEST + 1), "is not valid TOML: it has more than 1,048,576 bytes"),
    "digits": (b"a = 1" + b"0" * 9_999, "is not valid TOML: Exceeds the limit"),
    "empty": (b"", "`data` is missing. `generator` is missing."),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_files_that_are_no_configuration(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_config(str(path))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        load_config(str(tmp_path / "none.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        load_config(str(tmp_path / "folder.toml"))


def test_differences():
    old = {"data": {"source": "ring", "modes": 8}, "training": {"epochs": 1, "seed": 0}}
    new = {"data": {"source": "digits"}, "training": {"epochs": 2, "seed": 0, "replicas": 2}}
    assert differences(old, new) == [
        "data.modes: 8 -> unset",
        "data.source: ring -> digits",
        "training.epochs: 1 -> 2",
        "training.replicas: unset -> 2",
    ]


KEYS = st.sampled_from(["a", "b", "ab"])
VALUES = st.integers(0, 3) | st.dictionaries(KEYS, st.integers(0, 3), min_size=1)
TREES = st.dictionaries(KEYS, VALUES)


@settings(deadline=None)
@given(TREES, TREES)
def test_differences_are_empty_only_for_the_same(old, new):
    assert differences(old, old) == []
    assert bool(differences(old, new)) == (old != new)
    assert len(differences(old, new)) == len(differences(new, old))
