"""A GAN in one file: loaded, it goes on as the one that was saved."""

import dataclasses
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, LATENT, SHAPE, any_combination, linear_networks, rows, tiny_gan, weights

from ganapp.models import GAN
from ganapp.models.companions import Companion
from ganapp.models.layers import ReconstructionScore
from ganapp.models.networks import mlp_discriminator, mlp_generator
from ganapp.training.augmentations import AUGMENTATIONS, InstanceNoise
from ganapp.training.constraints import CONSTRAINTS, SpectralNorm, WeightClip
from ganapp.training.objectives import BEGAN, OBJECTIVES, NonSaturating
from ganapp.training.optimizers import OptimizerConfig
from ganapp.training.priors import PRIORS, Categorical, LearnableMixture, Normal, Product
from ganapp.training.schedules import SHAPES, Anneal
from ganapp.training.terms import R1, TERMS, HistoricalAverage, Term
from ganapp.training.weightings import WEIGHTINGS, TopK

layers = keras.layers


def compiled(*networks, prior=None, objective=None, optimizers=(), **options):
    with any_combination():
        gan = GAN(*networks, prior or Normal(size=LATENT), ema_half_life=50.0, **options)
        gan.compile(*optimizers, objective=objective or NonSaturating(), run_eagerly=True)
    return gan


def networks_with_dropout():
    """In both players, so that the states of several parts can be mixed up."""
    z, x = keras.Input((LATENT,)), keras.Input(SHAPE)
    generator = keras.Model(z, layers.Dense(2)(layers.Dropout(0.5)(layers.Dense(8)(z))))
    hidden = layers.LeakyReLU()(layers.Dropout(0.5)(layers.Dense(8)(x)))
    return generator, keras.Model(x, layers.Dense(1)(hidden))


def with_everything():
    """Codes, classes, a companion, schedules, states of terms, batch normalisation."""
    generator = mlp_generator(
        {"z": (LATENT,), "code": (4,), "label": (3,)},
        SHAPE,
        units=(8,),
        condition="concatenation",
        normalisation="batch",
    )
    discriminator = mlp_discriminator(
        {"x": SHAPE, "label": (3,)}, units=(8,), condition="concatenation"
    )
    code = Categorical(categories=(4,), continuous=0)
    prior = Product(parts={"z": Normal(size=LATENT), "code": code}, codes=("code",))
    encoder = keras.Sequential([keras.Input(SHAPE), layers.Dense(4), layers.Dropout(0.5)])
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 10)
    objective = NonSaturating(
        discriminator_steps=2,
        normalised=True,
        terms=(R1(interval=2), HistoricalAverage(weight=SHAPES["exponential"](1.0, 0.1, 10))),
        augmentations=(InstanceNoise(sigma=0.1),),
        weightings=(TopK(fraction=0.5),),
    )
    return compiled(
        generator,
        discriminator,
        prior=prior,
        objective=objective,
        optimizers=(keras.optimizers.Adam(schedule), keras.optimizers.RMSprop(1e-3)),
        class_shares=(0.5, 0.3, 0.2),
        companions={"reader": Companion(network=encoder, gives="code", trained_with=None)},
        seed=3,
    )


def began():
    return compiled(
        linear_networks()[0],
        mlp_autoencoder(),
        objective=BEGAN(balance_rate=0.1),
    )


def mlp_autoencoder():
    x = keras.Input(SHAPE)
    again = layers.Dense(2)(layers.Dense(4)(x))
    return keras.Model(x, ReconstructionScore(error="squared")([x, again]))


def packed():
    discriminator = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1)])
    objective = NonSaturating(constraint=WeightClip(limit=0.1))
    return compiled(linear_networks()[0], discriminator, packing=2, objective=objective)


