"""The encoder of a run: its own, or one that was trained afterwards; what it makes of examples."""

import dataclasses
import functools
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import PIL.Image
import tensorflow as tf

from ganapp.config.members import build
from ganapp.errors import UserError
from ganapp.models.batches import one_hot_labels
from ganapp.models.companions import ENCODER
from ganapp.models.encoder_training import EncoderTraining, encode, own_encoder, train_encoder
from ganapp.models.networks.readers import reader
from ganapp.models.tensors import EXAMPLE, LABEL, Tensors, input_names
from ganapp.runner.experiment import latents_to_encode
from ganapp.runner.saved_runs import Generator, open_generator, samples_from
from ganapp.runs import MISSHAPEN, Json, Run
from ganapp.screen import warn
from ganapp.training.checkpoints import CheckpointError, Checkpoints, load_latest
from ganapp.training.data import Source
from ganapp.training.evaluation.pictures import nearest_neighbours, side_by_side
from ganapp.training.evaluation.reconstruction import (
    latent_figures,
    latents_read_back,
    reconstruction_figures,
    simple_reconstructions,
)
from ganapp.training.files import read_json, write_atomically

MOST_TRAINING, MOST_HELD_OUT = 20_000, 2_500  # examples that are trained and judged on
MOST_NUMBERS = 2**28  # in them, their observations included
SHOWN, BANDS = 16, 3  # columns and bands of the picture
DESCRIPTION, REPORT, PICTURE = "encoder.json", "report.json", "reconstructions.png"
OWN, AFTERWARDS = "trained with the generator", "trained afterwards"


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A generator with a network that says its latents.

    Args:
        generator: the averaged one of a run.
        network: maps `x`, and observations if it names any, to every latent.
        step: of the generator's checkpoint.
        origin: `OWN` or `AFTERWARDS`.
        description: of one that was trained afterwards: its settings and last losses.
    """

    generator: Generator
    network: keras.Model
    step: int
    origin: str
    description: Json = dataclasses.field(default_factory=dict)

    def latents(self, examples: "Examples") -> dict[str, np.ndarray]:
        """Latents of examples by name, float32 `(n, size)`."""
        x = np.asarray(self.generator.spec.to_model_units(examples.values))
        return encode(self.network, **examples.beside | {EXAMPLE: x})

    def inputs(self, examples: "Examples") -> Tensors:
        """All that the generator takes to make the examples again."""
        gan = self.generator.gan
        beside = {n: examples.beside[n] for n in gan.generator_conditions}
        if gan.classes:
            beside[LABEL] = examples.labels
        return gan.inputs(**self.latents(examples) | beside)

    def reconstructions(self, examples: "Examples") -> np.ndarray:
        """The generator's examples of the latents, in user units."""
        return samples_from(self.generator, self.inputs(examples))


@dataclasses.dataclass(frozen=True)
class Examples:
    """Examples in user units `(n, ...)`, their classes int `(n,)`, their observations by name."""

    values: np.ndarray
    labels: np.ndarray | None = None
    beside: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, chosen: int | np.ndarray) -> "Examples":
        """The first so many, or those for which an array holds true."""
        chosen = slice(chosen) if isinstance(chosen, int) else chosen
        beside = {name: each[chosen] for name, each in self.beside.items()}
        labels = None if self.labels is None else self.labels[chosen]
        return Examples(self.values[chosen], labels, beside)

    def of_known_class(self) -> "Examples":
        """Those whose class is known."""
        return self if self.labels is None else self.rows(self.labels >= 0)


def open_encoder(run: Run, which: str = "best") -> Encoder:
    """The encoder of a run.

    Raises:
        UserError: it has none yet, or one of another generator.
    """
    generator, step = open_generator(run, which)
    found = find_encoder(run, generator, step)
    if found is None:
        raise UserError(
            f"The run {run.directory} has no encoder of its {which} generator (step {step:,}): "
            f"`python -m ganapp encode {run.directory}"
            f"{'' if which == 'best' else f' --checkpoint {which}'}` trains one."
        )
    return found


def find_encoder(run: Run, generator: Generator, step: int) -> Encoder | None:
    """The encoder of this very generator, its own or one trained afterwards, if there is one."""
    return _own_encoder(generator, step) or _trained_encoder(run, generator, step)


