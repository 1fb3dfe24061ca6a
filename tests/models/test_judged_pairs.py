"""Pairs of example and latent: the discriminator judges both, an encoder says the real latents."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, LATENT, SHAPE, plain_batches, rows, same_networks, train

from ganapp.models import GAN
from ganapp.models.companions import Companion
from ganapp.models.networks import mlp_discriminator, mlp_generator
from ganapp.models.networks.readers import reader
from ganapp.models.noise import Stream
from ganapp.models.rules import Combination, refuse
from ganapp.models.tensors import apply
from ganapp.training.checkpoints import Checkpoints
from ganapp.training.objectives import (
    EBGAN,
    FKL,
    OBJECTIVES,
    WGANGP,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticAverage,
    RelativisticPairing,
)
from ganapp.training.priors import Normal, Uniform
from ganapp.training.terms import R1, R2, MutualInformation

REAL, FAKE = ([1.0, -2.0, 0.0, 3.0], [-1.0, 0.5, 2.0, 0.0])
# What both losses of generator and encoder are together: minus the discriminator's loss, that loss
# with real and generated in each other's places, or the difference of the scores.
GAMES = {
    "zero-sum": lambda it, real, fake: -it.discriminator_loss(real, fake),
    "swapped": lambda it, real, fake: it.discriminator_loss(fake, real),
    "linear": lambda it, real, fake: real - fake,
}
GAME_OF = {
    "minimax": "zero-sum",
    "wgan": "zero-sum",
    "non_saturating": "swapped",
    "least_squares": "swapped",
    "hinge": "linear",
    **{name: "zero-sum" for name in OBJECTIVES if name.startswith("f_")},
    **{name: "swapped" for name in OBJECTIVES if name.startswith("relativistic")},
}
WITHOUT = {"ebgan", "began", "wgan_gp", "wgan_lp"}


def both(objective):
    real, fake = tf.constant(REAL), tf.constant(FAKE)
    found = objective.generator_loss(real, fake) + objective.encoder_loss(real, fake)
    return np.asarray(found), real, fake


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_the_encoder_plays_the_generators_game_on_the_other_side(name):
    objective = OBJECTIVES[name]()
    if name in WITHOUT:
        assert objective.encoder_loss(tf.constant(REAL), tf.constant(FAKE)) is None
        return
    found, real, fake = both(objective)
    expected = np.asarray(GAMES[GAME_OF[name]](objective, real, fake))
    if not objective.relativistic or "average" not in name:
        np.testing.assert_allclose(found - expected, np.mean(found - expected), atol=2e-6)
    np.testing.assert_allclose(np.mean(found), np.mean(expected), atol=2e-6)


def test_options_change_both_sides_alike():
    smooth = Minimax(label_smoothing=0.2)  # the game with soft targets is still of zero sum
    found, real, fake = both(smooth)
    np.testing.assert_allclose(found, -np.asarray(smooth.discriminator_loss(real, fake)), atol=1e-6)
    alternative = FKL(generator_goal="alternative")
    found, real, fake = both(alternative)
    np.testing.assert_allclose(
        found, np.asarray(alternative.discriminator_loss(fake, real)), rtol=1e-6
    )
    pearson = LeastSquares(real_target=1.0, fake_target=-1.0, generator_target=0.0)
    found, real, fake = both(pearson)  # both want 0
    np.testing.assert_allclose(found, 0.5 * np.square(REAL) + 0.5 * np.square(FAKE), rtol=1e-6)


class Pair(keras.layers.Layer):
    """tanh(x) A z + w x + v z: a score that knows whether example and latent belong together."""

    def build(self, shapes):
        (_, dx), (_, dz) = shapes["x"], shapes["z"]
        self.joint = self.add_weight(shape=(dx, dz), initializer="random_normal")
        self.of_x = self.add_weight(shape=(dx, 1), initializer="ones")
        self.of_z = self.add_weight(shape=(dz, 1), initializer="ones")

    def call(self, given):
        x, z = given["x"], given["z"]
        joint = tf.reduce_sum((tf.tanh(x) @ self.joint) * z, axis=1, keepdims=True)
        return joint + x @ self.of_x + z @ self.of_z


def linear_pair_networks(latent=LATENT):
    generator = keras.Sequential([keras.Input((latent,)), keras.layers.Dense(SHAPE[0])])
    encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Dense(latent)])
    inputs = {"x": keras.Input(SHAPE, name="x"), "z": keras.Input((latent,), name="z")}
    return generator, keras.Model(inputs, Pair()(inputs)), encoder


def linear_gan(objective, rates, **options):
    keras.utils.set_random_seed(3)
    generator, discriminator, encoder = linear_pair_networks()
    companions = {"encoder": Companion(network=encoder)}
    gan = GAN(generator, discriminator, Normal(size=LATENT), companions=companions, **options)
    gan.compile(*map(keras.optimizers.SGD, rates), objective=objective)
    return gan


def weights_of(network):
    return [variable.numpy() for variable in network.trainable_variables]


def score(gan, x, z):
    return apply(gan.discriminator, {"x": x, "z": z}, gives="scores")["scores"]


def plain_losses(name, real, fake):
    """Discriminator's, then generator's and encoder's, from the papers, as functions of scores."""
    softplus, square = tf.math.softplus, tf.square
    found = {
        "non_saturating": (softplus(-real) + softplus(fake), softplus(-fake) + softplus(real)),
        "minimax": (softplus(-real) + softplus(fake), -softplus(fake) - softplus(-real)),
        "least_squares": (
            0.5 * square(real - 1) + 0.5 * square(fake),
            0.5 * square(fake - 1) + 0.5 * square(real),
        ),
        "relativistic": (softplus(fake - real), softplus(real - fake)),
    }
    return [tf.reduce_mean(loss) for loss in found[name]]


