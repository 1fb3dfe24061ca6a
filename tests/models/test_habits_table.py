"""Every row of the table "What Keras habits meet" in docs/python.md is a case here, and holds."""

import re
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, LATENT, SHAPE, linear_networks, plain_batches, rows, weights

from ganapp.models import GAN
from ganapp.models.callbacks import ForPlayer
from ganapp.models.rules import CombinationWarning
from ganapp.training.augmentations import DiffAugment
from ganapp.training.constraints import SpectralNorm
from ganapp.training.objectives import WGANGP, Hinge, NonSaturating
from ganapp.training.priors import Normal
from ganapp.training.terms import R1, AuxiliaryClassifier

layers, callbacks = keras.layers, keras.callbacks
DOCUMENT = Path(__file__).parents[2] / "docs" / "python.md"
CASES = {}


def row(cell):
    """Registers the case of the row with that first cell."""

    def register(case):
        assert cell not in CASES
        CASES[cell] = case
        return case

    return register


def cells():
    section = DOCUMENT.read_text("utf-8").partition("## What Keras habits meet")[2]
    lines = re.findall(r"^\| (.*?) \| (.*)\|$", section.partition("\n## ")[0], re.MULTILINE)
    return [first for first, second in lines if second.strip() and first != "you do"]


def test_every_row_has_a_case_and_every_case_a_row():
    assert sorted(cells()) == sorted(CASES)


def discriminator(*hidden, last=None, shape=SHAPE):
    return keras.Sequential([keras.Input(shape), *hidden, layers.Dense(1, last)])


def uncompiled(network=None, generator=None, **options):
    keras.utils.set_random_seed(1)
    own, other = linear_networks()
    options = {"ema_half_life": 100.0} | options
    return GAN(generator or own, network or other, Normal(size=LATENT), **options)


def gan(network=None, *, objective="non_saturating", optimizers=(), generator=None, **options):
    made = uncompiled(network, generator, **options)
    made.compile(*optimizers, objective=objective, run_eagerly=True)
    return made


def classed(**options):
    """A GAN of three classes, which both networks take."""
    z, label = keras.Input((LATENT,), name="z"), keras.Input((3,), name="label")
    generator = keras.Model([z, label], layers.Dense(2)(layers.Concatenate()([z, label])))
    x, label = keras.Input(SHAPE, name="x"), keras.Input((3,), name="label")
    judge = keras.Model([x, label], layers.Dense(1)(layers.Concatenate()([x, label])))
    return gan(judge, generator=generator, **options)


def fit(made, data=None, **options):
    data = plain_batches(2, BATCH) if data is None else data
    return made.fit(data, **({"verbose": 0} | options))


def refused(sentence, call, *arguments, **options):
    with pytest.raises(ValueError, match=sentence):
        call(*arguments, **options)


def assert_equal(left, right):
    for part, arrays in weights(left).items():
        for ours, theirs in zip(weights(right)[part], arrays, strict=True):
            np.testing.assert_array_equal(ours, theirs, part)


# Networks -----------------------------------------------------------------------------------------


@row("inputs without the names that are needed")
def names(_):
    x, second = keras.Input(SHAPE, name="x"), keras.Input((3,), name="second")
    judge = keras.Model([x, second], layers.Dense(1)(layers.Concatenate()([x, second])))
    assert uncompiled(judge).classes == 0  # an observation
    a, b = keras.Input(SHAPE, name="a"), keras.Input((3,), name="b")
    judge = keras.Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])))
    refused("`discriminator` must take 'x'", uncompiled, judge)


@row("a discriminator that ends in sigmoid, softmax, tanh and the like")
def squashed(_):
    refused("must end without an activation", gan, discriminator(last="sigmoid"))

    class Squashed(keras.Model):
        def __init__(self):
            super().__init__()
            self.last = layers.Dense(1)

        def call(self, x):
            return tf.sigmoid(self.last(x))

    with pytest.warns(CombinationWarning):
        gan(Squashed())


@row("`discriminator.trainable = False`, as in tutorials")
def frozen(_):
    made = gan()
    made.discriminator.trainable = False
    refused("has nothing to train", fit, made)
    judge = discriminator()
    judge.trainable = False
    refused("has nothing to train", gan, judge)


@row("a `Lambda` layer")
def function_layer(_):
    objective = NonSaturating(constraint=SpectralNorm())
    z = keras.Input((LATENT,))
    generator = keras.Model(z, layers.Dense(2)(layers.Lambda(lambda x: 2 * x)(z)))
    made = gan(discriminator(layers.Lambda(tf.abs)), generator=generator, objective=objective)
    assert made.generator.layers[1].function is made.ema_generator.layers[1].function
    fit(made)


