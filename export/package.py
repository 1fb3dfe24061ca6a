"""Exporting: write every artefact aside, verify it, then put all of them in place at once.

An artefact is reloaded in a fresh process, where it must still be the generator: sample by sample,
and by the evaluation's figures.
"""

import contextlib
import dataclasses
import math
import platform
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath

import numpy as np

from ganapp.export import ExportError
from ganapp.export.bundle import PARITY, QUALITY, Bundle, computing_in_float32
from ganapp.export.card import SNIPPET_COUNT, Card, write_card
from ganapp.export.encoder import encoded, verify_encoder
from ganapp.export.formats import ALL, FORMATS, chosen_formats
from ganapp.export.formats.format import Arrays, Format, largest_difference
from ganapp.export.layout import (
    CARD_HTML,
    CARD_JSON,
    CARD_SCHEMA,
    ENCODER_REFERENCE,
    EXTRA,
    ON_TOP,
    PICTURE,
    REFERENCE,
    SERVING,
    Json,
    files_below,
    read_object,
    safe_name,
    sums_of,
    update_serving,
    version_folder,
    write_sums,
)
from ganapp.export.serving_files import write_serving_files
from ganapp.export.staging import refuse_foreign, staging
from ganapp.export.worker import Artefact, Worker, measure_speed
from ganapp.models.tensors import EXAMPLE

REFERENCE_BYTES, REFERENCE_MOST = 2**20, 64  # of the samples kept to compare with later
BATCHES = (1, 3, 64, 64, 64, 60)  # 256 rows in uneven batches
FIGURE_SAMPLES, FIGURE_BATCH = 1500, 50  # samples of the same inputs for every format
COVERAGE_DROP = 0.05  # a twentieth of the data that is no longer reached
FRECHET_RISE = 0.5  # half as far again from the data
PACKAGES = ("tensorflow", "keras", "numpy", "ai-edge-litert", "onnx", "onnxruntime")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
    """The Keras generator's evaluation figures, and how far they move by chance."""

    inputs: Arrays  # of the generator by name, float32 `(FIGURE_SAMPLES, ...)`
    values: Mapping[str, float]  # by key, of the generator in float32
    noise: Mapping[str, float]  # by key, the absolute difference to those of other inputs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """The Keras generator's own answer."""

    inputs: Arrays  # of the generator by name, float32 `(256, ...)`
    samples: np.ndarray  # float32 `(256, *shape)`, computed in float32
    # Largest absolute difference between float32 and the precision it was trained in.
    precision_difference: float
    figures: Figures | None  # `None` when there is no judge