@pytest.mark.parametrize("kind", [NonSaturating, Minimax, LeastSquares, RelativisticPairing])
def test_one_update_is_the_gradient_of_the_paper(kind):
    x = rows(BATCH)
    objective = kind(terms=())
    for rates, side in (((0.0, 0.5), 0), ((0.5, 0.0), 1)):  # one player at a time
        gan = linear_gan(objective, rates)
        stream = (Stream.DISCRIMINATOR, Stream.GENERATOR)[side]
        z = gan._noise({"x": tf.constant(x)}, stream)["z"]
        encoder = gan.companion_networks["encoder"]
        networks = (gan.discriminator,) if side == 0 else (gan.generator, encoder)
        variables = [v for each in networks for v in each.trainable_variables]
        with tf.GradientTape() as tape:
            real = score(gan, x, encoder(x))
            fake = score(gan, gan.generator(z), z)
            loss = plain_losses(objective.name, real, fake)[side]
        steps = [0.5 * gradient.numpy() for gradient in tape.gradient(loss, variables)]
        assert max(np.abs(step).max() for step in steps) > 1e-3
        everything = [gan.generator, gan.discriminator, encoder]
        before = {id(v): v.numpy() for each in everything for v in each.trainable_variables}
        train(gan, 1, tf.data.Dataset.from_tensors(x))
        for variable, step in zip(variables, steps, strict=True):
            np.testing.assert_allclose(before.pop(id(variable)) - variable, step, atol=2e-6)
        left = [v for each in everything for v in each.trainable_variables if id(v) in before]
        assert all(np.array_equal(before[id(v)], v.numpy()) for v in left)


def test_the_encoders_gradient_is_that_of_finite_differences():
    """In float64, of the loss that the closed form above names."""
    x = rows(BATCH).astype("float64")
    gan = linear_gan(NonSaturating(), (0.5, 0.0))
    kernel, bias = weights_of(gan.companion_networks["encoder"])
    joint, of_x, of_z = weights_of(gan.discriminator)

    def loss(kernel):
        z = x @ kernel + bias
        scores = ((np.tanh(x) @ joint) * z).sum(axis=1) + (x @ of_x + z @ of_z)[:, 0]
        return np.mean(np.logaddexp(0, scores))

    found, step = np.zeros(kernel.shape), 1e-5
    for place in np.ndindex(kernel.shape):
        shift = np.zeros(kernel.shape)
        shift[place] = step
        found[place] = (loss(kernel + shift) - loss(kernel - shift)) / (2 * step)
    train(gan, 1, tf.data.Dataset.from_tensors(x.astype("float32")))
    moved = (kernel - weights_of(gan.companion_networks["encoder"])[0]) / 0.5
    np.testing.assert_allclose(moved, found, atol=2e-5)