def _own_encoder(generator: Generator, step: int) -> Encoder | None:
    network = own_encoder(generator.gan)
    return None if network is None else Encoder(generator, network, step, OWN)


def _trained_encoder(run: Run, generator: Generator, step: int) -> Encoder | None:
    """The encoder that was trained for this very generator; `None` where there is none."""
    path = run.encoder / DESCRIPTION
    try:
        description = read_json(path)
        if description["step"] != step:
            return None
        seed = int(description["settings"]["seed"])
    except FileNotFoundError:
        return None
    except (OSError, *MISSHAPEN) as error:
        raise UserError(
            f"The file {path} is damaged; delete the folder {run.encoder}, and `python -m ganapp "
            f"encode {run.directory}` trains the encoder again."
        ) from error
    network = _new_network(generator, seed)
    try:
        loaded = load_latest(run.encoder, {ENCODER: network.variables}, warn=warn)
    except CheckpointError as error:
        raise UserError(str(error)) from error
    if loaded != step:
        return None
    return Encoder(generator, network, step, AFTERWARDS, description)


def _new_network(generator: Generator, seed: int) -> keras.Model:
    """An encoder with the body of the run's discriminator and weights of this seed."""
    gan, spec, section = generator.gan, generator.spec, generator.config.discriminator
    try:
        outputs = latents_to_encode(gan.prior)
    except ValueError as error:
        raise UserError(str(error)) from error
    options = section.options
    if "minibatch" in options:  # latents are of one example
        options["minibatch"] = "none"
    body = functools.partial(build, "discriminator", section.network, options)
    inputs = {EXAMPLE: spec.shape} | dict(spec.conditions)
    keras.utils.set_random_seed(seed)
    return reader(body, inputs, outputs)


def encoder_of(
    run: Run,
    source: Source,
    which: str,
    given: Mapping[str, float | None],
) -> Encoder:
    """The run's own encoder, the one trained for its generator, or else a new one.

    Args:
        run: which; an encoder that is trained is kept in its folder `encoder`.
        source: its data.
        which: `"best"` or `"last"` generator.
        given: settings of `EncoderTraining` that were asked for, `None` for others; an encoder that
            was trained with others of them is trained anew.
    """
    generator, step = open_generator(run, which)
    wanted = {name: value for name, value in given.items() if value is not None}
    if own := _own_encoder(generator, step):
        if wanted:
            raise UserError(
                f"The run {run.directory} has an encoder that was trained with its generator; "
                f"there is nothing to train. Received: {', '.join(wanted)}"
            )
        return own
    found = _trained_encoder(run, generator, step)
    if found and wanted.items() <= found.description["settings"].items():
        return found
    try:
        how = EncoderTraining(**wanted)
    except ValueError as error:
        raise UserError(str(error)) from error
    return _train(run, generator, step, which, source, how)


def _train(
    run: Run,
    generator: Generator,
    step: int,
    which: str,
    source: Source,
    how: EncoderTraining,
) -> Encoder:
    gan, spec = generator.gan, generator.spec
    network = _new_network(generator, how.seed)
    examples = training_examples(source, gan.classes)
    rows = {EXAMPLE: examples.values, **examples.beside}
    if gan.classes:
        rows[LABEL] = one_hot_labels(examples.labels, gan.classes)
    losses = train_encoder(gan, network, rows, how, units=spec.to_model_units)
    if not np.isfinite([*losses.values()]).all():
        raise UserError(
            "The encoder diverged and was not kept; try `--steps` fewer or other weights. "
            f"Received: losses {losses}"
        )
    description = {
        "step": step,
        "checkpoint": which,
        "settings": dataclasses.asdict(how),
        "network": generator.config.discriminator.network,
        "parameters": network.count_params(),
        "examples": len(examples),
        "losses": losses,
    }
    # What describes another encoder must not stand beside this one's weights.
    for name in (DESCRIPTION, REPORT, PICTURE):
        (run.encoder / name).unlink(missing_ok=True)
    for old in run.encoder.glob("ckpt-*"):
        old.unlink()
    Checkpoints(run.encoder, {ENCODER: network.variables}, keep=1).save(step)
    write_atomically(run.encoder / DESCRIPTION, json.dumps(description, indent=2) + "\n")
    return Encoder(generator, network, step, AFTERWARDS, description)