def export(
    bundle: Bundle,
    out: Path,
    formats: Sequence[str] = ("saved_model", "litert"),
    *,
    name: str | None = None,
    version: int = 1,
    batch: int | None = None,
) -> Json:
    """Writes verified artefacts and a model card to `out`, or nothing at all.

    Args:
        bundle: the generator and what belongs to it.
        out: directory to create. In an earlier export this version is replaced, once the new one
            is verified; other versions and models stay, and anything else is refused.
        formats: names from `FORMATS`, or `"all"` alone: then formats that this generator cannot
            have are left out, with the reason in the card.
        name: of the model, as it is served; the bundle's made safe when `None`.
        version: of the model, as it is served.
        batch: how many rows a call of a LiteRT file takes; any number when `None`.

    Returns:
        what `model_card.json` says (see `describe`), with `directory` added.

    Raises:
        ExportError: bad arguments, `out` is in use or cannot be written, a conversion failed,
            or an artefact differs from the generator. `out` is as it was before.
    """
    chosen = chosen_formats(formats)
    if batch is not None and batch < 1:
        raise ExportError(f"`batch` must be at least 1. Received: batch={batch}")
    place = version_folder(safe_name(bundle.name) if name is None else name, version)
    out = Path(out).expanduser().resolve()
    refuse_foreign(out, place)
    with staging(out, (str(place), *ON_TOP)) as directory:
        reference = reference_of(bundle)
        folder = directory / place
        (folder / EXTRA).mkdir(parents=True)
        left_out: dict[str, str] | None = {} if tuple(formats) == (ALL,) else None
        with contextlib.ExitStack() as stack:
            for network in filter(None, (bundle.generator, bundle.encoder)):
                stack.enter_context(computing_in_float32(network))
            written = _write_all(bundle, chosen, folder, batch, left_out)
            _save_reference(folder, reference)
            entries = _verify_all(bundle, written, directory, place, reference, left_out)
            verified = {each["format"] for each in entries}
            paths = {form.name: form.path for form in chosen if form.name in verified}
            of_encoder = [form for form in chosen if form.name in verified and form.encoder_path]
            encoders = _encoders(bundle, of_encoder, directory, place, reference, batch, left_out)
            write_serving_files(
                bundle,
                folder,
                name=place.parent.name,
                artefacts=paths,
                encoders={
                    each["format"]: FORMATS[each["format"]].encoder_path for each in encoders
                },
            )
        if bundle.picture is not None:
            bundle.picture.save(directory / PICTURE)
        card = describe(bundle, directory, place, entries, reference, left_out or {}, batch)
        if bundle.encoder is not None:
            described = bundle.encoder_bundle.described()
            parameters = bundle.encoder.count_params()
            card["encoder"] = plain(described | {"parameters": parameters, "artefacts": encoders})
        write_card(card, directory)
        for file in (CARD_HTML, CARD_JSON, PICTURE):  # which a server shows
            if (directory / file).exists():
                shutil.copyfile(directory / file, folder / EXTRA / file)
        update_serving(folder)
        write_sums(directory, out, place)
    return card | {"directory": str(out)}


def _leave_out(form: Format, error: ExportError, left_out: dict[str, str] | None) -> None:
    """Notes why an export of all formats has not got an optional one; raises of another."""
    if left_out is None or not form.optional:
        raise error
    left_out[form.name] = str(error)


def _write_all(
    bundle: Bundle,
    chosen: Sequence[Format],
    folder: Path,
    batch: int | None,
    left_out: dict[str, str] | None,
) -> list[tuple[Format, list[Path]]]:
    written = []
    for form in chosen:
        before = set(files_below(folder))
        options = {"batch": batch} if batch and form.fixes_batch else {}
        try:
            form.write(bundle, folder / form.path, **options)
        except ExportError as error:
            _leave_out(form, error, left_out)
        else:
            written.append((form, sorted(set(files_below(folder)) - before)))
    return written


def _verify_all(
    bundle: Bundle,
    written: Sequence[tuple[Format, list[Path]]],
    directory: Path,
    place: PurePosixPath,
    reference: Reference,
    left_out: dict[str, str] | None,
) -> list[Json]:
    """Checks every artefact in a process of its own, then times all of them in turns.

    Returns what the card says of each: where, how big, which bytes, how close, how good, how fast.
    """
    entries: list[Json] = []
    with contextlib.ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for form, files in written:
            path = directory / place / form.path
            artefact = Artefact(
                title=form.title,
                runtime=form.runtime,
                path=path,
                output=bundle.output_name,
                modules=form.modules(path),
            )
            try:
                with contextlib.ExitStack() as trial:
                    worker = trial.enter_context(Worker(artefact))
                    checks = verify_artefact(bundle, form, worker, reference)
                    stack.push(trial.pop_all())
            except ExportError as error:
                _leave_out(form, error, left_out)
                for file in files:
                    file.unlink()
                continue
            workers[form.name] = worker
            entries.append(
                {
                    "format": form.name,
                    "title": form.title,
                    "runtime": form.runtime.name,
                    "path": str(place / form.path),
                    "bytes": sum(file.stat().st_size for file in files),
                    "files": sums_of(directory, files),
                    "modules": artefact.modules,
                    "mean_tolerance": form.mean_tolerance,
                    **checks,
                }
            )
        speeds = measure_speed(workers, reference.inputs)
    return [entry | speeds[entry["format"]] for entry in entries]


