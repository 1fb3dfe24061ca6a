"""Runs from Python: a GAN of the user's own gets what a run of the command line gets."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from evaluation_cases import digits
from run_case import DIGITS
from run_case import ganapp as command

import ganapp
from ganapp.config.loading import as_overrides
from ganapp.errors import UserError
from ganapp.models.companions import Companion
from ganapp.training.checkpoints import list_steps
from ganapp.training.objectives import NonSaturating
from ganapp.training.terms import R1, Term

SETTINGS = {
    "evaluation": {"samples": 50, "components": 8, "baseline_components": 2},
    "training": {"evaluate_every": 5, "checkpoint_every": 4, "log_every": 1, "sample_every": 9},
}
EPOCHS, STEPS, BATCH = 3, 5, 32
PENALTY = (R1(weight=0.1),)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Brightness(Term):
    """A term that no registry knows."""

    name = "brightness"
    players = ("generator",)

    def per_example(self, critic, real, fake, draw, state=None):
        return tf.reduce_mean(fake["x"], axis=[1, 2, 3]) ** 2


def own_gan(terms=PENALTY, dropout=0.1, **options):
    keras.utils.set_random_seed(0)
    z, label = keras.Input((4,), name="z"), keras.Input((10,), name="label")
    hidden = keras.layers.Dense(16, "relu")(keras.layers.Concatenate()([z, label]))
    hidden = keras.layers.Dropout(dropout)(hidden)
    pixels = keras.layers.Dense(64, "tanh")(hidden)
    generator = keras.Model([z, label], keras.layers.Reshape((8, 8, 1))(pixels))
    x, label = keras.Input((8, 8, 1), name="x"), keras.Input((10,), name="label")
    hidden = keras.layers.Concatenate()([keras.layers.Flatten()(x), label])
    hidden = keras.layers.Dense(16, "leaky_relu")(hidden)
    discriminator = keras.Model([x, label], keras.layers.Dense(1)(hidden))
    gan = ganapp.GAN(generator, discriminator, ganapp.priors.Normal(size=4), seed=3, **options)
    gan.compile(
        keras.optimizers.Adam(1e-3, 0.0, 0.99),
        keras.optimizers.RMSprop(5e-4),
        objective=NonSaturating(terms=terms),
    )
    return gan


def arrays(count=200):
    data = digits()
    return data.train[:count], data.train_labels[:count]


def fit(directory, *, gan=None, epochs=EPOCHS, data=None, others=()):
    run = ganapp.Run(directory, gan or own_gan(), data or arrays(), settings=SETTINGS)
    batches, callbacks = run.batches(BATCH), run.callbacks()
    history = run.gan.fit(batches, epochs=epochs, callbacks=[*callbacks, *others], verbose=0)
    return run, history.history


class Break(keras.callbacks.Callback):
    """Ends the process, as far as a test can."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step.numpy()) == self.step:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """A run of the user's own networks with labels, its history, and its report."""
    directory = tmp_path_factory.mktemp("python") / "mine"
    tf.config.experimental.enable_op_determinism()
    run, history = fit(directory)
    return run, history, run.evaluate()


def test_it_has_the_figures_of_any_run_and_logs_that_callbacks_can_watch(finished_run):
    run, history, report = finished_run
    assert report == run.report == json.loads((run.files.directory / "report.json").read_text())
    assert report["last"]["step"] == EPOCHS * STEPS
    assert report["best"]["counts"]["generated"] == 50
    assert history["val_coverage"][-1] == pytest.approx(last_value(run, "coverage"))
    assert len(history["val_frechet_distance"]) == EPOCHS
    assert sorted(path.name for path in run.files.samples.iterdir())
    assert any(run.files.logs.iterdir())


def last_value(run, name):
    rows = run.files.read_metrics()
    return [row["evaluation"][name] for row in rows if "evaluation" in row][-1]


def test_a_run_that_is_stopped_within_an_epoch_goes_on_exactly(finished_run, tmp_path):
    """In new objects, from the last checkpoint, as the same script run once more does."""
    unbroken, _, _ = finished_run
    tf.config.experimental.enable_op_determinism()
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", others=[Break(9)])
    run, _ = fit(tmp_path / "run")
    assert run.gan.step.numpy() == EPOCHS * STEPS
    for name, variables in unbroken.gan.state().items():
        for a, b in zip(variables, run.gan.state()[name], strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=f"{name} {a.name}")
    assert run.files.metrics.read_bytes() == unbroken.files.metrics.read_bytes()
    run.evaluate()
    assert run.report["last"]["figures"] == unbroken.report["last"]["figures"]
    # Once more there is nothing left to train, and more epochs make it longer.
    again, _ = fit(tmp_path / "run")
    assert again.gan.step.numpy() == EPOCHS * STEPS
    longer, _ = fit(tmp_path / "run", epochs=EPOCHS + 1)
    assert longer.gan.step.numpy() == (EPOCHS + 1) * STEPS
    assert longer.files.read_manifest()["extended_from"] == [EPOCHS * STEPS]