def test_a_penalty_on_examples_holds_their_latents_fixed():
    gan = linear_gan(NonSaturating(terms=(R1(weight=1.0), R2(weight=1.0))), (0.0, 0.0))
    x = rows(BATCH)
    z = gan.call_companion("encoder", x=x, ema=False)["z"]
    joint, of_x, _ = weights_of(gan.discriminator)
    by_x = (z @ joint.T) * (1 - np.tanh(x) ** 2) + of_x[:, 0]  # not also through E
    logs = train(gan, 1, tf.data.Dataset.from_tensors(x)).history
    expected = 0.5 * np.mean(np.sum(by_x**2, axis=1))
    np.testing.assert_allclose(logs["penalty/r1"], expected, rtol=1e-5)


def test_in_a_linear_gaussian_game_the_encoder_inverts_the_generator():
    """The only pairs that an optimal discriminator cannot tell: E is G's inverse, G has the law."""
    keras.utils.set_random_seed(0)
    mixing = np.array([[1.0, 0.5], [0.0, 0.8]], "float32")
    generator, discriminator, encoder = linear_pair_networks(latent=2)
    discriminator = mlp_discriminator({"x": (2,), "z": (2,)}, units=(64, 64))
    gan = GAN(
        generator,
        discriminator,
        Normal(size=2),
        companions={"encoder": Companion(network=encoder)},
        ema_half_life=5_000.0,
        seed=1,
    )
    optimizers = [keras.optimizers.Adam(2e-3, beta_1=0.0, beta_2=0.99) for _ in range(2)]
    gan.compile(*optimizers, objective=RelativisticPairing(terms=(R1(weight=0.1), R2(weight=0.1))))
    noise = np.random.default_rng(0).normal(size=(1500 * 64, 2)).astype("float32")
    data = tf.data.Dataset.from_tensor_slices(noise @ mixing).batch(64, drop_remainder=True)
    x = noise[:2000] @ mixing

    def share_lost():
        made = gan.generate(z=gan.call_companion("encoder", x=x)["z"])
        return float(np.mean((made - x) ** 2) / np.mean(x**2))

    before = share_lost()
    train(gan, 1500, data)
    assert before > 0.3
    assert share_lost() < 0.02
    covariance = np.cov(gan.generate(4000, seed=2).T)
    np.testing.assert_allclose(covariance, mixing.T @ mixing, atol=0.25)
    codes = gan.call_companion("encoder", x=x)["z"]
    np.testing.assert_allclose(np.cov(codes.T), np.eye(2), atol=0.2)


def adam():
    return keras.optimizers.Adam(0.01)


def mlp_pair_gan(strategy=None, objective=None, classes=0, optimizer=adam, **options):
    keras.utils.set_random_seed(1)
    inputs = {"label": (classes,)} if classes else {}
    with (strategy or tf.distribute.get_strategy()).scope():
        generator = mlp_generator({"z": (LATENT,)} | inputs, SHAPE, units=(8,))
        discriminator = mlp_discriminator(
            {"x": SHAPE, "z": (LATENT,)} | inputs, units=(8,), condition="projection"
        )
        network = reader(mlp_discriminator, {"x": SHAPE}, {"z": LATENT}, units=(8,))
        options = {"seed": 5, "ema_half_life": 50.0} | options
        companions = {"encoder": Companion(network=network)}
        gan = GAN(generator, discriminator, Normal(size=LATENT), companions=companions, **options)
        gan.compile(optimizer(), optimizer(), objective=objective or NonSaturating(terms=(R1(),)))
    return gan


def values(gan, part):
    return [variable.numpy() for variable in gan.state()[part]]