GANS = {
    "everything": with_everything,
    "spectral norm and dropout": lambda: compiled(*networks_with_dropout(), objective=NORMALISED),
    "state of an objective": began,
    "packing and clipping": packed,
    "learned means": lambda: compiled(
        keras.Sequential([keras.Input((6,)), MEANS.first_layer(), layers.Dense(2)]),
        linear_networks()[1],
        prior=MEANS,
    ),
    "no average": lambda: tiny_gan(ema_half_life=None, run_eagerly=True),
}
NORMALISED = NonSaturating(constraint=SpectralNorm())
MEANS = LearnableMixture(components=3, dimension=3)


def batch(gan, seed=0):
    examples = rows(BATCH * gan.objective.discriminator_steps, seed=seed)
    return (examples, np.arange(len(examples)) % 3) if gan.classes else (examples, None)


def assert_equal(left, right):
    for part, arrays in weights(left).items():
        for ours, theirs in zip(weights(right)[part], arrays, strict=True):
            np.testing.assert_array_equal(ours, theirs, part)


@pytest.mark.parametrize("make", GANS.values(), ids=GANS)
def test_a_loaded_gan_goes_on_as_the_saved_one(make, tmp_path):
    gan = make()
    for seed in range(2):
        gan.train_on_batch(*batch(gan, seed))
    gan.save(tmp_path / "gan.keras")
    assert [each.name for each in tmp_path.iterdir()] == ["gan.keras"]
    other = keras.models.load_model(tmp_path / "gan.keras")
    assert_equal(gan, other)
    assert other.prior == gan.prior
    assert other.objective.get_config() == gan.objective.get_config()  # schedules have no `==`
    assert (other.class_shares, other.packing) == (gan.class_shares, gan.packing)
    for seed in range(2, 4):
        logs = [each.train_on_batch(*batch(each, seed)) for each in (gan, other)]
        assert logs[0] == logs[1]
    assert_equal(gan, other)
    np.testing.assert_array_equal(gan.generate(5), other.generate(5))


def test_the_order_of_parts_is_none_of_the_states():
    """A constraint puts another discriminator in the place of the given one, and behind others."""
    gan = compiled(*networks_with_dropout(), objective=NORMALISED)
    names = {"random_generator_0", "random_discriminator_0", "random_ema_generator_0"}
    assert gan._random_states().keys() == names


MEMBERS = [
    *(kind() for kind in OBJECTIVES.values()),
    *(kind() for registry in (TERMS, AUGMENTATIONS, WEIGHTINGS) for kind in registry.values()),
    *(kind() for kind in CONSTRAINTS.values()),
    *(kind() for name, kind in PRIORS.items() if name != "product"),
    Product(parts={"z": Normal(size=2), "c": Categorical(categories=(2, 3))}, codes=("c",)),
    Anneal(start=1.0, end=0.1),
    OptimizerConfig(
        name="sgd", learning_rate=Anneal(start=1.0, end=0.1), options={"momentum": 0.5}
    ),
]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda each: type(each).__name__)
def test_every_member_survives_a_configuration(member):
    text = json.dumps(keras.saving.serialize_keras_object(member))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    assert again == member
    assert repr(again) == repr(member)
    name = keras.saving.get_registered_name(type(member))
    assert name == f"ganapp>{type(member).__name__}"
    assert keras.saving.get_registered_object(name) is type(member)  # of no other family


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_a_schedule_survives_a_configuration(shape):
    schedule = SHAPES[shape](1.0, 0.1, 10)
    text = json.dumps(keras.saving.serialize_keras_object(schedule))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    for step in (0, 3, 10, 20):
        assert float(again(step)) == float(schedule(step))