def test_the_command_line_works_on_it_also_elsewhere(finished_run, tmp_path):
    run, _, report = finished_run
    moved = shutil.copytree(run.files.directory, tmp_path / "elsewhere")
    said = command("sample", moved, "--out", tmp_path / "x.npz", "--count", 5, "--class", "3")
    assert said.code == 0, said.errors
    found = np.load(tmp_path / "x.npz")["samples"]
    labels = np.full(5, 3)
    np.testing.assert_array_equal(found, run.samples(5, label=labels))
    assert (found.shape, found.dtype) == ((5, 8, 8, 1), np.uint8)
    shutil.rmtree(run.files.directory / "diagnosis", ignore_errors=True)
    for words in (["evaluate"], ["show"], ["diagnose"]):
        said = command(words[0], moved, *words[1:])
        assert said.code == 0, said.errors
    assert json.loads((moved / "report.json").read_text())["last"] == report["last"]
    said = command("resume", moved)
    assert said.code == 2
    assert "is trained by a script: run that again" in said.errors


def test_the_command_line_trains_networks_from_files(tmp_path):
    gan = own_gan()
    files = {"generator": tmp_path / "g.keras", "discriminator": tmp_path / "d.keras"}
    own = []
    for name, file in files.items():
        getattr(gan, name).save(file)
        own += ["--set", f"{name}.network=keras", "--set", f"{name}.file={file}"]
        own += ["--set", f"{name}.condition=own"]
    (tmp_path / "digits.toml").write_text(DIGITS)
    settings = [
        "generator.prior.name=normal",
        "training.epochs=1",
        "objective.constraint.name=none",
    ]
    own += [word for each in settings for word in ("--set", each)]
    said = command("train", tmp_path / "digits.toml", "--run", tmp_path / "run", *own)
    assert said.code == 0, said.errors
    for file in files.values():  # the run has its own
        file.unlink()
    said = command("sample", tmp_path / "run", "--out", tmp_path / "x.npz", "--class", "2")
    assert said.code == 0, said.errors
    said = command("train", tmp_path / "digits.toml", *own, "--dry-run")
    assert said.code == 2
    assert "must be a `.keras` file that exists" in said.errors


def test_it_is_exported(finished_run):
    run, _, _ = finished_run
    folder = run.export(formats=["keras"])
    assert (folder / "model_card.json").exists()
    assert folder == run.files.export


def test_a_notebook_shows_figures_alarms_and_pictures(finished_run, tmp_path):
    run, _, report = finished_run
    html = run._repr_html_()
    assert "coverage" in html
    assert "data:image/png;base64," in html
    assert all(alarm["name"] in html for alarm in report["alarms"])
    assert "http" not in html


def test_what_no_registry_knows_is_said_and_needs_no_registry(tmp_path):
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    gan = own_gan(
        terms=(R1(), Brightness(weight=0.1)), companions={"extra": Companion(network=encoder)}
    )
    rate = keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.9)
    gan.compile(
        keras.optimizers.AdamW(1e-3),
        keras.optimizers.Adam(rate),
        objective=NonSaturating(terms=(R1(), Brightness(weight=0.1))),
    )
    run, _ = fit(tmp_path / "run", gan=gan, epochs=1)
    unknown = ganapp.Run(run.files.directory).files.config.read_text()
    for name in ("the term Brightness", "AdamW of the generator", "the schedule of the learning"):
        assert name in unknown
    assert run.samples(3).shape == (3, 8, 8, 1)
    assert "what is not registered" in run.diagnose()["duality_gap"]["reason"]


