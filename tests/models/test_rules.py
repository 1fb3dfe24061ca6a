"""The rules on combinations, as `GAN.compile` meets them."""

import keras
import pytest
from case import LATENT, SHAPE, linear_networks

from ganapp.models import GAN
from ganapp.models.checks import final_activation
from ganapp.models.layers import ClassColumn, MinibatchStandardDeviation, ReconstructionScore
from ganapp.models.rules import RULES, CombinationWarning
from ganapp.training.augmentations import AdaptiveAugment, DiffAugment
from ganapp.training.constraints import SpectralNorm, Unconstrained, WeightClip
from ganapp.training.objectives import EBGAN, WGANGP, Hinge, NonSaturating
from ganapp.training.priors import Categorical, Normal
from ganapp.training.terms import R1, Consistency, MutualInformation, RealCodes, Reconstruction
from ganapp.training.weightings import TopK

layers = keras.layers
IMAGE = (4, 4, 1)


def discriminator(*hidden, shape=SHAPE, last=None):
    return keras.Sequential(
        [keras.Input(shape), layers.Dense(4), *hidden, layers.Flatten(), layers.Dense(1, last)]
    )


def compiled(network, objective, shape=SHAPE, **options):
    gan = GAN(linear_networks(shape)[0], network, Normal(size=LATENT), **options)
    gan.compile(objective=objective)
    return gan


def frozen(layer):
    layer.trainable = False
    return layer


def autoencoder():
    x = keras.Input(SHAPE)
    return keras.Model(x, ReconstructionScore(error="squared")([x, layers.Dense(2)(x)]))


KERAS_SPECTRAL = layers.SpectralNormalization
REFUSED = {
    "batch normalisation under a penalty": (
        lambda: compiled(discriminator(layers.BatchNormalization(name="bn")), WGANGP()),
        r"must not normalise batches .*ExampleNormalization.*'bn' with gradient_penalty",
    ),
    "sigmoid": (
        lambda: compiled(discriminator(last="sigmoid"), NonSaturating()),
        r"must end without an activation.*'sigmoid' at the end",
    ),
    "a constraint on top of Keras's": (
        lambda: compiled(
            discriminator(KERAS_SPECTRAL(layers.Dense(4), name="sn")),
            NonSaturating(constraint=WeightClip()),
        ),
        r"overwrites the weights at every call.*'sn' with 'weight_clip'",
    ),
    "and twice the same": (
        lambda: compiled(
            discriminator(KERAS_SPECTRAL(layers.Dense(4))),
            NonSaturating(constraint=SpectralNorm()),
        ),
        "overwrites the weights",
    ),
    "images only": (
        lambda: compiled(discriminator(), NonSaturating(augmentations=(DiffAugment(),))),
        r"for images .* only.*Received: diff_augment with examples of shape \(2,\)",
    ),
    "images only, a penalty": (
        lambda: compiled(discriminator(), NonSaturating(terms=(Consistency(),))),
        "Received: consistency with",
    ),
    "energies have no sign": (
        lambda: compiled(
            discriminator(shape=IMAGE), EBGAN(augmentations=(AdaptiveAugment(),)), IMAGE
        ),
        "`AdaptiveAugment` augments more while real images score above 0",
    ),
}


