"""The model card: everything a reader of the artefacts should know, as JSON and as Markdown."""

import hashlib
import json
import math
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from export.bundle import Bundle
from export.formats import Format
from export.markdown import SNIPPET_COUNT, render
from export.parity import Verification

CARD_JSON, CARD_MARKDOWN, PICTURE = "model_card.json", "model_card.md", "samples.png"
SCHEMA = "ganapp-model-card/1"
PACKAGES = ("tensorflow", "keras", "numpy", "ai-edge-litert")


def describe(
    bundle: Bundle,
    directory: Path,
    artefacts: Sequence[tuple[Format, Verification]],
    precision_difference: float,
) -> dict[str, Any]:
    """Collects the card.

    Args:
        bundle: what was exported.
        directory: where its artefacts lie.
        artefacts: each format with what its verification found.
        precision_difference: see `export.parity.Reference`.

    Returns:
        JSON-ready dict. Each of `artefacts` has `format`, `title`, `path`, `bytes`, `files` (name
        to SHA-256) and the fields of `Verification`; the rest is as named below.
    """
    facts = bundle.facts
    manifest = facts.get("manifest") or {}
    return plain(
        {
            "schema": SCHEMA,
            "name": bundle.name,
            "step": facts.get("step"),
            "checkpoint": facts.get("checkpoint"),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "kind": bundle.kind,
            "latent": {
                "size": bundle.prior.size,
                "prior": bundle.prior.name,
                "truncates": bool(bundle.prior.truncates),
                "numpy": bundle.prior.numpy_code(SNIPPET_COUNT),
            },
            "output": {"name": bundle.output_name, "shape": bundle.shape},
            "parameters": bundle.generator.count_params(),
            "precision_difference": precision_difference,
            "artefacts": [_artefact(directory, *each) for each in artefacts],
            "data": manifest.get("data") or {},
            "configuration": facts.get("configuration") or {},
            "report": facts.get("report") or {},
            "manifest": manifest,
            "versions": versions(),
            "picture": PICTURE if bundle.picture is not None else None,
        }
    )


def write_card(card: dict[str, Any], directory: Path) -> None:
    """Writes `model_card.json` and `model_card.md` into `directory`."""
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    (directory / CARD_JSON).write_text(text + "\n", encoding="utf-8")
    (directory / CARD_MARKDOWN).write_text(render(card), encoding="utf-8")


def read_card(directory: Path) -> dict[str, Any] | None:
    """The card in `directory`, or `None` when there is none that `write_card` wrote."""
    try:
        card = json.loads((directory / CARD_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) and card.get("schema") == SCHEMA else None


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


def _artefact(directory: Path, form: Format, verification: Verification) -> dict[str, Any]:
    """One artefact's entry: where, how big, which bytes, how close, how fast."""
    path = directory / form.path
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return {
        "format": form.name,
        "title": form.title,
        "path": form.path,
        "bytes": sum(p.stat().st_size for p in files),
        "files": {p.relative_to(directory).as_posix(): _sha256(p) for p in files},
    } | vars(verification)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
