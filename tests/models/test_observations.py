"""Networks that are given more than noise: observations of the data, and a label of their own."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import same_networks

from ganapp.models import GAN
from ganapp.training.objectives import Hinge, NonSaturating, RelativisticPairing
from ganapp.training.priors import Normal, Product, Uniform
from ganapp.training.terms import R1, GradientPenalty, Term

sgd = functools.partial(keras.optimizers.SGD, 0.05)
FRAMES, PAST, SHAPE, CLASSES = 16, (4, 4, 2), (4, 4, 1), 3


def clips(count=FRAMES, seed=0):
    """The next frame of a clip is the last past one, brighter by what the noise is for."""
    random = np.random.default_rng(seed)
    past = random.normal(size=(count, *PAST)).astype("float32")
    return {"x": past[..., -1:] + 0.5 + 0.1 * random.normal(size=(count, 1, 1, 1)), "frames": past}


def next_frame_networks():
    """As a user writes them: names are all that ganapp asks for."""
    z = keras.Input((2,), name="z")
    frames = keras.Input(PAST, name="frames")
    maps = keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16)(z))
    x = keras.layers.Conv2D(1, 3, padding="same")(keras.layers.Concatenate()([frames, maps]))
    generator = keras.Model({"z": z, "frames": frames}, x, name="generator")
    example, past = keras.Input(SHAPE, name="x"), keras.Input(PAST, name="frames")
    together = keras.layers.Concatenate()([example, past])
    hidden = keras.layers.LeakyReLU()(keras.layers.Conv2D(4, 3, padding="same")(together))
    scores = keras.layers.Dense(1)(keras.layers.Flatten()(hidden))
    return generator, keras.Model([example, past], scores, name="discriminator")


def next_frame_gan(objective, kind=GAN, strategy=None, **options):
    keras.utils.set_random_seed(0)
    with (strategy or tf.distribute.get_strategy()).scope():
        gan = kind(*next_frame_networks(), Normal(size=2), ema_half_life=None)
        gan.compile(sgd(), sgd(), objective=objective, **options)
    return gan


def fit(gan, data, steps=2, batch=8):
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(batch, drop_remainder=True).repeat()
    gan.fit(dataset, steps_per_epoch=steps, verbose=0)
    return gan


class Recorder(GAN):
    """Keeps what was made and judged, eagerly."""

    def discriminate(self, tensors, *, training=True):
        self.__dict__.setdefault("judged", []).append(tensors)
        return super().discriminate(tensors, training=training)

    def _generate(self, latents, *, training=True):
        self.__dict__.setdefault("given", []).append(latents)
        return super()._generate(latents, training=training)


def test_each_row_is_made_for_its_observation_and_judged_beside_it():
    objective = Hinge(discriminator_steps=2, terms=(R1(), GradientPenalty()))
    gan = next_frame_gan(objective, Recorder, run_eagerly=True)
    assert gan.conditions == {"frames": PAST}
    assert gan.example_shape == SHAPE
    data = clips()
    fit(gan, data, steps=1, batch=16)
    halves = [data["frames"][0::2], data["frames"][1::2]]  # of the two discriminator updates
    for given, frames in zip(gan.given, [*halves, halves[1]], strict=True):
        np.testing.assert_array_equal(given["frames"], frames)
    per_update = 3  # real, fake, and the points between them
    assert len(gan.judged) == 2 * per_update + 1
    for place, tensors in enumerate(gan.judged):
        np.testing.assert_array_equal(tensors["frames"], halves[min(1, place // per_update)])


@pytest.mark.parametrize(
    "objective",
    [RelativisticPairing(terms=(R1(),), discriminator_steps=2), NonSaturating()],
    ids=["relativistic", "plain"],
)
def test_two_replicas_train_as_one_on_observations(two_replicas, objective):
    one, two = (fit(next_frame_gan(objective, strategy=s), clips()) for s in (None, two_replicas))
    assert same_networks(two, one) < 1e-5


def test_samples_are_of_the_observations_that_are_given():
    gan, data = next_frame_gan(NonSaturating()), clips()
    samples = gan.generate(frames=data["frames"], seed=3)
    assert samples.shape == (FRAMES, *SHAPE)
    np.testing.assert_array_equal(samples, gan.generate(FRAMES, frames=data["frames"], seed=3))
    z = gan.inputs(frames=data["frames"], seed=3)["z"]
    np.testing.assert_array_equal(samples, gan.generate(z=z, frames=data["frames"]))
    assert np.abs(samples - gan.generate(z=z, frames=data["frames"][::-1])).max() > 1e-3
    scores = gan.scores(data["x"], frames=data["frames"])
    assert np.abs(scores - gan.scores(data["x"], frames=data["frames"][::-1])).max() > 1e-3
    with pytest.raises(ValueError, match=r"takes .*'frames'.*There are: x"):
        gan.scores(data["x"])
    with pytest.raises(ValueError, match="'generator' takes 'frames', but there is no 'frames'"):
        gan.generate(4)
    with pytest.raises(ValueError, match=r"The generator takes 'frames', 'z'. Received: 'past'"):
        gan.generate(frames=data["frames"], past=data["frames"])
    with pytest.raises(ValueError, match=r"as many rows.*count=4"):
        gan.generate(4, frames=data["frames"])
    with pytest.raises(ValueError, match=r"'frames' must have the shape \(4, 4, 2\).*\(4, 4, 1\)"):
        gan.generate(frames=data["frames"][..., :1])
    with pytest.raises(ValueError, match=r"'z' must have the shape \(2,\).*\(3,\)"):
        gan.generate(z=np.zeros((FRAMES, 3)), frames=data["frames"])


def test_the_next_frame_is_learnt():
    objective = NonSaturating(terms=(R1(weight=0.1),))
    gan = next_frame_gan(objective)
    gan.compile(keras.optimizers.Adam(5e-3, 0.0), objective=objective)
    data = clips(512)
    before, after = [], []
    for found in (before, after):
        made = gan.generate(frames=data["frames"], ema=False)
        found.append(float(np.abs(made - data["frames"][..., -1:] - 0.5).mean()))
        if found is before:
            fit(gan, data, steps=400, batch=64)
    assert after[0] < 0.5 * before[0]


def test_data_without_the_observation_are_refused():
    gan = next_frame_gan(NonSaturating())
    with pytest.raises(ValueError, match=r"dicts with 'x', 'frames'.*Received: elements with 'x'"):
        fit(gan, clips()["x"])
    data = clips()
    with pytest.raises(ValueError, match=r"as many rows. Received: 'x' 16, 'frames' 8"):
        gan.train_on_batch({"x": data["x"], "frames": data["frames"][:8]})


def test_packs_have_no_single_observation():
    with pytest.raises(ValueError, match=r"`packing` must be 1 where.*observations"):
        GAN(*next_frame_networks(), Normal(size=2), packing=2)


def labelled_networks():
    z, label = keras.Input((2,), name="z"), keras.Input((CLASSES,), name="label")
    x = keras.layers.Dense(2)(keras.layers.Concatenate()([z, label]))
    example, truth = keras.Input((2,), name="x"), keras.Input((CLASSES,), name="label")
    scores = keras.layers.Dense(1)(keras.layers.Concatenate()([example, truth]))
    return keras.Model([z, label], x), keras.Model([example, truth], scores)


def test_a_label_of_its_own():
    """A generator of `[z, label]` with a prior that knows no classes."""
    shares = (0.7, 0.2, 0.1)
    gan = Recorder(*labelled_networks(), Normal(size=2), class_shares=shares, ema_half_life=None)
    assert gan.classes == CLASSES
    gan.compile(objective="non_saturating", run_eagerly=True)
    labels = np.array([0, 1, 2, -1, 2, 1, -1, 0])
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    gan.train_on_batch(x, labels)
    known = np.eye(CLASSES)[labels] * (labels >= 0)[:, None]
    for tensors in gan.judged:
        np.testing.assert_array_equal(tensors["label"], known)
    for given in gan.given:
        np.testing.assert_array_equal(given["label"][labels >= 0], known[labels >= 0])
        np.testing.assert_array_equal(tf.reduce_sum(given["label"], axis=1), np.ones(8))
    drawn = gan.requested_labels(4000, seed=1)
    np.testing.assert_allclose(np.bincount(drawn) / 4000, shares, atol=0.025)
    samples = gan.generate(6, seed=1)
    np.testing.assert_array_equal(
        samples, gan.generate(seed=1, label=gan.requested_labels(6, seed=1))
    )
    assert np.abs(samples - gan.generate(6, seed=2)).max() > 1e-3
    ones = gan.generate(label=np.ones(6, int), seed=1)
    np.testing.assert_array_equal(ones, gan.generate(label=np.eye(3)[np.ones(6, int)], seed=1))
    np.testing.assert_array_equal(ones, gan.generate(label=np.eye(3, dtype=int)[[1] * 6], seed=1))
    with pytest.raises(ValueError, match=r"must be below 3.*Received: a label of 3"):
        gan.generate(label=[0, 3])
    with pytest.raises(ValueError, match=r"must be below 3.*Received: a label of 7"):
        gan.train_on_batch(x, labels + 5)
    for wrong in ((0.5, 0.5), (0.5, 0.5, 0.0), (0.5, 0.5, 0.5)):
        with pytest.raises(ValueError, match="`class_shares` must be 3 numbers above 0 of sum 1"):
            GAN(*labelled_networks(), Normal(size=2), class_shares=wrong)


def two_part_gan(strategy=None):
    """A generator of two named latents that says where it put the second."""
    keras.utils.set_random_seed(3)
    with (strategy or tf.distribute.get_strategy()).scope():
        z, code = keras.Input((2,), name="z"), keras.Input((1,), name="code")
        x = keras.layers.Dense(2)(keras.layers.Concatenate()([z, code]))
        generator = keras.Model([z, code], {"x": x, "place": keras.layers.Dense(1)(x)})
        prior = Product(parts={"z": Normal(size=2), "code": Uniform(size=1)}, codes=("code",))
        discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        gan = Recorder(generator, discriminator, prior, seed=4, ema_half_life=None)
        gan.compile(
            keras.optimizers.SGD(0.1),
            keras.optimizers.SGD(0.1),
            objective=NonSaturating(terms=(Place(),)),
        )
    return gan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place(Term):
    """What the generator says of its code, beside the code."""

    name = "place"
    players = ("generator",)

    def per_example(self, critic, real, fake, draw, state=None):
        return tf.reduce_sum((fake["place"] - fake["code"]) ** 2, axis=1)


def test_two_named_latents_and_an_output_of_the_generators_own(two_replicas):
    x = np.random.default_rng(0).normal(size=(256, 2)).astype("float32")
    one, two = (fit(two_part_gan(s), {"x": x}, steps=4, batch=16) for s in (None, two_replicas))
    assert same_networks(two, one) < 1e-5
    samples, inputs = one.generate(5, seed=2), one.inputs(5, seed=2)
    assert {name: tuple(rows.shape) for name, rows in inputs.items()} == {
        "z": (5, 2),
        "code": (5, 1),
    }
    np.testing.assert_array_equal(samples, one.generate(**inputs))
    steered = one.generate(z=inputs["z"], code=np.ones((5, 1)))
    assert np.abs(steered - samples).max() > 1e-4

    def error():
        inputs = one.inputs(200, seed=9)
        return float(np.mean((one.generator(inputs)["place"] - inputs["code"]) ** 2))

    before = error()
    fit(one, {"x": x}, steps=100, batch=16)
    assert error() < 0.7 * before
    with pytest.raises(ValueError, match=r"`generator` must take 'z', 'code'"):
        GAN(
            keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]),
            one.discriminator,
            one.prior,
        )
