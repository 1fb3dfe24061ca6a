"""Multi-scale networks: what goes from scale to scale, and a score for each."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import rows

from ganapp.models import GAN
from ganapp.models.critic import Critic
from ganapp.models.networks.multi_scale import multi_scale_discriminator, multi_scale_generator
from ganapp.models.networks.pyramid import composed
from ganapp.models.stages import stages
from ganapp.models.tensors import apply, with_outputs
from ganapp.training.objectives import NonSaturating
from ganapp.training.priors import Normal
from ganapp.training.terms import R1, Reconstruction
from ganapp.training.terms.reconstruction import averaged_down

SMALL = {"channels": (4, 3), "scales": 3}
INPUTS = {"z": (2,), "frames": (13, 9, 2)}
SHAPE = (13, 9, 1)
SIDES = [(13, 9), (7, 5), (4, 3)]


def given(count=3, inputs=INPUTS):
    return {name: rows(count, shape, seed=len(name)) for name, shape in inputs.items()}


def by_hand(network, given, *, residual):
    """The recurrence of the paper in numpy, but for the stacks of convolutions themselves."""

    def halved(x, sides):
        height, width = (2 * side for side in sides)
        blocks = np.full((len(x), height, width, x.shape[-1]), np.nan)
        blocks[:, : x.shape[1], : x.shape[2]] = x
        return np.nanmean(blocks.reshape(len(x), sides[0], 2, sides[1], 2, -1), axis=(2, 4))

    def doubled(x, sides):
        return x.repeat(2, axis=1).repeat(2, axis=2)[:, : sides[0], : sides[1]]

    spread = np.broadcast_to(given["z"][:, None, None], (3, *SIDES[0], 2))
    seen = [np.concatenate([given["frames"], spread], axis=-1)]
    for sides in SIDES[1:]:
        seen.append(halved(seen[-1], sides))
    layers = iter([x for x in network.layers if isinstance(x, keras.layers.Conv2D)])
    carried, found = None, []
    for sides, x in zip(reversed(SIDES), reversed(seen), strict=True):
        if carried is not None:
            carried = doubled(carried, sides)
            x = np.concatenate([x, carried], axis=-1)
        for _ in range(2):
            x = keras.layers.LeakyReLU(negative_slope=0.2)(next(layers)(x))
        made = np.asarray(next(layers)(x))
        total = made if carried is None else carried + made
        under = seen[SIDES.index(sides)][..., 1:2]
        found.append(under + total if residual else np.tanh(total))
        carried = total if residual else found[-1]
    return found[::-1]


@pytest.mark.parametrize("residual", ["", "frames"])
def test_each_scale_adds_to_the_coarser_prediction(residual):
    network = multi_scale_generator(INPUTS, SHAPE, residual=residual, **SMALL)
    values = given()
    found = apply(network, values)
    assert list(found) == ["x", "x_4x3", "x_7x5"]
    for sides, expected in zip(SIDES, by_hand(network, values, residual=residual), strict=True):
        name = "x" if sides == SIDES[0] else f"x_{sides[0]}x{sides[1]}"
        np.testing.assert_allclose(found[name], expected, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("sides", [(8, 8), (9, 13), (20, 20), (31, 8)])
def test_the_networks_average_as_the_terms_do(sides):
    """A prediction at a scale that is right there has no error in the terms on pairs."""
    x = rows(2, (*sides, 1))
    pool = keras.layers.AveragePooling2D(2, padding="same")
    for halved in (once := pool(x), pool(once)):
        found = averaged_down(tf.constant(x), tuple(halved.shape[1:3]))
        np.testing.assert_allclose(found, halved, atol=1e-6)


def test_stages_go_from_coarse_to_fine():
    network = multi_scale_generator(INPUTS, SHAPE, **SMALL)
    values, found = given(), apply(network, given())
    made = apply(stages(network), values)
    assert list(made) == ["stage_1", "stage_2", "stage_3"]
    for stage, name in zip(made.values(), ("x_4x3", "x_7x5", "x"), strict=True):
        np.testing.assert_array_equal(stage, found[name])


def test_one_scale_is_an_ordinary_network():
    network = multi_scale_generator({"z": (2,)}, (8, 8, 3), scales=1, channels=(4,))
    assert set(apply(network, {"z": rows(2, (2,))})) == {"x"}


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 11, 3), (2, 8, 9, 1)], ids=str)
@pytest.mark.parametrize("normalisation", ["none", "batch", "layer"])
def test_any_size_and_its_copy(shape, normalisation):
    generator = multi_scale_generator({"z": (2,)}, shape, normalisation=normalisation, **SMALL)
    discriminator = multi_scale_discriminator(
        {"x": shape}, normalisation=normalisation, channels=(4, 3), hidden=5
    )
    z = rows(2, (2,))
    x = apply(generator, {"z": z})["x"]
    assert x.shape == (2, *shape)
    assert apply(discriminator, {"x": x}, takes="x", gives="scores")["scores"].shape == (2, 3)
    for network, value in ((generator, z), (discriminator, x)):
        copy = keras.Model.from_config(network.get_config())
        copy.set_weights(network.get_weights())
        tf.nest.map_structure(np.testing.assert_array_equal, copy(value), network(value))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_short_floats_within_and_float32_without(policy):
    keras.config.set_dtype_policy(policy)
    networks = (
        multi_scale_generator({"z": (2,)}, (8, 8, 1), **SMALL),
        multi_scale_discriminator({"x": (8, 8, 1)}, channels=(4,), hidden=5),
    )
    for network, value in zip(networks, (rows(2, (2,)), rows(2, (8, 8, 1))), strict=True):
        outputs = tf.nest.flatten(network(value))
        assert {each.dtype for each in outputs} == {tf.float32}
        computing = {layer.compute_dtype for layer in network.layers}
        assert policy.removeprefix("mixed_") in computing


@pytest.mark.parametrize(
    "build",
    [
        lambda **options: multi_scale_generator({"z": (2,)}, (9, 5, 1), **options),
        lambda **options: multi_scale_discriminator({"x": (9, 5, 1)}, **options),
    ],
    ids=["generator", "discriminator"],
)
def test_too_many_scales(build):
    build(scales=3)
    with pytest.raises(ValueError, match=r"2 pixels a side.*scales=4 for images of 9 x 5"):
        build(scales=4)


def test_a_score_for_each_scale_of_what_is_averaged_to_it():
    """Changes that average out are seen by the finest scale alone."""
    network = multi_scale_discriminator({"x": (8, 8, 1)}, scales=2, channels=(4,), hidden=5)
    x = rows(2, (8, 8, 1))
    sign = np.indices((8, 8)).sum(0)[..., None] % 2 * 2.0 - 1
    before, after = network(x), network(x + sign.astype("float32"))
    assert before.shape == (2, 2)
    assert np.abs(before - after)[:, 0].min() > 1e-3
    np.testing.assert_allclose(before[:, 1], after[:, 1], atol=1e-4)
    for scale in range(2):
        network.get_layer(f"scores_{scale}").bias.assign([30.0 * (scale + 1)])
    np.testing.assert_allclose(network(x) - before, [[30, 60]] * 2, atol=1e-3)


def test_the_loss_is_the_mean_of_the_scales():
    real, fake = rows(4, (3,)), rows(4, (3,), seed=1)
    objective = NonSaturating()
    whole = np.mean(objective.discriminator_loss(real, fake))
    each = [np.mean(objective.discriminator_loss(real[:, k], fake[:, k])) for k in range(3)]
    assert whole == pytest.approx(np.mean(each), rel=1e-6)


def test_features_are_those_of_all_scales():
    network = multi_scale_discriminator({"x": (8, 8, 1)}, scales=2, channels=(4,), hidden=5)
    found = apply(with_outputs(network, ["features"]), {"x": rows(2, (8, 8, 1))}, takes="x")
    assert found["features"].shape == (2, 10)


def test_the_gradient_of_all_scores_reaches_the_pixels():
    network = multi_scale_discriminator({"x": (9, 8, 1)}, scales=3, channels=(4,), hidden=5)
    x = tf.constant(rows(2, (9, 8, 1)))
    gradient = Critic(lambda given: {"scores": network(given["x"])}).gradient({"x": x})
    step = 1e-2 * tf.random.stateless_normal(x.shape, (0, 1))
    change = tf.reduce_sum(network(x + step) - network(x - step), axis=1) / 2
    np.testing.assert_allclose(tf.reduce_sum(gradient * step, (1, 2, 3)), change, rtol=2e-2)


def pairs_gan(strategy=None):
    keras.utils.set_random_seed(0)
    with (strategy or tf.distribute.get_strategy()).scope():
        generator = multi_scale_generator(INPUTS, SHAPE, residual="frames", **SMALL)
        discriminator = multi_scale_discriminator(
            {"x": SHAPE, "frames": INPUTS["frames"]}, channels=(4,), hidden=5
        )
        gan = GAN(generator, discriminator, Normal(size=2), ema_half_life=10.0)
        terms = (R1(weight=0.1), Reconstruction())
        optimizers = (keras.optimizers.SGD(0.01) for _ in range(2))
        gan.compile(*optimizers, objective=NonSaturating(terms=terms))
    data = {"x": rows(16, SHAPE), "frames": rows(16, INPUTS["frames"], seed=1)}
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(8).repeat()
    history = gan.fit(dataset, steps_per_epoch=3, verbose=0).history
    return [v.numpy() for v in (*generator.variables, *discriminator.variables)], history


def test_two_replicas_train_as_one(two_replicas):
    (alone, history), (shared, others) = pairs_gan(), pairs_gan(two_replicas)
    for a, b in zip(alone, shared, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)
    assert others["generator_term/reconstruction"] == pytest.approx(
        history["generator_term/reconstruction"], rel=1e-4
    )


def test_a_level_of_a_pyramid():
    fine = multi_scale_generator(
        {"z": (2,), "coarse": (4, 4, 1)}, (8, 8, 1), residual="coarse", channels=(3,), scales=2
    )
    coarse = multi_scale_generator({"z": (3,)}, (4, 4, 1), channels=(3,), scales=1)
    whole = composed([fine, coarse])
    z = {"z_0": rows(2, (2,)), "z_1": rows(2, (3,))}
    expected = apply(fine, {"z": z["z_0"], "coarse": apply(coarse, {"z": z["z_1"]})["x"]})["x"]
    np.testing.assert_array_equal(apply(whole, z)["x"], expected)
