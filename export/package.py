"""Exporting: write every artefact aside, verify it, then put all of them in place at once."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ganapp.export import ExportError
from ganapp.export.bundle import Bundle, computing_in_float32
from ganapp.export.card import describe, write_card, write_copies
from ganapp.export.checksums import files_below, sha256, update_serving, write_sums
from ganapp.export.formats import ALL, chosen_formats
from ganapp.export.formats.format import Format
from ganapp.export.layout import EXTRA, ON_TOP, PICTURE, REFERENCE, Json, safe_name, version_folder
from ganapp.export.parity import Reference, Verification, reference_of, verify_artefact
from ganapp.export.servable import write_surroundings
from ganapp.export.staging import refuse_foreign, staging
from ganapp.export.worker import Artefact, Worker, measure_speed

REFERENCE_BYTES, REFERENCE_MOST = 2**20, 64  # of the samples kept to compare with later


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Written:
    """An artefact, its files by path below the folder of the version, and modules it needs."""

    form: Format
    files: tuple[str, ...]
    modules: tuple[str, ...]


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
        what `model_card.json` says (see `ganapp.export.card.describe`), with `directory` added.

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
        with computing_in_float32(bundle.generator):
            written = _write_all(bundle, chosen, folder, batch, left_out)
            _save_reference(folder, reference)
            checked = _verify_all(bundle, written, folder, reference, left_out)
            paths = {each.form.name: each.form.path for each, _, _ in checked}
            write_surroundings(bundle, folder, name=place.parent.name, artefacts=paths)
        if bundle.picture is not None:
            bundle.picture.save(directory / PICTURE)
        entries = [_entry(folder, place, *each) for each in checked]
        card = describe(bundle, directory, place, entries, reference, left_out or {}, batch)
        write_card(card, directory)
        write_copies(directory, folder / EXTRA)
        update_serving(folder)
        write_sums(directory, out, place)
    return card | {"directory": str(out)}


def _write_all(
    bundle: Bundle,
    chosen: Sequence[Format],
    folder: Path,
    batch: int | None,
    left_out: dict[str, str] | None,
) -> list[_Written]:
    """Writes every artefact; `left_out` gets the reason of an optional one that is impossible."""
    written = []
    for form in chosen:
        before = set(files_below(folder))
        try:
            form.write_to(folder, bundle, batch)
        except ExportError as error:
            if left_out is None or not form.optional:
                raise
            left_out[form.name] = str(error)
            continue
        new = sorted(set(files_below(folder)) - before)
        written.append(
            _Written(
                form=form,
                files=tuple(path.relative_to(folder).as_posix() for path in new),
                modules=form.modules(folder / form.path),
            )
        )
    return written


def _verify_all(
    bundle: Bundle,
    written: Sequence[_Written],
    folder: Path,
    reference: Reference,
    left_out: dict[str, str] | None,
) -> list[tuple[_Written, Verification, Json]]:
    """Checks every artefact in a process of its own, then times all of them in turns."""
    found: list[tuple[_Written, Verification]] = []
    with contextlib.ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for each in written:
            form = each.form
            artefact = Artefact(
                title=form.title,
                runtime=form.runtime,
                path=folder / form.path,
                output=bundle.output_name,
                modules=each.modules,
            )
            try:
                with contextlib.ExitStack() as trial:
                    worker = trial.enter_context(Worker(artefact))
                    found.append((each, verify_artefact(bundle, form, worker, reference)))
                    stack.push(trial.pop_all())
            except ExportError as error:
                if left_out is None or not form.optional:
                    raise
                left_out[form.name] = str(error)
                for name in each.files:
                    (folder / name).unlink()
                continue
            workers[form.name] = worker
        speeds = measure_speed(workers, reference.inputs)
    return [(each, verification, speeds[each.form.name]) for each, verification in found]


def _save_reference(folder: Path, reference: Reference) -> None:
    """Keeps some inputs by name and the Keras generator's samples of them, for `ganapp verify`."""
    samples = reference.samples
    count = int(np.clip(REFERENCE_BYTES // samples[0].nbytes, 2, REFERENCE_MOST))
    kept = {name: values[:count] for name, values in reference.inputs.items()}
    np.savez_compressed(folder / EXTRA / REFERENCE, **kept, samples=samples[:count])


def _entry(
    folder: Path,
    place: PurePosixPath,
    written: _Written,
    verification: Verification,
    speed: Json,
) -> Json:
    """An artefact in the card: where, how big, which bytes, how close, how good, how fast."""
    form = written.form
    return {
        "format": form.name,
        "title": form.title,
        "runtime": form.runtime.name,
        "path": str(place / form.path),
        "bytes": sum((folder / name).stat().st_size for name in written.files),
        "files": {str(place / name): sha256(folder / name) for name in written.files},
        "modules": written.modules,
        "mean_tolerance": form.mean_tolerance,
        **vars(verification),
        **speed,
    }
