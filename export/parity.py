"""Proof that an artefact, reloaded in a fresh process, still is the generator."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from ganapp.export import ExportError
from ganapp.export.bundle import PARITY, QUALITY, Bundle, computing_in_float32
from ganapp.export.differences import largest_difference, mean_difference
from ganapp.export.formats.format import Arrays, Format
from ganapp.export.worker import Worker

BATCHES = (1, 3, 64, 64, 64, 60)  # 256 rows in uneven batches
JUDGED, JUDGED_BATCH = 1500, 50  # samples of the same inputs for every format
COVERAGE_DROP = 0.05  # a twentieth of the data that is no longer reached
FRECHET_RISE = 0.5  # half as far again from the data


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """What a fresh process found out about one artefact.

    Args:
        difference: largest absolute difference to the Keras generator, in model units.
        mean_difference: mean absolute difference.
        tolerance: how large the largest may be.
        sample_difference: the same for the signatures that draw, in user units (grey levels for
            images); `None` when the format has none.
        figures: evaluation figures by key, of the same inputs as the Keras generator's; empty
            when there is no judge.
        warning: what it lost in figures, a sentence; `None` if nothing.
        load_seconds: import of the runtime and loading of the artefact.
        memory_bytes: by how much the process grew by loading and running it.
        tensorflow_imported: whether the process had to import TensorFlow.
    """

    difference: float
    mean_difference: float
    tolerance: float
    sample_difference: float | None
    figures: Mapping[str, float]
    warning: str | None
    load_seconds: float
    memory_bytes: int
    tensorflow_imported: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
    """The Keras generator's figures, and how far they move by chance.

    Args:
        inputs: of the generator by name, float32 `(JUDGED, ...)`, the same for every format.
        values: figures by key, of the generator in float32.
        noise: by key, the absolute difference to the same figures of other inputs.
    """

    inputs: Arrays
    values: Mapping[str, float]
    noise: Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """The Keras generator's own answer.

    Args:
        inputs: of the generator by name, float32 `(256, ...)`.
        samples: float32 `(256, *shape)`, computed in float32.
        precision_difference: largest absolute difference between computing in float32 and in
            the precision the generator was trained in; 0.0 when that is float32.
        figures: its evaluation figures, `None` when there is no judge.
    """

    inputs: Arrays
    samples: np.ndarray
    precision_difference: float
    figures: Figures | None = None


def reference_of(bundle: Bundle) -> Reference:
    """What the generator answers in float32, and how far its trained precision is from that."""
    inputs = bundle.example_inputs(sum(BATCHES), stream=PARITY)
    with computing_in_float32(bundle.generator) as mixed:
        samples = bundle.samples(inputs, BATCHES)
        figures = figures_of_keras(bundle)
    trained = bundle.samples(inputs, BATCHES) if mixed else samples
    return Reference(
        inputs=inputs,
        samples=samples,
        precision_difference=largest_difference(trained, samples),
        figures=figures,
    )


def figures_of_keras(bundle: Bundle) -> Figures | None:
    """The Keras generator's own figures; `None` where the bundle has no judge.

    Args:
        bundle: what is exported, computing in float32.
    """
    if bundle.judge is None:
        return None
    inputs, others = (bundle.example_inputs(JUDGED, stream=QUALITY, seed=seed) for seed in range(2))
    values, again = (_judge(bundle, bundle.samples(each)) for each in (inputs, others))
    noise = {key: abs(values[key] - again[key]) for key in values.keys() & again.keys()}
    return Figures(inputs=inputs, values=values, noise=noise)


def _judge(bundle: Bundle, samples: np.ndarray) -> dict[str, float]:
    return dict(bundle.judge(np.asarray(bundle.to_user_units(samples))))


def verify_artefact(
    bundle: Bundle, form: Format, worker: Worker, reference: Reference
) -> Verification:
    """Compares an artefact in a fresh process with the generator.

    Args:
        bundle: what was exported, computing in float32.
        form: format of the artefact.
        worker: the process that has loaded it.
        reference: what the generator answers.

    Raises:
        ExportError: the artefact does not run, differs, or its figures are worse.
    """
    samples, measured = worker.run(reference.inputs, BATCHES)
    if samples is None or samples.shape != reference.samples.shape or samples.dtype != np.float32:
        received = None if samples is None else f"{samples.dtype} {samples.shape}"
        raise ExportError(
            f"The {form.title} artefact must return `{bundle.output_name}` float32 "
            f"{reference.samples.shape}. Received: {received}"
        )
    difference = largest_difference(samples, reference.samples)
    mean = mean_difference(samples, reference.samples)
    for kind, found, allowed in (
        ("", difference, form.tolerance),
        ("on average ", mean, form.mean_tolerance),
    ):
        if not found <= allowed:
            raise ExportError(
                f"The {form.title} artefact differs from the Keras generator {kind}by "
                f"{found:.3g}, more than the tolerance {allowed:.3g}."
            )
    drawn = None
    if form.requests is not None:
        drawn = form.check_draws(bundle, form.title, worker.draw(form.requests(bundle)))
    figures, warning = _verify_figures(bundle, form, worker, reference.figures)
    return Verification(
        difference=difference,
        mean_difference=mean,
        tolerance=form.tolerance,
        sample_difference=drawn,
        figures=figures,
        warning=warning,
        load_seconds=worker.load_seconds,
        **measured,
    )


def _verify_figures(
    bundle: Bundle, form: Format, worker: Worker, keras: Figures | None
) -> tuple[dict[str, float], str | None]:
    """Figures of an artefact, and a warning where it loses more than it should.

    Raises:
        ExportError: it loses more, and its format must not.
    """
    if keras is None:
        return {}, None
    count = len(next(iter(keras.inputs.values())))
    samples, _ = worker.run(keras.inputs, (JUDGED_BATCH,) * (count // JUDGED_BATCH))
    figures = _judge(bundle, samples)
    drop = quality_drop(figures, keras)
    sentence = drop and f"The {form.title} artefact loses quality: {drop}."
    if sentence and not form.may_lose:
        raise ExportError(sentence)
    return figures, sentence


def quality_drop(figures: Mapping[str, float], keras: Figures) -> str | None:
    """What an artefact lost beyond what is allowed, as a part of a sentence; `None` if nothing.

    Coverage may fall by `COVERAGE_DROP` and the Fréchet distance rise by `FRECHET_RISE` of
    itself, each and what it moves by chance.

    Args:
        figures: of the artefact, by key.
        keras: of the generator.
    """
    found = []
    for key, name, drop in (
        ("coverage", "coverage", lambda own, value: own - value - COVERAGE_DROP),
        (
            "frechet_distance",
            "Fréchet distance",
            lambda own, value: value - own * (1 + FRECHET_RISE),
        ),
    ):
        if key in figures and key in keras.values:
            own, value = keras.values[key], figures[key]
            if not drop(own, value) <= keras.noise.get(key, 0.0):
                found.append(f"{name} {value:.3g} where the Keras generator has {own:.3g}")
    return " and ".join(found) or None
