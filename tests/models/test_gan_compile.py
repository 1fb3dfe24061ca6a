"""What `compile` and the constructor take, and what they refuse in a sentence."""

import keras
import numpy as np
import pytest
from case import (
    LATENT,
    SHAPE,
    linear_networks,
    one_each,
    relative_error,
    same_networks,
    tiny_gan,
    train,
    weights,
)

from ganapp.models import GAN
from ganapp.training.constraints import WeightClip
from ganapp.training.objectives import Hinge, NonSaturating
from ganapp.training.optimizers import adam
from ganapp.training.priors import Normal
from ganapp.training.schedules import Anneal
from ganapp.training.terms import R1

PARTS = "generator", "discriminator"


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
    gan.compile(objective=NonSaturating(terms=(R1(),)))  # the same constraint: no objection
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
        tiny_gan(networks=networks, optimizer=sgd, run_eagerly=True)
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


def test_clipping_is_of_the_global_gradient(two_replicas):
    """Clipped before the sum over replicas, two of them would take up to twice the step."""

    def gan(strategy=None, **limits):
        makers = [lambda x=name: keras.optimizers.SGD(0.5, **limits.get(x, {})) for name in PARTS]
        optimizer = one_each(*makers)
        return tiny_gan(optimizer=optimizer, strategy=strategy, run_eagerly=strategy is None)

    limits = {"generator": {"clipnorm": 0.01}, "discriminator": {"global_clipnorm": 0.01}}
    single, double, free = gan(**limits), gan(two_replicas, **limits), gan()
    for each in (single, double, free):
        train(each, 3)
    assert same_networks(double, single) < 1e-5
    for part in PARTS:  # clipping did something
        assert relative_error(weights(free)[part], weights(single)[part]) > 1e-3


def bare_gan(generator=None, discriminator=None):
    ours = linear_networks()
    return GAN(generator or ours[0], discriminator or ours[1], Normal(size=LATENT))


@pytest.mark.parametrize("which", ["generator_optimizer", "discriminator_optimizer"])
def test_one_optimizer_is_for_both_networks(which):
    given = keras.optimizers.Adam(3e-3, beta_1=0.25)
    gan = bare_gan()
    gan.compile(**{which: given}, objective=NonSaturating())
    pair = gan.generator_optimizer, gan.discriminator_optimizer
    assert getattr(gan, which) is given
    assert pair[0] is not pair[1]
    for optimizer in pair:
        assert float(optimizer.learning_rate) == pytest.approx(3e-3)
        assert optimizer.beta_1 == 0.25
        assert len(optimizer._trainable_variables) == 2


def test_one_schedule_for_different_numbers_of_updates_is_refused():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.5)
    gan = bare_gan()
    with pytest.raises(ValueError, match="makes 5 in each step: give both"):
        gan.compile(keras.optimizers.Adam(schedule), objective="wgan_gp")
    gan.compile(keras.optimizers.Adam(schedule), objective="non_saturating")
    rates = gan.generator_optimizer, gan.discriminator_optimizer
    assert [float(each.learning_rate) for each in rates] == [pytest.approx(1e-3)] * 2


def test_an_objective_by_its_name_is_its_papers():
    gan = bare_gan()
    gan.compile(objective="hinge")
    assert gan.objective == Hinge()
    assert gan.generator_optimizer.beta_1 == 0.0


@pytest.mark.parametrize(
    ("objective", "sentence"),
    [
        ("hindge", r"no objective called 'hindge'.*Did you mean 'hinge'\?"),
        (Hinge, r"`ganapp.training.objectives.Hinge\(\)`, or the name"),
        (keras.losses.BinaryCrossentropy(), "`objective` must be an objective"),
    ],
)
def test_what_is_no_objective_is_refused(objective, sentence):
    with pytest.raises(ValueError, match=sentence):
        bare_gan().compile(objective=objective)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_network_with_nothing_to_train_is_refused(player):
    gan = bare_gan()
    getattr(gan, player).trainable = False
    with pytest.raises(ValueError, match=r"has nothing to train.*leave out `trainable = False`"):
        gan.compile(objective="non_saturating")
    getattr(gan, player).trainable = True
    gan.compile(objective="non_saturating")
    getattr(gan, player).trainable = False
    with pytest.raises(ValueError, match="has nothing to train"):
        gan.train_on_batch(np.ones((8, *SHAPE), np.float32))


def test_inputs_without_a_name_are_refused():
    z, label = keras.Input((LATENT,)), keras.Input((3,), name="label")
    told = keras.Model([z, label], keras.layers.Dense(2)(keras.layers.Concatenate()([z, label])))
    with pytest.raises(ValueError, match=r"`generator` must take 'z'.*Name the inputs.*'label'"):
        bare_gan(generator=told)
    x, mask = keras.Input(SHAPE), keras.Input((2,), name="mask")
    scores = keras.layers.Dense(1)(keras.layers.Concatenate()([x, mask]))
    with pytest.raises(ValueError, match=r"`discriminator` must take 'x'.*Received: .*'mask'"):
        bare_gan(discriminator=keras.Model([x, mask], scores))