@pytest.mark.parametrize(("build", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()


ADVICE = {
    "lazy penalty on points": (
        lambda: compiled(discriminator(), NonSaturating(terms=(R1(interval=4),))),
        "lazy penalty.*points and tables.*Received: r1",
    ),
    "comparing layer under a penalty": (
        lambda: compiled(discriminator(MinibatchStandardDeviation()), WGANGP()),
        "compares the examples of a batch",
    ),
    "clipping and penalty": (
        lambda: compiled(discriminator(), WGANGP(constraint=WeightClip())),
        "`WeightClip` bounds the slopes",
    ),
    "energy without autoencoder": (
        lambda: compiled(discriminator(), EBGAN()),
        "should end in `ganapp.models.layers.ReconstructionScore`",
    ),
    "autoencoder without energy": (
        lambda: compiled(autoencoder(), NonSaturating()),
        r"`EBGAN\(\)` or `BEGAN\(\)`",
    ),
    "adaptive augmentation of a critic": (
        lambda: compiled(
            discriminator(shape=IMAGE), WGANGP(augmentations=(AdaptiveAugment(),)), IMAGE
        ),
        "takes scores above 0 for real",
    ),
}


@pytest.mark.parametrize(("build", "sentence"), ADVICE.values(), ids=ADVICE)
def test_what_often_fails_is_a_warning(build, sentence):
    with pytest.warns(CombinationWarning, match=sentence):
        build()


class Subclassed(keras.Model):
    """A discriminator without a graph to look at."""

    def __init__(self, activation=None, **options):
        super().__init__()
        self.hidden, self.last = layers.Dense(4), layers.Dense(1, activation, **options)

    def call(self, examples):
        return self.last(self.hidden(examples))


def test_a_subclass_is_judged_by_its_scores():
    with pytest.warns(CombinationWarning, match="all lie within 0 and 1.*leave that out"):
        compiled(Subclassed("sigmoid"), NonSaturating())
    compiled(Subclassed(), NonSaturating())
    compiled(Subclassed(kernel_initializer="zeros"), NonSaturating())


def test_rows_that_say_their_class_need_no_other_label():
    z, label = keras.Input((1,), name="z"), keras.Input((2,), name="label")
    rows = ClassColumn(start=0)([layers.Dense(2)(z), label])
    gan = GAN(keras.Model([z, label], rows), discriminator(), Normal(size=1))
    gan.compile(objective="hinge")


def test_classes_that_nobody_looks_at_are_a_warning():
    z, label = keras.Input((1,), name="z"), keras.Input((2,), name="label")
    x = layers.Dense(2)(layers.Concatenate()([z, label]))
    gan = GAN(keras.Model([z, label], x), discriminator(), Normal(size=1))
    with pytest.warns(
        CombinationWarning, match=r"no part of the discriminator looks at.*2 classes"
    ):
        gan.compile(objective="hinge")


KEPT = [
    lambda: compiled(discriminator(frozen(layers.BatchNormalization())), WGANGP()),
    lambda: compiled(discriminator(layers.LayerNormalization()), WGANGP()),
    lambda: compiled(discriminator(layers.BatchNormalization()), Hinge()),
    lambda: compiled(
        discriminator(KERAS_SPECTRAL(layers.Dense(4))), Hinge(constraint=Unconstrained())
    ),
    lambda: compiled(discriminator(shape=IMAGE), Hinge(augmentations=(DiffAugment(),)), IMAGE),
    lambda: compiled(discriminator(last="relu"), NonSaturating()),
    lambda: compiled(autoencoder(), EBGAN()),
    lambda: compiled(discriminator(), Hinge(weightings=(TopK(),))),
]


@pytest.mark.parametrize("build", KEPT)
def test_what_works_is_taken_without_a_word(build):
    build()


def test_every_rule_speaks_to_both_doors():
    for rule in RULES:
        assert rule.setting[0].isupper() or rule.setting[0] == "`"
        assert rule.argument[0].isupper() or rule.argument[0] == "`"
        for demand, remedy in zip((rule.setting, rule.argument), rule.remedy, strict=True):
            assert f"{demand} {rule.reason} {remedy}".strip()[-1] == "."


def patches(activation):
    x = keras.Input((8, 8, 1))
    scores = layers.Conv2D(1, 3, activation=activation)(x)
    return keras.Model(x, layers.GlobalAveragePooling2D()(scores))


def nested():
    x = keras.Input(SHAPE)
    return keras.Model(x, discriminator(last="softmax")(x))


def of_operation():
    x = keras.Input(SHAPE)
    return keras.Model(x, keras.ops.tanh(layers.Dense(1)(x)))


@pytest.mark.parametrize(
    ("network", "activation"),
    [
        (lambda: discriminator(), None),
        (lambda: discriminator(last="tanh"), "tanh"),
        (lambda: patches("sigmoid"), "sigmoid"),
        (nested, "softmax"),
        (of_operation, "tanh"),
        (lambda: keras.Sequential([discriminator(), layers.Activation("sigmoid")]), "sigmoid"),
        (lambda: keras.Sequential([discriminator(), layers.Softmax()]), "softmax"),
        (lambda: keras.Sequential([discriminator(), layers.LeakyReLU()]), None),
        (lambda: keras.Sequential([discriminator(last="tanh"), layers.Dense(1)]), None),
    ],
)
def test_the_last_activation_is_found(network, activation):
    assert final_activation(network()) == activation


def test_a_term_on_pairs_needs_an_observation():
    """An example of noise alone cannot be a given one."""
    with pytest.raises(ValueError, match=r"`generator` must take an observation.*reconstruction"):
        compiled(discriminator(), Hinge(terms=(Reconstruction(),)))


def test_codes_are_not_read_from_packs():
    objective = Hinge(terms=(MutualInformation(codes={"code": Normal(size=1)}),))
    with pytest.raises(ValueError, match=r"`packing` must be 1 where codes are read back"):
        compiled(discriminator(shape=(4,)), objective, packing=2)


@pytest.mark.parametrize("told", [(), ("trunk",)], ids=["nobody is told", "another reader is"])
def test_codes_of_real_examples_need_the_reader_that_is_told_the_codes(told):
    codes = {"kind": Categorical(categories=(2,), continuous=0)}
    others = [MutualInformation(codes=codes, reader=reader) for reader in told]
    terms = (RealCodes(codes=codes, reader="apart"), *others)
    with pytest.raises(ValueError, match=r"`MutualInformation` must be .*real_codes with reader"):
        compiled(discriminator(), Hinge(terms=terms))