def _encoders(
    bundle: Bundle,
    formats: Sequence[Format],
    directory: Path,
    place: PurePosixPath,
    reference: Reference,
    batch: int | None,
    left_out: dict[str, str] | None,
) -> list[Json]:
    """Writes the encoder in each format and checks it in a process of its own.

    It reads back the generator's own examples, so that no data are needed.

    Returns:
        What the card says of each, as of the generator's artefacts but for figures and speed.
    """
    encoder = bundle.encoder_bundle
    if encoder is None:
        return []
    folder, entries = directory / place, []
    inputs = {**reference.inputs, EXAMPLE: reference.samples}
    inputs = {each.name: inputs[each.name] for each in encoder.inputs}
    latents = encoded(encoder, inputs, BATCHES)
    kept = reference_rows(reference.samples)
    np.savez_compressed(
        folder / EXTRA / ENCODER_REFERENCE,
        **{name: rows[:kept] for name, rows in inputs.items()},
        samples=latents[:kept],
    )
    for form in formats:
        path, whole = folder / form.encoder_path, form.encoder_path == form.path
        names = ",".join(each.drawn_name for each in encoder.outputs)
        artefact = Artefact(
            title=f"{form.title} encoder",
            runtime=form.encoder_runtime,
            path=path,
            output=names if whole else encoder.output_name,
        )
        try:
            if not whole:
                options = {"batch": batch} if batch and form.fixes_batch else {}
                form.write(encoder, path, **options)
            with Worker(artefact) as worker:
                checks = verify_encoder(encoder, form, worker, inputs, latents, BATCHES)
        except ExportError as error:
            if not whole:
                path.unlink(missing_ok=True)
            if left_out is None or not form.optional:
                raise
            left_out[f"{form.name} encoder"] = str(error)
            continue
        files = [] if whole else [path]
        entries.append(
            {
                "format": form.name,
                "title": form.title,
                "runtime": form.encoder_runtime.name,
                "path": str(place / form.encoder_path),
                "output": artefact.output,
                "modules": (),
                "bytes": sum(file.stat().st_size for file in files),
                "files": sums_of(directory, files),
                **checks,
            }
        )
    return entries