class Opaque(keras.Model):
    def __init__(self, stack):
        super().__init__()
        self.stack = stack

    def call(self, inputs):
        return {"x": self.stack(inputs), "more": inputs}


@row("a subclassed network")
def subclassed(_):
    refused(
        "`ema_half_life=None`", uncompiled, generator=Opaque(keras.Sequential([layers.Dense(2)]))
    )
    generator = Opaque(keras.Sequential([layers.Dense(2)]))
    fit(gan(generator=generator, ema_half_life=None))
    several = Opaque(layers.Dense(2))
    several.input_names = ["z", "frame"]
    refused("call it on a row of each", uncompiled, generator=several)


# Compile ------------------------------------------------------------------------------------------


@row('`objective="hinge"`')
def by_name(_):
    assert gan(objective="hinge").objective == Hinge()
    refused("Did you mean 'hinge'", gan, objective="hinged")


@row("one optimizer only")
def one_optimizer(_):
    made = gan(optimizers=(keras.optimizers.Adam(0.3, 0.1),))
    for each in (made.generator_optimizer, made.discriminator_optimizer):
        assert float(each.learning_rate) == pytest.approx(0.3)
        assert each.beta_1 == 0.1
    schedule = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10))
    refused("schedule counts updates", gan, objective=Hinge(), optimizers=(schedule,))


@row("no optimizer")
def no_optimizer(_):
    assert gan(objective="hinge").generator_optimizer.beta_2 == 0.9


@row("one instance for both networks")
def one_instance(_):
    refused("must be two instances", gan, optimizers=(keras.optimizers.Adam(),) * 2)
    gan(optimizers=("sgd", "sgd"))  # names make two


@row("batch normalisation in the discriminator under a gradient penalty")
def batches(_):
    refused("must not normalise batches", gan, discriminator(batch()), objective=WGANGP())
    gan(discriminator(batch(trainable=False)), objective=WGANGP())


def batch(**options):
    return layers.BatchNormalization(**options)


@row("`keras.layers.SpectralNormalization` with a constraint")
def keras_spectral(_):
    network = discriminator(layers.SpectralNormalization(layers.Dense(2)))
    refused("overwrites the weights", gan, network, objective=Hinge())


@row("packing with classes, or with observations that the discriminator takes")
def packs(_):
    refused("packing", classed, packing=2)
    x, frame = keras.Input((4,), name="x"), keras.Input((2,), name="frame")
    judge = keras.Model([x, frame], layers.Dense(1)(layers.Concatenate()([x, frame])))
    refused("`packing` must be 1", uncompiled, judge, packing=2)


@row("terms or augmentations for images on vectors")
def images_only(_):
    refused("image", gan, objective=NonSaturating(augmentations=(DiffAugment(),)))


@row("a term that reads an output which the discriminator does not name")
def missing_output(_):
    refused("class head", classed, objective=NonSaturating(terms=(AuxiliaryClassifier(),)))


@row("`penalties=` or `stabilisers=` of an objective, as they were called before")
def former_arguments(_):
    refused("is now `terms`", NonSaturating, penalties=())
    refused("is now `terms`, `augmentations`", NonSaturating, stabilisers=())


@row(
    "a lazy penalty on vectors, clipping beside a penalty, a critic under adaptive augmentation, "
    "an energy without an autoencoder, classes that the discriminator does not see"
)
def advice(_):
    with pytest.warns(CombinationWarning, match="lazy penalty"):
        gan(objective=NonSaturating(terms=(R1(interval=4),)))
    # The others are in test_rules.py.


# Fit ----------------------------------------------------------------------------------------------


@row("a dataset of batches, of `(batch, labels)` pairs, or of dicts with `x`")
def elements(_):
    pairs = tf.data.Dataset.from_tensors((rows(BATCH), np.arange(BATCH) % 3))
    dicts = pairs.map(lambda x, label: {"x": x, "label": label, "other": x})
    for made, data in ((gan(), pairs), (gan(), dicts), (classed(), pairs), (classed(), dicts)):
        fit(made, data)
        assert int(made.step) == 1


@row("labels")
def labels(_):
    made = classed()
    one_hot = np.eye(3, dtype="int64")[np.arange(BATCH) % 3]
    for each in (np.arange(BATCH) % 3, -np.ones(BATCH, int), one_hot):
        fit(made, tf.data.Dataset.from_tensors((rows(BATCH), each)))
    large = np.full(BATCH, 3)
    refused("must be below 3", fit, made, tf.data.Dataset.from_tensors((rows(BATCH), large)))
    refused("must be below 3", made.generate, 2, label=3)
    refused("must be below 3", made.scores, rows(2), [0, 3])


