"""What `compile` and the constructor take, and what they refuse in a sentence."""

import keras
import numpy as np
import pytest

from models import GAN
from tests.case import LATENT, SHAPE, linear_networks, same_networks, tiny_gan, train, weights
from training.constraints import WeightClip
from training.objectives import NonSaturating
from training.optimizers import adam
from training.penalties import R1
from training.priors import Normal
from training.schedules import Anneal


class SubclassedGenerator(keras.Model):
    """A network without a graph of its own; its shapes show in a call only."""

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(4, "relu")
        self.out = keras.layers.Dense(SHAPE[0])

    def call(self, latents, training=None):
        return self.out(self.hidden(latents))

    def get_config(self):
        return {}


def unbuilt_sequential(units):
    return keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(units)])


def test_subclassed_and_unbuilt_networks_train():
    gan = GAN(SubclassedGenerator(), unbuilt_sequential(1), Normal(size=LATENT))
    gan.compile(objective=NonSaturating())
    before = weights(gan)
    gan.fit(np.ones((16, *SHAPE), np.float32), batch_size=8, verbose=0)
    for part in ("generator", "discriminator", "ema_generator"):
        assert len(before[part]) == 4
        after = weights(gan)[part]
        assert any(not np.array_equal(a, b) for a, b in zip(after, before[part], strict=True))
    assert gan.generate(3).shape == (3, *SHAPE)


def test_an_unbuilt_discriminator_of_the_wrong_rank_is_a_sentence():
    generator = unbuilt_sequential(2)
    discriminator = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"`discriminator` must take what `generator` makes"):
        GAN(generator, discriminator, Normal(size=LATENT))


def test_another_constraint_in_a_second_compile_is_refused():
    gan = tiny_gan(NonSaturating())
    gan.compile(objective=NonSaturating(penalties=(R1(),)))  # the same constraint: no objection
    with pytest.raises(ValueError, match=r"make a new GAN.*'weight_clip' after 'none'"):
        gan.compile(objective=NonSaturating(constraint=WeightClip(limit=0.01)))


def test_an_optimizer_of_another_gan_is_refused():
    optimizer = keras.optimizers.Adam(1e-3)
    tiny_gan(generator_optimizer=optimizer)
    with pytest.raises(ValueError, match=r"make a new one.*was built for other variables"):
        tiny_gan(generator_optimizer=optimizer)


def test_the_optimizers_own_average_is_refused():
    with pytest.raises(ValueError, match="ema_half_life"):
        tiny_gan(generator_optimizer=keras.optimizers.Adam(1e-3, use_ema=True))


def test_an_annealed_rate_needs_a_number_of_updates():
    annealed = adam(Anneal(start=1e-3, end=1e-4), 0.0, 0.99)
    with pytest.raises(ValueError, match="updates"):
        annealed.build()
    tiny_gan(generator_optimizer=annealed.build(100))


def own_loss_networks():
    """Linear networks whose own layers ask for something besides the objective."""
    generator, _ = linear_networks()
    x = keras.Input(SHAPE)
    regularised = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.5))
    return generator, keras.Model(x, regularised(x))


def test_regularisers_of_the_layers_shape_the_update():
    """One SGD step differs from the plain one by rate x gradient of the regulariser, exactly."""

    def sgd():
        return keras.optimizers.SGD(0.1)

    plain, regularised = (
        tiny_gan(networks=networks, optimizer=sgd)
        for networks in (linear_networks, own_loss_networks)
    )
    for ours, theirs in zip(
        regularised.discriminator.variables, plain.discriminator.variables, strict=True
    ):
        ours.assign(theirs)
    kernel = plain.discriminator.trainable_variables[0].numpy()
    assert same_networks(regularised, plain) == 0
    logs = [train(gan, 1).history for gan in (plain, regularised)]
    assert "penalty/own_losses" not in logs[0]
    assert logs[1]["penalty/own_losses"][0] == pytest.approx(0.5 * np.sum(kernel**2), rel=1e-5)
    after = [gan.discriminator.trainable_variables[0].numpy() for gan in (plain, regularised)]
    np.testing.assert_allclose(after[1] - after[0], -0.1 * 2 * 0.5 * kernel, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("clipping", [{"clipnorm": 0.01}, {"global_clipnorm": 0.01}])
def test_clipping_is_of_the_global_gradient(clipping, two_replicas):
    """Clipped before the sum over replicas, two of them would take up to twice the step."""

    def sgd():
        return keras.optimizers.SGD(0.5, **clipping)

    gans = [tiny_gan(optimizer=sgd, strategy=strategy) for strategy in (None, two_replicas)]
    free = tiny_gan(optimizer=lambda: keras.optimizers.SGD(0.5))
    for gan in (*gans, free):
        train(gan, 3)
    assert same_networks(gans[1], gans[0]) < 1e-5
    assert same_networks(free, gans[0]) > 1e-3  # clipping did something
