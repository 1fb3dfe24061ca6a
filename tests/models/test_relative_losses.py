"""The generator's loss in parts of relative weight, and companions that stay as they are."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import mlp_networks, rows, same_networks, tiny_gan, train, weights

from ganapp.models import GAN
from ganapp.models.companions import Companion
from ganapp.models.extensions import KEPT, Extensions
from ganapp.training.checkpoints import Checkpoints
from ganapp.training.objectives import WGAN, NonSaturating
from ganapp.training.priors import Normal
from ganapp.training.terms import R1, FeatureReconstruction, PullingAway, Reconstruction, Term

STEPS = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size(Term):
    """The mean square of what was made, in some unit."""

    unit: float = 1.0
    name = "size"
    players = ("generator",)

    def per_example(self, critic, real, fake, draw, state=None):
        return self.unit * tf.reduce_mean(fake["x"] ** 2, axis=1)


def made(strategy=None, **options):
    options = {"objective": NonSaturating, "terms": (R1(), Size(), PullingAway())} | options
    objective = options.pop("objective")(normalised=True, **options)
    return tiny_gan(objective, strategy=strategy, optimizer=lambda: keras.optimizers.SGD(0.05))


def test_a_running_mean_is_the_weighted_mean_of_what_came():
    extensions = made().extensions
    sizes = np.random.default_rng(0).gamma(2.0, 3.0, 40)
    for step, size in enumerate(sizes):
        sign = -1.0 if step % 2 else 1.0
        found = extensions.relative("size", tf.constant(sign * size, tf.float32))
        past = KEPT ** np.arange(step, -1, -1)
        expected = sign * size / np.average(sizes[: step + 1], weights=past)
        assert float(found) == pytest.approx(expected, rel=1e-5)


def test_parts_are_about_one_after_the_first_updates():
    """Of a value that varies around a level, whatever that is."""
    extensions = made().extensions
    draws = np.random.default_rng(1).gamma(4.0, 250.0, 1500)
    found = [float(extensions.relative("size", tf.constant(x, tf.float32))) for x in draws]
    assert found[0] == pytest.approx(1.0)
    assert np.mean(found[500:]) == pytest.approx(1.0, abs=0.05)


def test_a_value_that_is_not_finite_is_no_size():
    extensions = made().extensions
    extensions.relative("size", tf.constant(2.0))
    before = extensions.means["size"].numpy()
    extensions.relative("size", tf.constant(np.inf))
    np.testing.assert_array_equal(extensions.means["size"].numpy(), before)


def test_the_unit_of_a_term_does_not_matter():
    """Without, it does: the weights of both differ."""
    in_units = [made(terms=(Size(unit=unit),)) for unit in (1.0, 1e3)]
    for gan in in_units:
        train(gan, STEPS)
    assert same_networks(*in_units) < 1e-4
    plain = [
        tiny_gan(
            NonSaturating(terms=(Size(unit=unit),)), optimizer=lambda: keras.optimizers.SGD(1e-3)
        )
        for unit in (1.0, 1e3)
    ]
    for gan in plain:
        train(gan, STEPS)
    assert same_networks(*plain) > 1e-2


def test_running_means_are_logged():
    logs = train(made(objective=WGAN, terms=(Size(),)), STEPS).history
    assert {"running_mean/size", "running_mean/adversarial", "generator_term/size"} <= logs.keys()


def test_means_begin_anew_with_each_compile():
    """Whatever the step then is: the first part is 1 again."""
    gan = made()
    train(gan, STEPS)
    objective = NonSaturating(normalised=True, terms=(Size(),))
    gan.compile(keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05), objective=objective)
    assert int(gan.step.value) == STEPS
    assert float(gan.extensions.relative("size", tf.constant(7.0))) == pytest.approx(1.0)


def test_penalties_of_the_discriminator_keep_their_size():
    gan = made(terms=(R1(), Size()))
    assert set(gan.extensions.means) == {"adversarial", "size"}


def test_two_replicas_have_the_same_means(two_replicas):
    one, two = made(), made(two_replicas)
    for gan in (one, two):
        train(gan, STEPS)
    assert same_networks(two, one) < 1e-5
    assert set(one.extensions.means) == {"adversarial", "size", "pulling_away"}
    for name, mean in one.extensions.means.items():
        found = two.extensions.means[name]
        for local in two_replicas.experimental_local_results(found.value):
            np.testing.assert_allclose(local, mean.numpy(), rtol=1e-5)


def test_a_resumed_run_is_the_unbroken_one(tmp_path):
    unbroken, broken, resumed = made(), made(), made()
    data = tf.data.Dataset.from_tensor_slices(rows(4 * 8)).batch(8, drop_remainder=True)
    train(unbroken, 4, data)
    train(broken, 2, data.take(2))
    Checkpoints(tmp_path, broken.state()).save(2)
    Checkpoints(tmp_path, resumed.state()).restore_latest()
    train(resumed, 2, data.skip(2))
    for part, values in weights(unbroken).items():
        for a, b in zip(values, weights(resumed)[part], strict=True):
            np.testing.assert_array_equal(a, b, err_msg=part)
    assert resumed.extensions.means["size"].numpy().min() > 0


def test_without_an_adversary_the_generator_learns_from_its_terms_alone():
    """The discriminator's scores do not matter then."""
    gans = [
        tiny_gan(NonSaturating(adversarial_weight=0.0, terms=(Size(),)), seed=3) for _ in range(2)
    ]
    for variable in gans[1].discriminator.variables:
        variable.assign(variable.value + 0.5)
    for gan in gans:
        train(gan, STEPS)
    left, right = (weights(gan)["generator"] for gan in gans)
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ValueError, match=r"`adversarial_weight` must be .*Received"):
        NonSaturating(adversarial_weight=weight)