@row("a third element, `sample_weight`, `class_weight`")
def weights_of_examples(_):
    ones = np.ones(BATCH)
    triples = tf.data.Dataset.from_tensors((rows(BATCH), np.zeros(BATCH, int), ones))
    refused("weights of examples have no effect", fit, gan(), triples)
    for given in ({"sample_weight": ones}, {"class_weight": {0: 1.0}}):
        refused("sample_from_datasets", gan().fit, rows(BATCH), np.zeros(BATCH, int), **given)


@row("`validation_data`")
def validation(_):
    past = fit(gan(), validation_data=plain_batches(1, BATCH)).history
    assert {"val_discriminator_loss", "val_generator_loss", "val_score_gap"} <= past.keys()


@row("a dataset without `drop_remainder` that ends")
def remainder(_):
    short = tf.data.Dataset.from_tensor_slices(rows(BATCH + 3)).batch(BATCH)
    with pytest.warns(UserWarning, match="no fixed size"):
        fit(gan(), short)
    made = gan(objective=NonSaturating(discriminator_steps=2))
    refused("`batch_size` must be a multiple of 2", made.fit, rows(7), batch_size=4, verbose=0)


@row("integers as examples")
def integers(_):
    data = tf.data.Dataset.from_tensors(np.ones((BATCH, 2), "uint8"))
    refused(r"x / 127.5 - 1", fit, gan(), data)
    refused(r"x / 127.5 - 1", gan().train_on_batch, np.ones((BATCH, 2), "uint8"))


@row("data outside of what the generator can make (pixels up to 255 under a tanh)")
def outside(_):
    generator = keras.Sequential([keras.Input((LATENT,)), layers.Dense(2, "tanh")])
    made = gan(generator=generator)
    pixels = tf.data.Dataset.from_tensors(np.float32([[0, 255]] * BATCH)).repeat()
    with pytest.warns(UserWarning, match="reach from 0 to 255.*from -1 to 1"):
        fit(made, pixels, steps_per_epoch=2)
    fit(made, pixels, steps_per_epoch=2)


@row("`verbose=1`")
def progress(_, capsys):
    past = fit(gan(), verbose=1, validation_data=plain_batches(1, BATCH)).history
    shown = capsys.readouterr().out.replace("\x08", "\n").splitlines()[-1]
    assert re.search(r"D: .*G: .*val_D: ", shown)
    assert "score" not in shown
    assert {"real_score", "val_score_gap"} <= past.keys()


@row("`steps_per_epoch`, `initial_epoch`")
def epochs(_):
    made, options = gan(), {"steps_per_epoch": 3, "epochs": 4, "initial_epoch": 2}
    past = fit(made, plain_batches(2, BATCH).repeat(), **options)
    assert (past.epoch, int(made.step)) == ([2, 3], 6)
    made, other = gan(), gan()
    with pytest.warns(UserWarning, match="ran out of data"):
        fit(made, plain_batches(2, BATCH), **options)
    fit(other, plain_batches(2, BATCH), epochs=2)
    assert_equal(made, other)


@row("`TerminateOnNaN`")
def not_finite(_):
    made = gan()
    poisoned = plain_batches(4, BATCH).map(lambda x: x * np.nan)
    with pytest.warns(UserWarning, match="not finite at step 1"):
        fit(made, poisoned, callbacks=[callbacks.TerminateOnNaN()])
    assert int(made.step) == 1


@row("`ModelCheckpoint`")
def checkpoints(folder):
    made = gan()
    whole = callbacks.ModelCheckpoint(folder / "{epoch}.keras")
    only = callbacks.ModelCheckpoint(folder / "gan.weights.h5", save_weights_only=True)
    best = callbacks.ModelCheckpoint(
        folder / "best.keras", "score_gap", mode="min", save_best_only=True
    )
    fit(made, epochs=2, callbacks=[whole, only, best])
    assert_equal(made, keras.models.load_model(folder / "2.keras"))
    assert {each.name for each in folder.iterdir()} == {
        *("1.keras", "2.keras", "best.keras", "gan.weights.h5")
    }
    made.prior = object()
    with pytest.raises(ValueError, match=r"`gan.save` needs a configuration of `prior`"):
        fit(made, callbacks=[whole])
    assert int(made.step) == 4


