"""Labels reach both players: row by row, on any number of replicas, known or not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import critic_of, output_of, same_networks, train, weights

from ganapp.models import GAN
from ganapp.models.networks import DISCRIMINATORS, GENERATORS, mlp_discriminator, mlp_generator
from ganapp.models.networks.inputs import DISCRIMINATOR_CONDITIONS, GENERATOR_CONDITIONS
from ganapp.models.tensors import with_outputs
from ganapp.training.constraints import SpectralNorm
from ganapp.training.objectives import NonSaturating, RelativisticPairing
from ganapp.training.priors import Normal
from ganapp.training.terms import R1, AuxiliaryClassifier, GradientPenalty

CLASSES, SIZE, SHAPE = 3, 4, (8, 8, 1)
LABELS = np.array([0, 1, 2, -1, 1, 0, 2, 2])
SHARES = (0.5, 0.25, 0.25)
NETWORKS = ("mlp", "dcgan", "resnet")


def images(count=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *SHAPE)).astype("float32")


def one_hot(labels=LABELS):
    return tf.one_hot(labels, CLASSES)


def generator_of(condition, network="dcgan", **options):
    inputs = {"z": (SIZE,), "label": (CLASSES,)}
    return GENERATORS[network](inputs, SHAPE, condition=condition, **options)


def discriminator_of(condition, network="dcgan", **options):
    inputs = {"x": SHAPE, "label": (CLASSES,)}
    return DISCRIMINATORS[network](inputs, condition=condition, **options)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("condition", GENERATOR_CONDITIONS)
def test_generators_make_other_examples_of_other_classes(condition, network):
    keras.utils.set_random_seed(0)
    # Blocks of R3GAN start as the identity: nothing behind the first layer would be seen.
    block = {"block": "sngan"} if network == "resnet" else {}
    generator = generator_of(condition, network, normalisation="batch", **block)
    for layer in generator._flatten_layers():  # which starts the same for all classes
        if hasattr(layer, "gamma") and layer.gamma is not None:
            layer.gamma.assign(tf.random.stateless_normal(layer.gamma.shape, (1, 2)))
    z = Normal(size=SIZE).sample(1, (3, 4))
    asked = [{"z": z, "label": one_hot([label])} for label in range(CLASSES)]
    first, second, third = (generator(each).numpy() for each in asked)
    assert first.shape == (1, *SHAPE)
    assert np.abs(first - second).max() > 1e-4 < np.abs(second - third).max()
    copy = keras.models.clone_model(generator)
    copy.set_weights(generator.get_weights())
    np.testing.assert_array_equal(copy(asked[1]), second)


def test_conditional_batch_normalisation_by_hand():
    generator = generator_of("batch_norm", "mlp", units=(5,), normalisation="batch")
    (layer,) = [x for x in generator.layers if hasattr(x, "normalisation")]
    gamma, beta = np.random.default_rng(0).normal(size=(2, CLASSES, 5))
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    x = np.random.default_rng(1).normal(size=(7, 5)).astype("float32")
    labels = np.array([0, 1, 2, 2, 1, 0, 0])
    found = layer([tf.constant(x), tf.one_hot(labels, CLASSES)], training=True)
    scaled = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)
    np.testing.assert_allclose(found, scaled * gamma[labels] + beta[labels], rtol=1e-4, atol=1e-5)


def test_batch_norm_needs_a_generator_that_has_it():
    with pytest.raises(ValueError, match="needs a generator with batch normalisation"):
        generator_of("batch_norm", "dcgan", normalisation="none")


@pytest.mark.parametrize("network", [*NETWORKS, "autoencoder"])
@pytest.mark.parametrize("condition", [x for x in DISCRIMINATOR_CONDITIONS if x != "none"])
def test_discriminators_score_by_class_and_give_parts(condition, network):
    keras.utils.set_random_seed(0)
    discriminator = discriminator_of(condition, network, heads={"class_logits": CLASSES})
    x = images()
    scores = output_of(discriminator, x, one_hot())
    assert scores.shape == (8, 1)
    others = output_of(discriminator, x, one_hot((LABELS + 1) % CLASSES))
    assert (np.abs(scores - others) > 1e-7).all()
    unknown = output_of(discriminator, x)
    np.testing.assert_allclose(unknown[3], scores[3], rtol=1e-5)
    logits = output_of(discriminator, x, one_hot(), output="class_logits")
    assert logits.shape == (8, CLASSES)
    assert len(output_of(discriminator, x, one_hot(), output="features")) == 8
    normalised = SpectralNorm().prepare(discriminator)
    logits = output_of(normalised, x, one_hot(), output="class_logits", training=True)
    assert logits.shape == (8, CLASSES)


def test_the_projection_by_hand():
    keras.utils.set_random_seed(0)
    discriminator = discriminator_of("projection", "mlp")
    x, vectors = images(), discriminator.get_layer("class_projection").kernel.numpy()
    features = output_of(discriminator, x, output="features").numpy()
    without = output_of(discriminator, x).numpy()[:, 0]
    found = output_of(discriminator, x, one_hot()).numpy()[:, 0]
    known = LABELS >= 0
    expected = without + np.where(known, (features * vectors[LABELS]).sum(1), 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_head_is_asked_for_by_name():
    with pytest.raises(ValueError, match="must have a class head"):
        with_outputs(mlp_discriminator({"x": SHAPE}), ["class_logits"])


def cross_entropy(logits, labels):
    logits = logits - logits.max(1, keepdims=True)
    log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -log[np.arange(len(labels)), labels]


@pytest.mark.parametrize("on_fake", [True, False])
def test_the_auxiliary_classifier_by_hand(on_fake):
    keras.utils.set_random_seed(0)
    network = mlp_discriminator({"x": SHAPE}, units=(6,), heads={"class_logits": CLASSES})
    real, fake, asked = images(seed=1), images(seed=2), np.array([0, 1, 2, 0, 1, 0, 2, 2])
    critic = critic_of(with_outputs(network, ["class_logits"]))
    heads = [output_of(network, x, output="class_logits").numpy() for x in (real, fake)]
    known = LABELS >= 0
    of_real = cross_entropy(heads[0][known], LABELS[known]).mean()
    of_fake = cross_entropy(heads[1], asked).mean()
    member = AuxiliaryClassifier(on_fake=on_fake)
    real = {"x": tf.constant(real), "label": one_hot()}
    fake = {"x": tf.constant(fake), "label": one_hot(asked)}
    found = 0.5 * tf.reduce_mean(member.discriminator_term(critic, real, fake, None))
    assert float(found) == pytest.approx(0.5 * (of_real + on_fake * of_fake), rel=1e-5)
    found = 0.5 * tf.reduce_mean(member.generator_term(critic, real, fake, None))
    assert float(found) == pytest.approx(0.5 * of_fake, rel=1e-5)
    unlabelled = real | {"label": tf.zeros((8, CLASSES))}
    found = AuxiliaryClassifier(on_fake=False).discriminator_term(critic, unlabelled, fake, None)
    np.testing.assert_array_equal(found, 0)


class Recorder(GAN):
    """Keeps what was generated and judged, eagerly."""

    def discriminate(self, tensors, *, training=True):
        self.__dict__.setdefault("judged_labels", []).append(tensors["label"].numpy())
        return super().discriminate(tensors, training=training)

    def _generate(self, latents, *, training=True):
        self.__dict__.setdefault("asked_labels", []).append(latents["label"].numpy())
        return super()._generate(latents, training=training)


def conditional_gan(objective=None, *, kind=GAN, strategy=None, **options):
    keras.utils.set_random_seed(1)
    with (strategy or tf.distribute.get_strategy()).scope():
        label = {"label": (CLASSES,)}
        generator = mlp_generator({"z": (SIZE,)} | label, (2,), units=(8,))
        discriminator = mlp_discriminator(
            {"x": (2,)} | label,
            condition="projection",
            heads={"class_logits": CLASSES},
            units=(8,),
        )
        gan = kind(
            generator,
            discriminator,
            Normal(size=SIZE),
            class_shares=SHARES,
            seed=5,
            ema_half_life=100.0,
        )
        optimizers = (keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05))
        gan.compile(*optimizers, objective=objective or NonSaturating(), **options)
    return gan


def labelled_batches(count=2, rows=8):
    random = np.random.default_rng(0)
    x = random.normal(size=(count * rows, 2)).astype("float32")
    labels = random.integers(-1, CLASSES, count * rows).astype("int32")
    return tf.data.Dataset.from_tensor_slices((x, labels)).batch(rows, drop_remainder=True)


def test_generated_examples_are_of_their_rows_class():
    gan = conditional_gan(kind=Recorder, run_eagerly=True)
    gan.train_step((tf.zeros((8, 2)), tf.constant(LABELS)))
    known = LABELS >= 0
    for asked in gan.asked_labels:  # one generated batch for each player
        np.testing.assert_array_equal(asked.sum(1), 1)  # of no class there is nothing to generate
        np.testing.assert_array_equal(asked[known], one_hot().numpy()[known])
    for labels in gan.judged_labels:
        np.testing.assert_array_equal(labels, one_hot())


def test_two_replicas_train_as_one_with_labels(two_replicas):
    """All that looks at labels, in one training."""
    objective = RelativisticPairing(
        discriminator_steps=2,
        terms=(R1(weight=1.0), GradientPenalty(weight=1.0), AuxiliaryClassifier(weight=1.0)),
        constraint=SpectralNorm(),
    )
    gans = [  # nothing is traced for what is compared with
        conditional_gan(objective, strategy=strategy, run_eagerly=strategy is None)
        for strategy in (None, two_replicas)
    ]
    start = weights(gans[0])
    for gan in gans:
        train(gan, 2, labelled_batches(rows=16))
    assert same_networks(*gans) < 1e-5
    assert any(
        np.abs(a - b).max() > 1e-3
        for a, b in zip(start["discriminator"], weights(gans[0])["discriminator"], strict=True)
    )


def test_evaluate_knows_labels():
    logs = conditional_gan().evaluate(labelled_batches(), verbose=0, return_dict=True)
    assert np.isfinite(logs["discriminator_loss"])


def test_samples_of_a_class_can_be_asked_for():
    gan = conditional_gan()
    drawn = gan.requested_labels(400, seed=3)
    assert np.bincount(drawn).argmax() == 0  # half of the data
    given = gan.inputs(6, seed=3, label=np.array([2, 2, 1, -1, 0, 0]))
    asked = np.argmax(given["label"], axis=1)
    assert asked[[0, 1, 2, 4, 5]].tolist() == [2, 2, 1, 0, 0]
    free = gan.inputs(6, seed=3)
    np.testing.assert_array_equal(given["z"], free["z"])
    assert asked[3] == np.argmax(free["label"], axis=1)[3]
    x = gan.generate(6, seed=3)
    labels = np.array([0, 1, 2, 0, 1, 2])
    assert not np.allclose(gan.scores(x, labels), gan.scores(x))


def test_what_does_not_fit_is_refused():
    gan = conditional_gan()
    with pytest.raises(ValueError, match="`packing` must be 1 when the generator takes 'label'"):
        GAN(gan.generator, gan.discriminator, gan.prior, packing=2)
    untold = mlp_generator({"z": (SIZE,)}, (2,), units=(8,))
    with pytest.raises(ValueError, match="labels of as many classes as the generator takes"):
        GAN(untold, gan.discriminator, gan.prior)


def test_a_dataset_without_labels_is_refused():
    with pytest.raises(ValueError, match="need a dataset of \\(examples, integer labels\\)"):
        conditional_gan().train_step(tf.zeros((8, 2)))