def reference_rows(samples: np.ndarray) -> int:
    """How many samples are kept to compare with later."""
    return int(np.clip(REFERENCE_BYTES // samples[0].nbytes, 2, REFERENCE_MOST))


def _save_reference(folder: Path, reference: Reference) -> None:
    """Keeps some inputs by name and the Keras generator's samples of them, for `ganapp verify`."""
    samples = reference.samples
    count = reference_rows(samples)
    kept = {name: values[:count] for name, values in reference.inputs.items()}
    np.savez_compressed(folder / EXTRA / REFERENCE, **kept, samples=samples[:count])


# Whether an artefact still is the generator.


def reference_of(bundle: Bundle) -> Reference:
    """What the generator answers in float32, and how far its trained precision is from that."""
    inputs = bundle.example_inputs(sum(BATCHES), stream=PARITY)
    with computing_in_float32(bundle.generator) as mixed:
        samples = bundle.samples(inputs, BATCHES)
        figures = _figures_of_keras(bundle) if bundle.judge else None
    trained = bundle.samples(inputs, BATCHES) if mixed else samples
    return Reference(
        inputs=inputs,
        samples=samples,
        precision_difference=largest_difference(trained, samples),
        figures=figures,
    )


def _figures_of_keras(bundle: Bundle) -> Figures:
    inputs, others = (
        bundle.example_inputs(FIGURE_SAMPLES, stream=QUALITY, seed=seed) for seed in range(2)
    )
    values, again = (_judge(bundle, bundle.samples(each)) for each in (inputs, others))
    noise = {key: abs(values[key] - again[key]) for key in values.keys() & again.keys()}
    return Figures(inputs=inputs, values=values, noise=noise)


def _judge(bundle: Bundle, samples: np.ndarray) -> dict[str, float]:
    return dict(bundle.judge(np.asarray(bundle.to_user_units(samples))))


def verify_artefact(bundle: Bundle, form: Format, worker: Worker, reference: Reference) -> Json:
    """Compares an artefact in a fresh process with the generator, which computes in float32.

    Returns:
        `difference` and `mean_difference`, the largest and mean absolute one to the Keras
        generator, in model units; the `tolerance` of the former; `sample_difference`, the same for
        the signatures that draw, in user units (grey levels for images), `None` when the format
        has none; evaluation `figures` by key of the same inputs as the Keras generator's, empty
        when there is no judge, and a `warning`, what it lost in them, or `None`; `load_seconds`,
        `memory_bytes` and `tensorflow_imported` of `Worker`.

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
    mean = float(np.mean(np.abs(samples.astype(np.float64) - reference.samples)))
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
        answers, _ = worker.call(form.requests(bundle), "draw")
        drawn = form.check_draws(bundle, form.title, answers)
    figures, warning = _verify_figures(bundle, form, worker, reference.figures)
    return {
        "difference": difference,
        "mean_difference": mean,
        "tolerance": form.tolerance,
        "sample_difference": drawn,
        "figures": figures,
        "warning": warning,
        "load_seconds": worker.load_seconds,
        **measured,
    }


def _verify_figures(
    bundle: Bundle, form: Format, worker: Worker, keras: Figures | None
) -> tuple[dict[str, float], str | None]:
    """Figures of an artefact, and a warning where it loses more than it should but may."""
    if keras is None:
        return {}, None
    count = len(next(iter(keras.inputs.values())))
    samples, _ = worker.run(keras.inputs, (FIGURE_BATCH,) * (count // FIGURE_BATCH))
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
    """
    found = []
    for key, name in (("coverage", "coverage"), ("frechet_distance", "Fréchet distance")):
        if key in figures and key in keras.values:
            own, value = keras.values[key], figures[key]
            fall, rise = own - value - COVERAGE_DROP, value - own * (1 + FRECHET_RISE)
            if not (fall if key == "coverage" else rise) <= keras.noise.get(key, 0.0):
                found.append(f"{name} {value:.3g} where the Keras generator has {own:.3g}")
    return " and ".join(found) or None


# The card as data.


def describe(
    bundle: Bundle,
    directory: Path,
    place: PurePosixPath,
    artefacts: Sequence[Json],
    reference: Reference,
    left_out: Mapping[str, str],
    batch: int | None = None,
) -> Card:
    """The card, ready for JSON: `artefacts` as `_verify_all` gives them, beside `serving.json`."""
    facts = bundle.facts
    manifest = facts.get("manifest") or {}
    figures = reference.figures
    return plain(
        {
            "schema": CARD_SCHEMA,
            "name": bundle.name,
            "model": place.parent.name,
            "version": int(place.name),
            "place": str(place),
            "step": facts.get("step"),
            "checkpoint": facts.get("checkpoint"),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "kind": bundle.kind,
            "inputs": [each.as_dict() for each in bundle.inputs],
            "latent": {
                "size": bundle.prior.size,
                "prior": bundle.prior.name,
                "truncates": bool(bundle.prior.truncates),
                "numpy": bundle.numpy_code(batch or SNIPPET_COUNT),
            },
            "keras_names": bundle.keras_names,
            "batch": batch,
            "output": {"name": bundle.output_name, "shape": bundle.shape},
            "signatures": read_object(directory / place / EXTRA / SERVING)["signatures"],
            "parameters": bundle.generator.count_params(),
            "precision_difference": reference.precision_difference,
            "artefacts": artefacts,
            "left_out": dict(left_out),
            "judged": figures
            and {
                "samples": len(next(iter(figures.inputs.values()))),
                "keras": figures.values,
                "noise": figures.noise,
            },
            "data": manifest.get("data") or {},
            "configuration": facts.get("configuration") or {},
            "report": facts.get("report") or {},
            "manifest": manifest,
            "versions": versions(),
            "picture": PICTURE if bundle.picture is not None else None,
        }
    )


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def plain(value: object) -> object:
    """A copy that JSON can hold: numpy scalars unwrapped, non-finite numbers `None`."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if value is None or isinstance(value, bool | str | int):
        return value
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