@row("`EarlyStopping` and others on `loss` or `val_loss`")
def no_such_log(_):
    ours, of_keras = "must look at a log that a GAN has", "metric `loss` which is not available"
    with (
        pytest.warns(UserWarning, match=of_keras),  # at the end of the epoch
        pytest.warns(UserWarning, match=ours),
    ):
        fit(gan(), callbacks=[callbacks.EarlyStopping("loss")])


@row("`EarlyStopping` and others on a log of the GAN")
def early_stopping(_):
    refused("`mode='min'` or `mode='max'`", fit, gan(), callbacks=[stopping("auto")])
    made, states = gan(), []
    see = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: states.append(weights(made)))
    data = plain_batches(4, BATCH)
    past = fit(made, data, steps_per_epoch=1, epochs=4, callbacks=[see, stopping("min")])
    assert past.epoch == [0, 1]  # nothing is better by so much
    for part in ("generator", "discriminator", "ema_generator", "counters"):
        for ours, theirs in zip(weights(made)[part], states[0][part], strict=True):
            np.testing.assert_array_equal(ours, theirs, part)
    assert int(made.generator_optimizer.iterations) == 2


def stopping(mode):
    options = {"patience": 1, "min_delta": 1e9, "restore_best_weights": True}
    return callbacks.EarlyStopping("score_gap", mode=mode, **options)


def rates(made):
    players = made.generator_optimizer, made.discriminator_optimizer
    return pytest.approx(tuple(float(each.learning_rate) for each in players))


def two_rates():
    return gan(optimizers=(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.4)))


def halve(epoch, rate):
    return rate / 2


@row("`LearningRateScheduler`, `ReduceLROnPlateau`")
def both_rates(_):
    made = two_rates()
    past = fit(made, callbacks=[callbacks.LearningRateScheduler(halve)]).history
    assert rates(made) == (0.05, 0.2)
    assert past["learning_rate_discriminator"] == [pytest.approx(0.2)]
    plateau = callbacks.ReduceLROnPlateau("score_gap", 0.5, 1, mode="min", min_delta=1e9)
    fit(made, steps_per_epoch=1, epochs=2, callbacks=[plateau])
    assert rates(made) == (0.025, 0.1)
    with pytest.warns(UserWarning, match="made one of two"):
        fit(made, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.01)])
    scheduled = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10))
    refused("a schedule moves", fit, gan(optimizers=(scheduled,)), callbacks=[plateau])


@row('`ForPlayer("discriminator", callback)`')
def one_rate(_):
    made = two_rates()
    fit(made, callbacks=[ForPlayer("discriminator", callbacks.LearningRateScheduler(halve))])
    assert rates(made) == (0.1, 0.2)