def training_examples(source: Source, classes: int) -> Examples:
    """Training examples with all that the generator takes beside latents."""
    count = _count(source, MOST_TRAINING)
    values, labels = source.training_examples(count)
    beside = source.training_observations(count)
    return Examples(values, labels if classes else None, beside).of_known_class()


def held_out_examples(source: Source, classes: int) -> Examples:
    """Examples that neither the generator nor the encoder was trained on."""
    count = _count(source, MOST_HELD_OUT)
    values, labels = source.held_out_examples(count)
    beside = source.held_out_observations(count)
    return Examples(values, labels if classes else None, beside).of_known_class()


def _count(source: Source, most: int) -> int:
    """So many examples at most, and of large ones as many as there is room for."""
    shapes = [source.spec.shape, *source.spec.conditions.values()]
    return max(1, min(most, MOST_NUMBERS // sum(map(math.prod, shapes))))


def report_on(encoder: Encoder, source: Source) -> Json:
    """Figures of an encoder on held-out data, beside those of simpler means.

    Of tables they are in model units, where every column counts alike; else in the user's.
    """
    generator, gan, spec = encoder.generator, encoder.generator.gan, encoder.generator.spec
    train, held_out = (of(source, gan.classes) for of in (training_examples, held_out_examples))
    latents = encoder.latents(held_out)
    count, size = len(held_out), sum(gan.latent_sizes.values())
    again = encoder.reconstructions(held_out)
    known, real = train.values, held_out.values
    if spec.table is not None:
        again = gan.generate(**encoder.inputs(held_out))
        known, real = (np.asarray(spec.to_model_units(each)) for each in (known, real))
    made = {"the encoder": again} | simple_reconstructions(known, real, size)
    drawn, others = (gan.inputs(**_beside(encoder, held_out), seed=seed) for seed in (1, 2))
    priors, floors = ({n: np.asarray(x[n]) for n in gan.latent_sizes} for x in (drawn, others))
    samples = Examples(samples_from(generator, drawn), held_out.labels, held_out.beside)
    return {
        "encoder": {"origin": encoder.origin, "step": encoder.step, **encoder.description},
        "counts": {"held_out": count, "training": len(train), "latents": size},
        "units": "model" if spec.table is not None else "user",
        "reconstructions": {
            name: reconstruction_figures(real, each) for name, each in made.items()
        },
        "latents": latent_figures(latents, priors, floors)
        | {"read_back": latents_read_back(priors, encoder.latents(samples))},
    }


def _beside(encoder: Encoder, examples: Examples) -> dict[str, object]:
    """What the generator takes beside latents, or how many rows where it takes nothing."""
    gan = encoder.generator.gan
    found = {name: examples.beside[name] for name in gan.generator_conditions}
    found |= {LABEL: examples.labels} if gan.classes else {}
    return found or {"count": len(examples)}


def write_report(encoder: Encoder, report: Json, source: Source, folder: Path) -> Path | None:
    """Writes the figures and, where examples can be drawn, originals above reconstructions."""
    write_atomically(folder / REPORT, json.dumps(report, indent=2) + "\n")
    picture = _picture(encoder, source)
    if picture is None:
        return None
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_atomically(folder / PICTURE, buffer.getvalue())
    return folder / PICTURE


def _picture(encoder: Encoder, source: Source) -> PIL.Image.Image | None:
    spec = encoder.generator.spec
    if spec.kind != "image":
        return None
    shown = held_out_examples(source, encoder.generator.gan.classes).rows(SHOWN * BANDS)
    apart = side_by_side if encoder.generator.data.stacked else np.asarray
    again = encoder.reconstructions(shown)
    return nearest_neighbours(apart(shown.values), apart(again), np.arange(len(shown)), SHOWN)


def path_between(encoder: Encoder, first: Examples, second: Examples, count: int) -> Tensors:
    """Inputs of the generator from one example's latents to another's, ends included.

    Args:
        encoder: which.
        first: one example.
        second: one example.
        count: how many inputs, at least 2.
    """
    gan = encoder.generator.gan
    start, end = encoder.inputs(first), encoder.inputs(second)
    steps = [gan.interpolate(start, end, fraction) for fraction in np.linspace(0.0, 1.0, count)]
    return {
        name: tf.concat([step[name] for step in steps], axis=0)
        for name in input_names(gan.generator, "z")
    }