@keras.saving.register_keras_serializable("tests")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Pull(Term):
    """A user's term of one option."""

    name = "pull"
    players = ("generator",)
    towards: tuple[float, ...] = (0.0, 0.0)

    def per_example(self, critic, real, fake, draw, state=None):
        return tf.reduce_sum((fake["x"] - tf.constant(self.towards)) ** 2, axis=-1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unknown(Pull):
    """Registered by nobody."""


class UnknownGAN(GAN):
    """Registered by nobody."""


@keras.saving.register_keras_serializable("tests")
class KnownGAN(GAN):
    """A user's GAN with an argument more."""

    def __init__(self, *networks, pull=1.0, **options):
        super().__init__(*networks, **options)
        self.pull = pull

    def get_config(self):
        return super().get_config() | {"pull": self.pull}

    def extra_generator_terms(self, critic, real, fake):
        return {"pulled": self.pull * tf.reduce_mean(fake["x"] ** 2)}


def test_what_a_user_registers_comes_back(tmp_path):
    objective = NonSaturating(terms=(Pull(weight=2.0, towards=(1.0, 2.0)),))
    gan = tiny_gan(objective, run_eagerly=True)
    gan.save(tmp_path / "gan.keras")
    assert keras.models.load_model(tmp_path / "gan.keras").objective == objective
    options = {"prior": Normal(size=LATENT), "ema_half_life": None, "pull": 0.5}
    own = KnownGAN(*linear_networks(), **options)
    own.compile(objective="non_saturating", run_eagerly=True)
    own.save(tmp_path / "own.keras")
    again = keras.models.load_model(tmp_path / "own.keras")
    assert (type(again), again.pull) == (KnownGAN, 0.5)
    logs = [each.train_on_batch(rows(BATCH)) for each in (own, again)]
    assert logs[0] == logs[1]


class FlatPrior:
    """A prior that does not say how it was made."""

    size = LATENT

    def sample(self, count, seed):
        return tf.random.stateless_uniform((count, self.size), seed)


@keras.saving.register_keras_serializable("tests")
def twice(x):
    return 2 * x


def unregistered(x):
    return 3 * x


def of_function(function):
    z = keras.Input((LATENT,))
    return keras.Model(z, layers.Dense(2)(layers.Activation(function)(z)))


REGISTER = "`gan.save` needs every class and function.*register_keras_serializable.*"
REFUSED = {
    "term": (lambda: tiny_gan(NonSaturating(terms=(Unknown(),))), f"{REGISTER}'Unknown'"),
    "GAN": (lambda: tiny_gan(gan=UnknownGAN), f"{REGISTER}'UnknownGAN'"),
    "function": (
        lambda: compiled(of_function(unregistered), linear_networks()[1]),
        f"{REGISTER}'unregistered'",
    ),
    "prior": (
        lambda: compiled(*linear_networks(), prior=FlatPrior()),
        "`gan.save` needs a configuration of `prior`.*FlatPrior",
    ),
    "shared layer": (
        lambda: compiled(sharing(), linear_networks()[1]),
        "two networks within `generator` share.*'both' in 'first' and in 'second'",
    ),
}


def sharing():
    shared, z = layers.Dense(LATENT, name="both"), keras.Input((LATENT,))
    parts = [
        keras.Sequential([keras.Input((LATENT,)), shared], name=n) for n in ("first", "second")
    ]
    return keras.Model(z, layers.Dense(2)(parts[1](parts[0](z))))


@pytest.mark.parametrize(("make", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_nobody_could_load_is_refused(make, sentence, tmp_path, monkeypatch):
    # Of a network of shared layers no average can be kept either.
    monkeypatch.setattr("ganapp.models.gan.copy_network", lambda network: network)
    gan = make()
    for save in (gan.save, lambda path: keras.saving.save_model(gan, path)):
        with pytest.raises(ValueError, match=sentence):
            save(tmp_path / "gan.keras")
    with pytest.raises(ValueError, match=r"in a file `.keras`"):
        gan.save(tmp_path / "gan.h5")
    gan.save_weights(tmp_path / "gan.weights.h5")


def test_registered_functions_are_fine(tmp_path):
    compiled(of_function(twice), linear_networks()[1]).save(tmp_path / "gan.keras")
    again = keras.models.load_model(tmp_path / "gan.keras")
    assert again.generator.layers[1].activation is twice


def test_the_configuration_makes_another_gan_of_the_kind():
    gan = with_everything()
    again = GAN.from_config(json.loads(json.dumps(gan.get_config())))
    assert not again.compiled
    clone = keras.models.clone_model(gan)
    assert clone.compiled
    for other in (again, clone):
        assert json.dumps(other.get_config()) == json.dumps(gan.get_config())
        assert not {id(v) for v in other.variables} & {id(v) for v in gan.variables}
    assert clone.get_compile_config() == gan.get_compile_config()
    assert gan.get_compile_config()["discriminator_optimizer"]["class_name"] == "RMSprop"
    assert again.get_compile_config() == {}


def test_loaded_without_compiling_it_generates(tmp_path):
    gan = tiny_gan(NORMALISED, run_eagerly=True)
    gan.train_on_batch(rows(BATCH))
    gan.save(tmp_path / "folder", zipped=False)
    other = keras.models.load_model(tmp_path / "folder", compile=False)
    assert not other.compiled
    np.testing.assert_array_equal(gan.generate(5), other.generate(5))


def test_precision_and_loss_scale_are_kept(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    gan = tiny_gan(optimizer=lambda: keras.optimizers.Adam(1e-3), run_eagerly=True)
    gan.train_on_batch(rows(BATCH))
    keras.config.set_dtype_policy("float32")
    gan.save(tmp_path / "gan.keras")
    other = keras.models.load_model(tmp_path / "gan.keras")
    assert type(other.generator_optimizer) is type(gan.generator_optimizer)
    logs = [each.train_on_batch(rows(BATCH, seed=1)) for each in (gan, other)]
    assert logs[0] == logs[1]
    assert_equal(gan, other)


def test_saved_on_replicas_it_goes_on_on_one(two_replicas, tmp_path):
    gan = tiny_gan(strategy=two_replicas, optimizer=lambda: keras.optimizers.SGD(0.1))
    gan.save(tmp_path / "gan.keras")
    kinds = type(gan.generator_optimizer), type(gan.discriminator_optimizer)
    other = keras.models.load_model(tmp_path / "gan.keras")
    assert type(other.generator_optimizer) is keras.optimizers.SGD
    assert (type(gan.generator_optimizer), type(gan.discriminator_optimizer)) == kinds
    assert_equal(gan, other)
    with two_replicas.scope():
        again = keras.models.load_model(tmp_path / "gan.keras")
    assert again.distribute_strategy is two_replicas
    assert [base.__name__ for base in type(again.optimizer).__bases__] == [
        "ReplicaOptimizer",
        "SGD",
    ]


def test_a_file_that_is_being_written_does_not_replace_the_one_before(tmp_path, monkeypatch):
    gan = tiny_gan(run_eagerly=True)
    gan.save(tmp_path / "gan.keras")
    before = (tmp_path / "gan.keras").read_bytes()

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(gan.ema_generator, "save_own_variables", fail)
    with pytest.raises(OSError, match="the disk is full"):
        gan.save(tmp_path / "gan.keras")
    assert [each.name for each in tmp_path.iterdir()] == ["gan.keras"]
    assert (tmp_path / "gan.keras").read_bytes() == before


ELSEWHERE = """
import ganapp
import keras
import numpy as np

gan = keras.models.load_model("gan.keras")
arrays = np.load("batch.npz")
for _ in range(2):
    gan.train_on_batch(arrays["x"], arrays["label"])
gan.save_weights("after.weights.h5")
"""


@pytest.mark.slow
def test_another_process_needs_nothing_but_ganapp(tmp_path):
    gan = with_everything()
    examples, labels = batch(gan)
    gan.train_on_batch(examples, labels)
    gan.save(tmp_path / "gan.keras")
    np.savez(tmp_path / "batch.npz", x=examples, label=labels)
    subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=tmp_path, check=True, env=os.environ)
    for _ in range(2):
        gan.train_on_batch(examples, labels)
    other = with_everything()
    other.load_weights(tmp_path / "after.weights.h5")
    assert_equal(gan, other)