@row("a callback that sets `model.optimizer.learning_rate` itself")
def own_callback(_):
    class Own(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.7

    made = two_rates()
    fit(made, callbacks=[Own()])
    assert rates(made) == (0.7, 0.4)


@row("`BackupAndRestore`, `TensorBoard`, `CSVLogger`")
def recorders(folder):
    data = plain_batches(4, BATCH)
    options = {"steps_per_epoch": 2, "epochs": 2}
    unbroken, broken, again = gan(), gan(), gan()
    board = callbacks.TensorBoard(folder / "logs")
    fit(unbroken, data, callbacks=[board, callbacks.CSVLogger(folder / "log.csv")], **options)
    assert list(folder.glob("logs/train/events*"))
    assert "generator_loss" in (folder / "log.csv").read_text().splitlines()[0]

    class Killed(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch:
                raise KeyboardInterrupt

    backup = callbacks.BackupAndRestore(folder / "backup")
    with pytest.raises(KeyboardInterrupt):
        fit(broken, data, callbacks=[backup, Killed()], **options)
    fit(again, data.skip(2), callbacks=[backup], **options)
    assert_equal(unbroken, again)


# One batch ----------------------------------------------------------------------------------------


@row("`train_on_batch(x)`, `(x, labels)`, or a dict")
def on_batch(_):
    one, other = gan(), gan()
    logs = one.train_on_batch(rows(BATCH))
    past = fit(other, tf.data.Dataset.from_tensors(rows(BATCH))).history
    assert logs == {name: value for name, (value,) in past.items()}
    assert_equal(one, other)
    made, labels = classed(), np.arange(BATCH) % 3
    made.train_on_batch(rows(BATCH), labels)
    made.train_on_batch({"x": rows(BATCH), "label": labels})
    assert int(made.step) == 2


@row("`test_on_batch(x)`")
def one_test(_):
    made, data = gan(), tf.data.Dataset.from_tensors(rows(BATCH))
    expected = made.evaluate(data, verbose=0, return_dict=True)
    assert made.test_on_batch(rows(BATCH)) == expected


@row("`gan(latents)`, `predict(latents)`")
def called(_):
    made = gan()
    latents = made.inputs(4)["z"]
    expected = made.generate(latents=latents)
    np.testing.assert_allclose(made(latents), expected, rtol=1e-5)
    np.testing.assert_allclose(made.predict(latents, verbose=0), expected, rtol=1e-5)
    made = classed()
    np.testing.assert_allclose(made(made.inputs(4)), made.generate(4), rtol=1e-5)


@row("`generate(16, label=3)`")
def one_for_all(_):
    made = classed()
    np.testing.assert_array_equal(
        made.generate(4, label=2, seed=1), made.generate(4, label=[2] * 4, seed=1)
    )
    z = made.inputs(1, seed=5)["z"][0]
    samples = made.generate(3, z=z, label=[0, 1, 1])
    np.testing.assert_array_equal(samples[1], samples[2])
    assert np.abs(samples[0] - samples[1]).max() > 1e-3
    np.testing.assert_array_equal(made.generate(z=[z] * 2, label=1), made.generate(2, z=z, label=1))
    refused("say how many there are by `count`", made.generate, label=1)


@row("`summary()`")
def summary(_, capsys):
    made = classed()
    made.summary()
    text = capsys.readouterr().out
    for part in (
        *("generator", "discriminator", "ema_generator", "z 3, label 3", "scores 1", "Adam"),
        *("Normal(size=3)", "non_saturating", "classes: 3", "at step 0"),
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 100
    assert "Dense" not in text
    lines = []
    made.summary(print_fn=lines.append, expand_nested=True)
    assert "Dense" in "\n".join(lines)
    assert capsys.readouterr().out == ""
    uncompiled().summary()


# Saved and loaded ---------------------------------------------------------------------------------


def dropout():
    return discriminator(layers.Dense(4), layers.Dropout(0.5))


@row("`save_weights`, `load_weights`")
def of_weights(folder):
    one, other = gan(dropout()), gan(dropout())
    one.train_on_batch(rows(BATCH))
    one.save_weights(folder / "gan.weights.h5")
    other.load_weights(folder / "gan.weights.h5")
    for made in (one, other):
        made.train_on_batch(rows(BATCH, seed=1))
    assert_equal(one, other)


@row("`load_weights` before `compile`")
def before_compile(folder):
    made = gan()
    made.train_on_batch(rows(BATCH))
    made.save_weights(folder / "gan.weights.h5")
    other = uncompiled()
    other.load_weights(folder / "gan.weights.h5")
    with pytest.warns(UserWarning, match="call `compile` first"):
        other.compile(objective="non_saturating")
    gan(objective="hinge").save_weights(folder / "hinge.weights.h5")
    other = uncompiled()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping nested container")
        refused("call `compile` first", other.load_weights, folder / "hinge.weights.h5")


@row('`save("gan.keras")`, `keras.models.load_model("gan.keras")`')
def whole(folder):
    made = gan(dropout(), objective=NonSaturating(constraint=SpectralNorm()))
    made.train_on_batch(rows(BATCH))
    made.save(folder / "gan.keras")
    other = keras.models.load_model(folder / "gan.keras")
    for each in (made, other):
        each.train_on_batch(rows(BATCH, seed=1))
    assert_equal(made, other)


@keras.saving.register_keras_serializable("tests")
class Known(layers.Layer):
    def call(self, inputs):
        return inputs


class Unknown(Known):
    pass


@row("a layer, a network, a term, an objective, a function of your own in it")
def registered(folder):
    gan(discriminator(Known())).save(folder / "gan.keras")
    keras.models.load_model(folder / "gan.keras")
    made = gan(discriminator(Unknown()))
    refused("register_keras_serializable", made.save, folder / "other.keras")


@row("`get_config`, `from_config`, `keras.models.clone_model`")
def configurations(_):
    made = gan()
    for other in (GAN.from_config(made.get_config()), keras.models.clone_model(made)):
        assert other.get_config() == made.get_config()
        assert not {id(v) for v in other.variables} & {id(v) for v in made.variables}


@row("`export`")
def export(folder):
    with pytest.raises(NotImplementedError, match=r"gan.ema_generator.export"):
        gan().export(folder / "gan")


@pytest.mark.parametrize("cell", CASES)
def test_row(cell, tmp_path, capsys):
    case = CASES[cell]
    case(tmp_path, capsys) if case.__code__.co_argcount == 2 else case(tmp_path)