@pytest.mark.parametrize(
    "change",
    [
        {"data": (arrays()[0][::-1], arrays()[1][::-1])},
        {"epochs": EPOCHS - 1},
        {"gan": "other seed"},
    ],
    ids=["other arrays", "shorter", "another seed"],
)
def test_another_training_in_its_directory_is_refused(finished_run, tmp_path, change):
    directory = shutil.copytree(finished_run[0].files.directory, tmp_path / "run")
    if "gan" in change:
        gan = own_gan()
        gan.seed = 4
        change = {"gan": gan}
    with pytest.raises(UserError, match=r"begun with other|can be made longer, not shorter"):
        fit(directory, **change)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.random.default_rng(0).random((50, 9, 9, 1)), "must hold examples of the shape"),
        (arrays()[0], "must have labels of the 10 classes"),
        (tf.data.Dataset.range(3).repeat(), "must end"),
        ({"x": arrays()[0], "y": arrays()[1]}, "observations by other names"),
        ({"x": arrays()[0], "past": np.zeros((50, 2))}, "a row of shape"),
        ({"x": arrays()[0], "past": np.zeros((200, 2), int)}, "must be floats"),
        (ganapp.SOURCES["moving_digits"](frames=3, size=8, past=1), "without an end"),
        (np.array([None, "a"]), "Tables are for"),
        ("no-such-data", "Data are named as a source"),
        ("digits", None),
    ],
)
def test_data_that_do_not_fit_are_refused_before_the_first_step(tmp_path, data, sentence):
    if sentence is None:
        assert ganapp.Run(tmp_path / "run", own_gan(), data).source.spec.examples == 1497
    else:
        with pytest.raises(UserError, match=sentence):
            ganapp.Run(tmp_path / "run", own_gan(), data)
    assert not (tmp_path / "run").exists()


def test_a_dataset_of_batches_or_examples_is_kept_as_arrays(tmp_path):
    x, y = arrays(60)
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    for each in (dataset, dataset.batch(7)):
        run = ganapp.Run(tmp_path / "run", own_gan(), each)
        kept = np.concatenate(
            [run.source.training_examples()[0], run.source.held_out_examples()[0]]
        )
        assert sorted(row.tobytes() for row in kept) == sorted(row.tobytes() for row in x)


def test_a_generator_that_cannot_make_the_pixels_is_refused(tmp_path):
    z = keras.Input((4,), name="z")
    pixels = keras.layers.Reshape((8, 8, 1))(keras.layers.Dense(64, "sigmoid")(z))
    x = keras.Input((8, 8, 1), name="x")
    scores = keras.layers.Dense(1)(keras.layers.Flatten()(x))
    gan = ganapp.GAN(keras.Model(z, pixels), keras.Model(x, scores), ganapp.priors.Normal(size=4))
    with pytest.raises(UserError, match=r"from -1 to 1.* Received: 'sigmoid'"):
        ganapp.Run(tmp_path / "run", gan, arrays()[0])


def observed_gan():
    """The next picture from the one before it: `before` is an observation of both networks."""
    keras.utils.set_random_seed(0)
    z, before = keras.Input((4,), name="z"), keras.Input((8, 8, 1), name="before")
    hidden = keras.layers.Concatenate()([z, keras.layers.Flatten()(before)])
    pixels = keras.layers.Reshape((8, 8, 1))(keras.layers.Dense(64, "tanh")(hidden))
    x, seen = keras.Input((8, 8, 1), name="x"), keras.Input((8, 8, 1), name="before")
    both = keras.layers.Flatten()(keras.layers.Concatenate()([x, seen]))
    scores = keras.layers.Dense(1)(keras.layers.Dense(16, "leaky_relu")(both))
    networks = keras.Model([z, before], pixels), keras.Model([x, seen], scores)
    gan = ganapp.GAN(*networks, ganapp.priors.Normal(size=4))
    gan.compile(objective=NonSaturating(terms=PENALTY))
    return gan


def test_arrays_may_hold_observations(tmp_path):
    x, _ = arrays(120)
    before = (x.astype("float32") / 127.5 - 1)[::-1].copy()  # of each its own, in model units
    data = {"x": x, "before": before}
    datasets = tf.data.Dataset.from_tensor_slices(data), tf.data.Dataset.from_tensor_slices(data)
    partner = {row.tobytes(): other for row, other in zip(x, before, strict=True)}
    for number, given in enumerate((data, datasets[0], datasets[1].batch(7))):
        run = ganapp.Run(tmp_path / str(number), observed_gan(), given, settings=SETTINGS)
        source = run.source
        for examples, observed in (
            (source.training_examples()[0], source.training_observations()["before"]),
            (source.held_out_examples()[0], source.held_out_observations()["before"]),
        ):
            assert len(examples) == len(observed) > 0
            for row, other in zip(examples, observed, strict=True):
                np.testing.assert_array_equal(other, partner[row.tobytes()])
        batch = next(iter(run.batches(16)))
        for row, other in zip(batch["x"].numpy(), batch["before"].numpy(), strict=True):
            pixels = np.round((row + 1) * 127.5).astype(np.uint8)
            np.testing.assert_array_equal(other, partner[pixels.tobytes()])
    run.gan.fit(run.batches(16), epochs=1, verbose=0, callbacks=run.callbacks())
    again = ganapp.Run(tmp_path / "2")
    assert again.samples(3, before=before[0]).shape == (3, 8, 8, 1)
    assert again.evaluate()["last"]["step"] == len(source.training_examples()[0]) // 16


