"""What people who know Keras do with a GAN: it works, or one sentence says what does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import (
    BATCH,
    LATENT,
    SHAPE,
    linear_networks,
    one_each,
    plain_batches,
    rows,
    tiny_gan,
    weights,
)

from ganapp.models import GAN
from ganapp.models.callbacks import ForPlayer, ShortProgress, prepare_callbacks, present_rate
from ganapp.training.objectives import NonSaturating

layers = keras.layers


def linear_gan(objective="non_saturating", *, networks=linear_networks, **options):
    """Runs eagerly: to compile a step takes longer than all steps of these tests."""
    return tiny_gan(objective, networks=networks, **({"run_eagerly": True} | options))


def generator(activation=None):
    return keras.Sequential([keras.Input((LATENT,)), layers.Dense(SHAPE[0], activation)])


def fit(gan, data=None, **options):
    data = plain_batches(2, BATCH) if data is None else data
    return gan.fit(data, **({"verbose": 0} | options))


# Before the first step ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x", "validation_data"])
def test_a_third_element_is_refused(name):
    triples = tf.data.Dataset.from_tensors((rows(BATCH), np.zeros(BATCH, int), np.ones(BATCH)))
    given = {"x": rows(BATCH)} | {name: triples}
    with pytest.raises(ValueError, match=rf"`{name}` must hold examples, or \(examples, labels\)"):
        linear_gan().fit(**given, verbose=0)


class Unregistered(layers.Layer):
    """A layer that nobody could load."""

    def call(self, inputs):
        return inputs


def test_a_checkpoint_that_nobody_could_load_is_refused_before_the_first_step(tmp_path):
    x = keras.Input(SHAPE)
    discriminator = keras.Model(x, layers.Dense(1)(Unregistered()(x)))
    gan = linear_gan(networks=lambda: (generator(), discriminator))
    whole = keras.callbacks.ModelCheckpoint(tmp_path / "gan.keras")
    with pytest.raises(ValueError, match=r"register_keras_serializable.*'Unregistered'"):
        fit(gan, callbacks=[whole])
    legacy = keras.callbacks.ModelCheckpoint(tmp_path / "gan.h5")
    with pytest.raises(ValueError, match=r"in a file `.keras`"):
        fit(linear_gan(), callbacks=[legacy])
    assert int(gan.step) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_best_whole_model_by_any_log_is_kept(tmp_path):
    path = tmp_path / "best.keras"
    gan, kept = linear_gan(), {}
    best = keras.callbacks.ModelCheckpoint(path, "score_gap", save_best_only=True, mode="max")

    def keep(epoch, logs):
        kept[epoch] = logs["score_gap"], weights(gan)

    see = keras.callbacks.LambdaCallback(on_epoch_end=keep)
    fit(gan, plain_batches(4, BATCH), epochs=4, steps_per_epoch=1, callbacks=[best, see])
    _, expected = max(kept.values(), key=lambda each: each[0])
    for part, arrays in weights(keras.models.load_model(path)).items():
        for ours, theirs in zip(expected[part], arrays, strict=True):
            np.testing.assert_array_equal(ours, theirs)


WEIGHTS = {"save_weights_only": True}
USELESS = [
    keras.callbacks.EarlyStopping(),
    keras.callbacks.EarlyStopping("loss"),
    keras.callbacks.ModelCheckpoint("best.weights.h5", save_best_only=True, **WEIGHTS),
]


@pytest.mark.parametrize("callback", USELESS)
def test_a_callback_that_looks_at_no_log_is_named(callback):
    with pytest.warns(UserWarning, match="must look at a log that a GAN has.*It will do nothing"):
        prepare_callbacks(linear_gan(), callback, progress=False)


MONITORS = [
    keras.callbacks.EarlyStopping("score_gap"),
    keras.callbacks.ReduceLROnPlateau("val_discriminator_loss"),
    ForPlayer("generator", keras.callbacks.ReduceLROnPlateau("score_gap")),
    keras.callbacks.ModelCheckpoint("best.weights.h5", "score_gap", **WEIGHTS),
]


@pytest.mark.parametrize("callback", MONITORS)
def test_a_direction_that_keras_does_not_know_is_asked_for(callback):
    with pytest.raises(ValueError, match="`mode='min'` or `mode='max'`"):
        prepare_callbacks(linear_gan(), callback, progress=False)


def rates(gan):
    optimizers = gan.generator_optimizer, gan.discriminator_optimizer
    return pytest.approx(tuple(map(present_rate, optimizers)))


def two_rates(**options):
    makers = one_each(lambda: keras.optimizers.SGD(0.1), lambda: keras.optimizers.Adam(0.4))
    return linear_gan(optimizer=makers, **options)


@pytest.mark.parametrize(
    ("player", "expected"),
    [(None, (0.05, 0.2)), ("generator", (0.05, 0.4)), ("discriminator", (0.1, 0.2))],
)
def test_a_schedule_moves_the_rates_of_the_players_it_is_for(player, expected):
    gan = two_rates()
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    logs = fit(gan, callbacks=[ForPlayer(player, callback) if player else callback]).history
    assert rates(gan) == expected
    for name, value in zip(("generator", "discriminator"), expected, strict=True):
        if player in (name, None):
            assert logs[f"learning_rate_{name}"] == [pytest.approx(value)]
        else:
            assert f"learning_rate_{name}" not in logs
        assert logs[f"{name}_learning_rate"] == [pytest.approx(value)]  # of the update itself


@pytest.mark.parametrize("player", [None, "discriminator"])
def test_a_plateau_reduces_the_rates_of_the_players_it_is_for(player):
    gan = two_rates()
    plateau = keras.callbacks.ReduceLROnPlateau(
        "discriminator_gradient_norm", mode="min", factor=0.5, patience=1, min_delta=1e9
    )
    callbacks = [ForPlayer(player, plateau) if player else plateau]
    fit(gan, plain_batches(3, BATCH), epochs=3, steps_per_epoch=1, callbacks=callbacks)
    assert rates(gan) == ((0.1, 0.1) if player else (0.025, 0.1))


def test_a_rate_that_has_a_schedule_is_not_scheduled_again():
    cosine = keras.optimizers.schedules.CosineDecay(0.1, 10)
    gan = linear_gan(
        generator_optimizer=keras.optimizers.Adam(cosine), discriminator_optimizer="sgd"
    )
    plateau = keras.callbacks.ReduceLROnPlateau("score_gap", mode="min")
    with pytest.raises(ValueError, match=r"a schedule moves that of the generator.*CosineDecay"):
        fit(gan, callbacks=[plateau])
    fit(gan, callbacks=[ForPlayer("discriminator", plateau)])


def test_rates_on_replicas(two_replicas):
    gan = two_rates(strategy=two_replicas, run_eagerly=False)
    callback = ForPlayer(
        "both", keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    )
    callback.set_model(gan)
    callback.on_epoch_begin(0)
    assert rates(gan) == (0.05, 0.2)
    gan.summary(print_fn=(lines := []).append)
    assert "Adam, learning rate 0.2" in lines[0]


def test_what_a_callback_for_a_player_says_of_the_model_is_heard():
    stop = keras.callbacks.EarlyStopping("score_gap", mode="max", patience=0, min_delta=1e9)
    data = plain_batches(4, BATCH)
    past = fit(
        linear_gan(), data, epochs=4, steps_per_epoch=1, callbacks=[ForPlayer("generator", stop)]
    )
    assert len(past.epoch) == 2
    with pytest.raises(ValueError, match="`player` must be 'generator', 'discriminator' or 'both'"):
        ForPlayer("critic", stop)


def test_a_ready_made_list_of_callbacks_is_named():
    gan = two_rates()
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    ready = keras.callbacks.CallbackList([callback], model=gan)
    with pytest.warns(UserWarning, match="learning rate of the generator alone"):
        assert prepare_callbacks(gan, ready, progress=False) is ready


@pytest.mark.parametrize(("count", "batch_size"), [(12, 5), (15, 4)])
def test_arrays_whose_batches_no_step_can_take_are_refused(count, batch_size):
    gan = linear_gan(NonSaturating(discriminator_steps=2))
    with pytest.raises(ValueError, match="`batch_size` must be a multiple of 2"):
        gan.fit(rows(count), batch_size=batch_size, verbose=0)
    gan.fit(rows(14), batch_size=4, verbose=0)
    assert int(gan.step) == 4


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_data_outside_of_what_the_generator_makes_are_named_once(activation):
    gan = linear_gan(networks=lambda: (generator(activation), linear_networks()[1]))
    pixels = tf.data.Dataset.from_tensors(np.float32([[0, 255]] * BATCH)).repeat()
    sentence = f"The data reach from 0 to 255, but `generator` ends in '{activation}', which makes"
    with pytest.warns(UserWarning, match=sentence):
        fit(gan, pixels, steps_per_epoch=2)
    fit(gan, pixels, steps_per_epoch=2)  # warnings are errors here: it is not said again
    assert int(gan.step) == 4


def test_data_within_the_generators_range_are_fine():
    gan = linear_gan(networks=lambda: (generator("tanh"), linear_networks()[1]))
    fit(gan, plain_batches(2, BATCH).map(tf.tanh))


def of_unknown_size(examples):
    return tf.raw_ops.PlaceholderWithDefault(input=examples, shape=(None, *SHAPE))


@pytest.mark.filterwarnings("ignore:The dataset's batches have no fixed size")
def test_a_look_at_the_first_batch_changes_nothing():
    """All batches are trained on, in their order, and the step is traced once."""
    traces = []

    class Recording(GAN):
        def unpack(self, data):
            tensors = super().unpack(data)
            if not tf.executing_eagerly():
                traces.append(tensors["x"].shape)
            return tensors

    seen = linear_gan(gan=Recording, steps_per_execution=2, run_eagerly=False)
    # Neither of a fixed size nor of one element: the hardest to give back.
    fit(seen, plain_batches(4, BATCH).map(of_unknown_size), steps_per_epoch=4)
    assert traces == [(None, *SHAPE)] * 2  # one for the loop, one for the last step of an execution
    plain = linear_gan()
    for batch in plain_batches(4, BATCH):
        plain.train_on_batch(batch)
    for part, arrays in weights(plain).items():
        for ours, theirs in zip(weights(seen)[part], arrays, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


# During and after training ------------------------------------------------------------------------


def test_terminate_on_nan_lets_a_healthy_run_be():
    past = fit(linear_gan(), callbacks=[keras.callbacks.TerminateOnNaN()])
    assert "loss" not in past.history
    assert "discriminator_gradient_norm" in past.history


def test_progress_fits_in_a_line_and_the_history_is_whole(capsys):
    gan, validation = linear_gan(), plain_batches(1, BATCH)
    past = fit(gan, plain_batches(3, BATCH), epochs=2, verbose=1, validation_data=validation)
    lines = [
        line.split("\x08")[-1] for line in capsys.readouterr().out.replace("\r", "\n").splitlines()
    ]
    plain = [_without_colours(line) for line in lines]
    assert max(len(line) for line in plain) <= 80
    last = plain[-1]
    for name in ("D: ", "G: ", "val_D: "):
        assert name in last
    assert f"{past.history['discriminator_loss'][-1]:.4f}" in last  # of the step, no mean
    assert {"real_score", "generator_gradient_norm", "val_score_gap"} <= set(past.history)


def _without_colours(line):
    for code in ("\x1b[1m", "\x1b[0m", "\x1b[32m", "\x1b[37m", "\x1b[?25l", "\x1b[?25h"):
        line = line.replace(code, "")
    return line


def test_own_progress_bars_stay():
    own = keras.callbacks.ProgbarLogger()
    assert prepare_callbacks(linear_gan(), own, progress=True) == [own]
    (added,) = prepare_callbacks(linear_gan(), None, progress=True)
    assert isinstance(added, ShortProgress)
    assert prepare_callbacks(linear_gan(), None, progress=False) == []


def test_train_on_batch_on_replicas_is_a_step_of_one(two_replicas):
    gans = [linear_gan(strategy=each, run_eagerly=False) for each in (None, two_replicas)]
    logs = [gan.train_on_batch(rows(BATCH)) for gan in gans]
    assert logs[1]["discriminator_loss"] == pytest.approx(logs[0]["discriminator_loss"], rel=1e-5)


def test_predict_and_call_map_latents_by_the_averaged_generator():
    gan = linear_gan(optimizer=lambda: keras.optimizers.SGD(0.5))
    fit(gan)
    latents = gan.inputs(5)["z"]
    expected = gan.generate(latents=latents)
    np.testing.assert_allclose(gan.predict(latents, verbose=0), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gan(latents), expected, rtol=1e-5, atol=1e-6)
    raw = gan.generate(latents=latents, ema=False)
    np.testing.assert_allclose(gan(latents, training=True), raw, rtol=1e-5, atol=1e-6)
    assert np.abs(raw - expected).max() > 1e-4
    with pytest.raises(
        ValueError, match=r"maps latents 'z' \(batch, 3\).*`gan.scores\(examples\)`"
    ):
        gan(rows(4))


def test_a_generator_that_yields_weights_is_refused():
    triples = ((rows(BATCH), np.zeros(BATCH), np.ones(BATCH)) for _ in range(2))
    gan = linear_gan()
    with pytest.raises(ValueError, match="weights of examples have no effect on a GAN"):
        fit(gan, triples, steps_per_epoch=2, shuffle=False)
    assert int(gan.step) == 0


# Saved and loaded ---------------------------------------------------------------------------------


def dropout_networks():
    x = keras.Input(SHAPE)
    scores = layers.Dense(1)(layers.Dropout(0.5)(layers.Dense(8)(x)))
    return linear_networks()[0], keras.Model(x, scores)


def test_the_state_of_dropout_is_part_of_a_checkpoint():
    gan = linear_gan(networks=dropout_networks)
    seeds = [v.value for v in gan.variables if "seed" in v.path]
    held = {id(v) for variables in gan.state().values() for v in variables}
    assert len(seeds) == 1
    assert {id(v) for v in seeds} <= held
