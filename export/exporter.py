"""Exporting: write every artefact aside, verify it, then put all of them in place at once."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from export.bundle import Bundle
from export.card import CARD_JSON, CARD_MARKDOWN, PICTURE, describe, read_card, write_card
from export.differences import keras_samples, largest_difference
from export.errors import ExportError
from export.formats import chosen_formats
from export.parity import Reference, draw_latents, verify
from export.precision import computing_in_float32


def export(
    bundle: Bundle,
    out: Path,
    formats: Sequence[str] = ("saved_model", "litert"),
    *,
    tolerance: float = 1e-4,
) -> dict[str, Any]:
    """Writes verified artefacts and a model card to `out`, or nothing at all.

    Args:
        bundle: the generator and what belongs to it.
        out: directory to create. An empty directory or an earlier export is replaced, the
            earlier one only once the new one is verified; anything else is refused.
        formats: names from `FORMATS`.
        tolerance: largest allowed absolute difference to the Keras generator, in model units.

    Returns:
        what `model_card.json` says (see `export.card.describe`), with `directory` added.

    Raises:
        ExportError: bad arguments, `out` is in use or cannot be written, a conversion failed,
            or an artefact differs from the generator. `out` is as it was before.
    """
    chosen = chosen_formats(tuple(formats))
    out = Path(out).expanduser().resolve()
    refuse_foreign(out)
    reference = refer(bundle)
    with staging(out) as directory, computing_in_float32(bundle.generator):
        artefacts = []
        for form in chosen:
            path = directory / form.path
            form.write(bundle, path)
            verification = verify(bundle, form, path, reference, tolerance=tolerance)
            artefacts.append((form, verification))
        if bundle.picture is not None:
            bundle.picture.save(directory / PICTURE)
        card = describe(bundle, directory, artefacts, reference.precision_difference)
        write_card(card, directory)
    return card | {"directory": str(out)}


def refer(bundle: Bundle) -> Reference:
    """What the generator answers in float32, and how far its trained precision is from that."""
    latents = draw_latents(bundle)
    trained = keras_samples(bundle, latents)
    with computing_in_float32(bundle.generator):
        samples = keras_samples(bundle, latents)
    return Reference(
        latents=latents,
        samples=samples,
        precision_difference=largest_difference(trained, samples),
    )


def refuse_foreign(out: Path) -> None:
    """Refuses a target that holds anything but an earlier export.

    Raises:
        ExportError: `out` is a file, or a directory with content that is not ours.
    """
    try:
        present = {entry.name for entry in out.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise ExportError(
            f"`out` must be a directory. Received: {out} ({error.strerror})"
        ) from error
    if not present:
        return
    card = read_card(out)
    if card is None:
        raise ExportError(
            "`out` must be new, empty or an earlier export, and this directory has other "
            f"content and no {CARD_JSON}. Received: out={out}"
        )
    paths = {artefact["path"] for artefact in card["artefacts"]}
    foreign = sorted(present - paths - {CARD_JSON, CARD_MARKDOWN, PICTURE})
    if foreign:
        raise ExportError(
            f"`out` holds an earlier export and also {', '.join(foreign)}, which replacing it "
            f"would delete. Received: out={out}"
        )


@contextlib.contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A sibling of `out` that becomes `out` when the block succeeds and vanishes when it fails.

    Raises:
        ExportError: the disk refused, also when that happens inside the block.
    """
    made = [p for p in (out.parent, *out.parent.parents) if not os.path.lexists(p)]
    directory = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        directory.mkdir(parents=True)
        yield directory
        put_in_place(directory, out)
    except BaseException as error:  # KeyboardInterrupt too must leave nothing behind
        shutil.rmtree(directory, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):  # not made, or in use by someone else by now
                parent.rmdir()
        if isinstance(error, OSError):
            raise ExportError(
                f"The export could not be written: {error.strerror or error}. Received: out={out}"
            ) from error
        raise


def put_in_place(directory: Path, out: Path) -> None:
    """Renames `directory` to `out`; what was there before goes only once that has worked."""
    previous = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.previous")
    try:
        if out.exists():
            out.rename(previous)
        directory.rename(out)
    except BaseException:
        if previous.exists() and not out.exists():
            previous.rename(out)
        raise
    finally:
        if out.exists():
            shutil.rmtree(previous, ignore_errors=True)