def test_a_term_is_there_once():
    objective = NonSaturating(normalised=True, terms=(Size(), Size(unit=2.0)))
    with pytest.raises(ValueError, match=r"each may be there once.*size, size"):
        Extensions(objective, *mlp_networks())


# Comparators ----------------------------------------------------------------------------------


def inverting_gan(comparator, *terms, shape=(2,), seed=0):
    """A linear generator that observes the example itself, `features`."""
    keras.utils.set_random_seed(seed)
    z, features = keras.Input((1,), name="z"), keras.Input(shape, name="features")
    x = keras.layers.Dense(shape[0])(keras.layers.Concatenate()([z, features]))
    example, given = keras.Input(shape, name="x"), keras.Input(shape, name="features")
    score = keras.layers.Dense(1)(keras.layers.Concatenate()([example, given]))
    gan = GAN(
        keras.Model({"z": z, "features": features}, x, name="generator"),
        keras.Model({"x": example, "features": given}, score, name="discriminator"),
        Normal(size=1),
        companions={
            "comparator": Companion(network=comparator, trained_with=None, gives="features")
        },
        ema_half_life=None,
    )
    objective = NonSaturating(adversarial_weight=0.0, terms=terms)
    gan.compile(keras.optimizers.Adam(0.02), keras.optimizers.Adam(0.02), objective=objective)
    return gan


def pairs(count=64):
    x = 2 * (rows(count) - 1)
    dataset = tf.data.Dataset.from_tensor_slices({"x": x, "features": x})
    return dataset.batch(16, drop_remainder=True).repeat()


@pytest.mark.parametrize("term", [FeatureReconstruction(), Reconstruction()])
def test_what_is_observed_whole_is_made_again(term):
    """Identity features and a linear generator: the distance goes to zero."""
    gan = inverting_gan(keras.Sequential([keras.Input((2,)), keras.layers.Identity()]), term)
    history = gan.fit(pairs(), steps_per_epoch=150, epochs=4, verbose=0).history
    distances = history[f"generator_term/{term.name}"]
    assert distances[-1] < 1e-4 * distances[0]
    x = rows(5, seed=9)
    made_again = gan.generate(features=x, z=np.ones((5, 1)), ema=False)
    np.testing.assert_allclose(made_again, x, atol=0.02)


def test_a_frozen_companion_is_what_it_is_outside_of_training():
    """No batch statistics, no dropout, and it learns nothing."""
    comparator = keras.Sequential(
        [keras.Input((2,)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    )
    gan = inverting_gan(comparator, FeatureReconstruction())
    statistics = np.array([[2.0, 3.0], [0.5, 0.0], [1.0, -1.0], [4.0, 9.0]])
    comparator.layers[0].set_weights(list(statistics))
    before = [np.array(value) for value in comparator.get_weights()]
    x = tf.constant(rows(4))
    said = gan._companion_function("comparator")({"x": x})["features"]
    np.testing.assert_allclose(said, comparator(x, training=False), rtol=1e-6)
    gan.fit(pairs(), steps_per_epoch=3, verbose=0)
    for value, old in zip(comparator.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)