def test_a_source_may_be_handed_over(tmp_path):
    given = ganapp.SOURCES["digits"]()
    run = ganapp.Run(tmp_path / "run", own_gan(), given)
    for method in ("training_examples", "held_out_examples"):
        pairs = [
            sorted((x.tobytes(), int(y)) for x, y in zip(*getattr(each, method)(), strict=True))
            for each in (given, run.source)
        ]
        assert pairs[0] == pairs[1]


def test_settings_are_as_on_the_command_line():
    nested = {"evaluation": {"samples": np.int64(60)}, "objective": {"terms": {"r1": {}}}}
    assert as_overrides(nested) == ["evaluation.samples=60", "objective.terms.r1={}"]
    with pytest.raises(UserError, match=r"Received: evaluation.samples=<object"):
        as_overrides({"evaluation.samples": object()})


def test_settings_of_the_training_are_the_scripts(tmp_path):
    with pytest.raises(UserError, match=r"Received: 'training.epochs'"):
        ganapp.Run(tmp_path / "run", own_gan(), arrays(), settings={"training.epochs": 3})
    run = ganapp.Run(tmp_path / "run", own_gan(), arrays())
    with pytest.raises(UserError, match="comes before"):
        run.callbacks()
    with pytest.raises(UserError, match="must not be larger"):
        run.batches(1000)
    assert not (tmp_path / "run").exists()


def test_early_stopping_watches_figures(tmp_path):
    stop = keras.callbacks.EarlyStopping("val_coverage", mode="max", patience=0, baseline=2.0)
    run, history = fit(tmp_path / "run", others=[stop])
    assert len(history["val_coverage"]) == 2  # Keras looks from the second epoch on
    assert run.gan.step.numpy() == 2 * STEPS
    assert list_steps(run.files.checkpoints)[0] == 2 * STEPS  # although none was due


def test_two_replicas_train_as_one(tmp_path, two_replicas):
    with two_replicas.scope():  # masks of dropout are each replica's own
        gan = own_gan(dropout=0)
    shared, _ = fit(tmp_path / "shared", gan=gan, epochs=1)
    alone, _ = fit(tmp_path / "alone", gan=own_gan(dropout=0), epochs=1)
    for name in ("generator", "discriminator"):
        networks = (getattr(each.gan, name).trainable_variables for each in (shared, alone))
        for a, b in zip(*networks, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=2e-5)
    # What is fitted afterwards begins at its own first epoch.
    history = alone.gan.fit(alone.batches(BATCH), epochs=2, verbose=0)
    assert len(history.epoch) == 2


def test_a_preset_trains_on_arrays(tmp_path):
    run = ganapp.train(
        "digits",
        data=arrays(),
        run=tmp_path / "run",
        training={"epochs": 1, "steps_per_epoch": 2, "batch_size": 16},
        generator={"channels": [8]},
        discriminator={"channels": [8]},
        evaluation=SETTINGS["evaluation"],
    )
    assert run.report["last"]["step"] == 2
    assert run.files.examples.exists()
    assert run.samples(2).shape == (2, 8, 8, 1)
    with pytest.raises(UserError, match="already holds a run"):
        ganapp.train("digits", run=tmp_path / "run")


def test_constraints_of_weights_and_of_tables_have_names_of_their_own():
    assert "spectral_norm" in ganapp.WEIGHT_CONSTRAINTS
    assert hasattr(ganapp.constraints, "Unique")
    with pytest.raises(AttributeError, match="WEIGHT_CONSTRAINTS"):
        ganapp.CONSTRAINTS  # noqa: B018


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: ganapp.Run("nowhere"),
        lambda: ganapp.train("no-such-preset"),
        lambda: ganapp.Tables.load("nowhere"),
        lambda: ganapp.Tables().sample(3),
        lambda: ganapp.load_plugin("nowhere.txt"),
    ],
)
def test_a_mistake_is_an_error_that_python_and_the_command_line_know(mistake):
    assert issubclass(ganapp.UserError, ValueError)
    with pytest.raises(ganapp.UserError):
        mistake()
