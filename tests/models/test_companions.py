"""Further networks of a GAN: an encoder that is trained with the generator, kept and averaged."""

import dataclasses
from typing import ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, LATENT, mlp_networks, plain_batches, same_networks, train

from ganapp.models import GAN
from ganapp.models.companions import Companion
from ganapp.training.checkpoints import Checkpoints
from ganapp.training.objectives import NonSaturating
from ganapp.training.priors import Normal
from ganapp.training.terms import R1, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentReconstruction(Term):
    """|E(G(z)) - z|^2: the encoder reads the latent back."""

    name = "latent_reconstruction"
    players: ClassVar[tuple[str, ...]] = ("generator",)

    def per_example(self, critic, real, fake, draw, state=None):
        found = critic.companions["encoder"](fake)["z"]
        return tf.reduce_sum((found - fake["z"]) ** 2, axis=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared(Term):
    """The comparator's mean square of real examples, in the discriminator's loss."""

    name = "compared"

    def per_example(self, critic, real, fake, draw, state=None):
        return tf.reduce_mean(critic.companions["comparator"](real)["distance"] ** 2, axis=1)


def network(inputs, outputs, name):
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)], name=name)


def encoder_gan(strategy=None, *, weight=1.0, **options):
    keras.utils.set_random_seed(1)
    with (strategy or tf.distribute.get_strategy()).scope():
        companions = {
            "encoder": Companion(network=network(2, LATENT, "encoder")),
            "comparator": Companion(
                network=network(2, 3, "comparator"), trained_with="discriminator", gives="distance"
            ),
            "judge": Companion(network=network(2, 3, "judge"), trained_with=None),
        }
        options = {"companions": companions, "seed": 5, "ema_half_life": 50.0} | options
        gan = GAN(*mlp_networks(), Normal(size=LATENT), **options)
        gan.compile(
            keras.optimizers.Adam(0.01),
            keras.optimizers.Adam(0.01),
            objective=NonSaturating(terms=(R1(), LatentReconstruction(weight=weight), Compared())),
        )
    return gan


def values(gan, part):
    return [variable.numpy() for variable in gan.state()[part]]


def moved(before, after):
    return max(np.abs(a - b).max() for a, b in zip(before, after, strict=True))


def test_each_is_trained_with_its_player_and_averaged_with_the_generator():
    gan = encoder_gan()
    parts = ("encoder", "ema_encoder", "comparator", "judge")
    before = {part: values(gan, part) for part in parts}
    train(gan, 3)
    change = {part: moved(before[part], values(gan, part)) for part in parts}
    assert change["encoder"] > change["ema_encoder"] > 1e-4
    assert change["comparator"] > 1e-4
    assert change["judge"] == 0
    x = np.ones((4, 2), "float32")
    averaged, raw = (gan.call_companion("encoder", x=x, ema=ema)["z"] for ema in (True, False))
    assert averaged.shape == (4, LATENT)
    assert np.abs(averaged - raw).max() > 1e-5
    with pytest.raises(ValueError, match=r"companions are: 'encoder', .*Received: 'decoder'"):
        gan.call_companion("decoder", x=x)


def test_the_encoder_learns_what_the_generator_was_given():
    gan = encoder_gan(weight=10.0)
    z = np.asarray(Normal(size=LATENT).sample(64, (1, 2)))

    def error():
        x = gan.generate(z=z, ema=False)
        return float(np.mean((gan.call_companion("encoder", x=x, ema=False)["z"] - z) ** 2))

    before = error()
    train(gan, 200)
    assert error() < 0.7 * before


def test_two_replicas_train_as_one(two_replicas):
    one, two = encoder_gan(), encoder_gan(two_replicas)
    for gan in (one, two):
        train(gan, 3)
    assert same_networks(two, one) < 1e-5
    for part in ("encoder", "ema_encoder", "comparator"):
        assert moved(values(one, part), values(two, part)) < 1e-5


def test_a_resumed_run_is_the_unbroken_one(tmp_path):
    unbroken, broken, resumed = encoder_gan(), encoder_gan(), encoder_gan()
    data = plain_batches(4, BATCH)
    train(unbroken, 4, data)
    train(broken, 2, data.take(2))
    Checkpoints(tmp_path, broken.state()).save(2)
    train(resumed, 1, data.take(1))  # somewhere else before
    assert Checkpoints(tmp_path, resumed.state()).restore_latest() == 2
    train(resumed, 2, data.skip(2))
    for part, variables in unbroken.state().items():
        for variable, other in zip(variables, resumed.state()[part], strict=True):
            np.testing.assert_array_equal(variable.numpy(), other.numpy(), err_msg=part)


def test_weights_hold_them(tmp_path):
    gan, other = encoder_gan(), encoder_gan()
    train(gan, 2)
    gan.save_weights(tmp_path / "gan.weights.h5")
    other.load_weights(tmp_path / "gan.weights.h5")
    assert moved(values(gan, "encoder"), values(other, "encoder")) == 0
    assert moved(values(gan, "ema_encoder"), values(other, "ema_encoder")) == 0


def test_what_cannot_be_one_is_refused():
    generator, discriminator = mlp_networks()

    def made(companions):
        return GAN(generator, discriminator, Normal(size=LATENT), companions=companions)

    for taken in ("generator", "discriminator_optimizer"):
        with pytest.raises(ValueError, match=rf"a name of its own.*Received: '{taken}'"):
            made({taken: Companion(network=network(2, 1, "a"))})
    with pytest.raises(ValueError, match=r"must not share variables.*some of discriminator"):
        made({"encoder": Companion(network=discriminator)})
    with pytest.raises(ValueError, match=r"'encoder' must be built"):
        made({"encoder": Companion(network=keras.Sequential([keras.layers.Dense(2)]))})
    with pytest.raises(ValueError, match=r"`trained_with` of the companion 'encoder'"):
        made({"encoder": Companion(network=network(2, 1, "a"), trained_with="both")})
    twice = Companion(network=network(2, 1, "a"))
    with pytest.raises(ValueError, match=r"'b' must not share variables.*some of a"):
        made({"a": twice, "b": twice})


def test_a_term_without_its_companion_is_told_which():
    gan = GAN(*mlp_networks(), Normal(size=LATENT))
    gan.compile(objective=NonSaturating(terms=(LatentReconstruction(),)))
    with pytest.raises(ValueError, match=r"calls the companion 'encoder'.*Received: none"):
        train(gan, 1)