@pytest.mark.parametrize(
    "objective",
    [NonSaturating(terms=(R1(),)), RelativisticAverage(terms=(R2(),))],
    ids=lambda it: it.name,
)
def test_two_replicas_update_as_one(two_replicas, objective):
    # Adam divides by what is nothing but rounding where a weight has no gradient.
    options = {"optimizer": lambda: keras.optimizers.SGD(0.05)}
    one, two = (mlp_pair_gan(each, objective, **options) for each in (None, two_replicas))
    before = values(one, "encoder")
    for gan in (one, two):
        train(gan, 3, plain_batches(3, BATCH))
    assert same_networks(two, one) < 1e-5
    for part in ("encoder", "ema_encoder"):
        for a, b in zip(values(one, part), values(two, part), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
    assert (
        max(np.abs(a - b).max() for a, b in zip(before, values(one, "encoder"), strict=True)) > 1e-3
    )


def test_a_resumed_run_of_pairs_is_the_unbroken_one(tmp_path):
    unbroken, broken, resumed = (mlp_pair_gan() for _ in range(3))
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


def test_classes_and_scores_go_with_pairs():
    gan = mlp_pair_gan(classes=3)
    x, labels = rows(4 * BATCH), np.arange(4 * BATCH) % 4 - 1  # some are not known
    train(gan, 4, tf.data.Dataset.from_tensor_slices((x, labels)).batch(BATCH, drop_remainder=True))
    z = gan.call_companion("encoder", x=x, ema=False)["z"]
    np.testing.assert_allclose(gan.scores(x, labels), gan.scores(x, labels, z=z), rtol=1e-5)
    assert np.abs(gan.scores(x, labels, z=z + 1) - gan.scores(x, labels)).max() > 1e-3
    logs = gan.evaluate(x, labels, batch_size=BATCH, verbose=0, return_dict=True)
    assert np.isfinite(logs["generator_loss"])


def test_held_out_losses_are_those_of_both_pairs():
    gan = linear_gan(NonSaturating(), (0.0, 0.0))
    x = rows(BATCH)
    z = gan._noise({"x": tf.constant(x)}, Stream.TEST, 0)["z"]
    real = score(gan, x, gan.companion_networks["encoder"](x))
    fake = score(gan, gan.generator(z), z)
    expected = plain_losses("non_saturating", real, fake)
    logs = gan.test_step(tf.constant(x))
    np.testing.assert_allclose(logs["discriminator_loss"], expected[0], rtol=1e-5)
    np.testing.assert_allclose(logs["generator_loss"], expected[1], rtol=1e-5)


def test_what_makes_no_pairs_is_refused():
    generator, discriminator, encoder = linear_pair_networks()

    def made(companion=None, **options):
        companions = {} if companion is None else {"encoder": companion}
        return GAN(generator, discriminator, Normal(size=LATENT), companions=companions, **options)

    with pytest.raises(ValueError, match=r"'z' is the other network's"):
        made()
    with pytest.raises(ValueError, match=r"'encoder' must be trained with the generator"):
        made(Companion(network=encoder, trained_with="discriminator"))
    wide = keras.Sequential([keras.Input(SHAPE), keras.layers.Dense(LATENT + 1)])
    with pytest.raises(ValueError, match=r"must give the latents.*'z' of size 3.*shape \(4,\)"):
        made(Companion(network=wide))
    other = keras.Sequential([keras.Input((5,)), keras.layers.Dense(LATENT)])
    with pytest.raises(ValueError, match=r"'encoder' must take examples of shape \(2,\)"):
        made(Companion(network=other))
    with pytest.raises(ValueError, match=r"`packing` must be 1 .*packing=2 with 'z'"):
        made(Companion(network=encoder), packing=2)
    gan = made(Companion(network=encoder))
    for objective in (EBGAN(), WGANGP()):  # the latter's slope along z is free
        match = rf"an `encoder_loss` .*Received: '{objective.name}' with 'z'"
        with pytest.raises(ValueError, match=match):
            gan.compile(objective=objective)


def test_a_discriminator_that_is_told_the_code_does_not_read_it():
    term = MutualInformation(codes={"code": Uniform(size=1)})
    told = Combination(judged_latents="'z', 'code'", objective=NonSaturating(terms=(term,)))
    with pytest.raises(ValueError, match=r"must be .apart.*mutual_information with 'z', 'code'"):
        refuse(told)
