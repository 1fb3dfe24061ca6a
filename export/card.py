"""The model card: everything a reader of the artefacts should know, as JSON, Markdown and HTML."""

import json
import math
import platform
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from ganapp.export.bundle import Bundle
from ganapp.export.checksums import sha256
from ganapp.export.html_card import render_html
from ganapp.export.layout import CARD_HTML, CARD_JSON, CARD_MARKDOWN, EXTRA, PICTURE, SERVING
from ganapp.export.markdown import render
from ganapp.export.parity import Reference
from ganapp.export.snippets import SNIPPET_COUNT
from ganapp.export.staging import SCHEMA

PACKAGES = ("tensorflow", "keras", "numpy", "ai-edge-litert", "onnx", "onnxruntime")


def describe(
    bundle: Bundle,
    directory: Path,
    place: PurePosixPath,
    artefacts: Sequence[tuple],
    reference: Reference,
    left_out: Mapping[str, str],
    batch: int | None = None,
) -> dict[str, Any]:
    """Collects the card.

    Args:
        bundle: what was exported.
        directory: where its artefacts lie.
        place: folder of the version below it; holds `serving.json`.
        artefacts: of each what was written, what its verification found, and its speed.
        reference: what the generator answered.
        left_out: reason by format that an export of all formats has not got.
        batch: how many latents a call of a LiteRT file takes; any number when `None`.

    Returns:
        JSON-ready dict. Each of `artefacts` has `format`, `title`, `path`, `bytes`, `files` (path
        to SHA-256), `modules`, the fields of `Verification` and those of
        `ganapp.export.speed.measure`; paths are relative to `directory`. The rest is as named
        below.
    """
    facts = bundle.facts
    manifest = facts.get("manifest") or {}
    serving = json.loads((directory / place / EXTRA / SERVING).read_text(encoding="utf-8"))
    return plain(
        {
            "schema": SCHEMA,
            "name": bundle.name,
            "model": place.parent.name,
            "version": int(place.name),
            "place": str(place),
            "step": facts.get("step"),
            "checkpoint": facts.get("checkpoint"),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "kind": bundle.kind,
            "latent": {
                "size": bundle.prior.size,
                "prior": bundle.prior.name,
                "truncates": bool(bundle.prior.truncates),
                "numpy": bundle.prior.numpy_code(batch or SNIPPET_COUNT),
            },
            "batch": batch,
            "output": {"name": bundle.output_name, "shape": bundle.shape},
            "signatures": serving.get("signatures") or {},
            "parameters": bundle.generator.count_params(),
            "precision_difference": reference.precision_difference,
            "artefacts": [_artefact(directory / place, place, *each) for each in artefacts],
            "left_out": dict(left_out),
            "judged": _judged(reference),
            "data": manifest.get("data") or {},
            "configuration": facts.get("configuration") or {},
            "report": facts.get("report") or {},
            "manifest": manifest,
            "versions": versions(),
            "picture": PICTURE if bundle.picture is not None else None,
        }
    )


def write_card(card: dict[str, Any], directory: Path) -> None:
    """Writes the card's three files into `directory`, where its picture lies already."""
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    (directory / CARD_JSON).write_text(text + "\n", encoding="utf-8")
    markdown = render(card)
    (directory / CARD_MARKDOWN).write_text(markdown, encoding="utf-8")
    picture = (directory / PICTURE).read_bytes() if card["picture"] else None
    page = render_html(markdown, title=card["name"], pictures={PICTURE: picture} if picture else {})
    (directory / CARD_HTML).write_text(page, encoding="utf-8")


def write_copies(directory: Path, extra: Path) -> None:
    """Puts beside a model what a server shows: the card for people and programs, a picture."""
    for name in (CARD_HTML, CARD_JSON, PICTURE):
        if (directory / name).exists():
            shutil.copyfile(directory / name, extra / name)


def versions() -> dict[str, str]:
    """Versions of what wrote the artefacts and what can run them."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def plain(value: Any) -> Any:
    """A copy that JSON can hold: numpy scalars unwrapped, non-finite numbers `None`."""
    if isinstance(value, dict):
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


def _judged(reference: Reference) -> dict[str, Any] | None:
    """The Keras generator's figures on the latents that every format was judged with."""
    figures = reference.figures
    if figures is None:
        return None
    return {
        "samples": len(figures.latents),
        "keras": dict(figures.values),
        "noise": dict(figures.noise),
    }


def _artefact(
    folder: Path, place: PurePosixPath, written: Any, verification: Any, speed: Mapping[str, Any]
) -> dict[str, Any]:
    """One artefact's entry: where, how big, which bytes, how close, how good, how fast."""
    form = written.form
    return {
        "format": form.name,
        "title": form.title,
        "runtime": form.runtime,
        "path": str(place / form.path),
        "bytes": sum((folder / name).stat().st_size for name in written.files),
        "files": {str(place / name): sha256(folder / name) for name in written.files},
        "modules": written.modules,
        "mean_tolerance": form.mean_tolerance,
        **vars(verification),
        **speed,
    }
