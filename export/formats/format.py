"""What a format of an artefact is, and the runtime that runs it. Needs no TensorFlow."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ganapp.export import ExportError

if TYPE_CHECKING:
    from ganapp.export.bundle import Bundle

EXACT = 1e-4  # float32 in another order of summation: 4e-6 measured on digits, 1e-4 when deep
GREY_LEVELS = 1.0  # rounding to uint8 turns a difference of 1e-7 into one level
Arrays = Mapping[str, np.ndarray]


class Process(Protocol):
    """An artefact in a process of its own, as somebody who was given the file would run it.

    The source of a member is all that the process gets: it imports what it needs within and uses
    nothing else of its module than `np`.
    """

    def __init__(self, path: str, output: str) -> None:
        """Loads the artefact at a path; `output` is the name of the generator's output."""

    def __call__(self, inputs: Arrays) -> Arrays:
        """Outputs by name, of inputs by name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runtime:
    """What runs artefacts."""

    name: str  # as a model card has it, e.g. `"litert"`.
    title: str  # as printed above its code
    process: type[Process]
    usage: str  # Python code that loads and calls one; a template of `ganapp.export.card.usage`
    truncated: str = ""  # what is added where truncation has an effect


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of artefact."""

    name: str  # as asked for, e.g. `"litert"`.
    title: str  # as printed, e.g. `"LiteRT"`.
    path: str  # file inside the folder of the version; `"."` for the folder itself
    runtime: Runtime  # what runs it
    write: Callable[..., None]  # writes the artefact of a bundle to a path
    tolerance: float = EXACT  # of the largest difference to the Keras generator, in model units
    mean_tolerance: float = EXACT  # a few values may differ much where all the others do not
    # What an artefact that draws by itself is asked, inputs by name by request.
    requests: "Callable[[Bundle], dict[str, dict[str, np.ndarray]]] | None" = None
    # Checks the answers, and returns the largest difference of samples in user units.
    check_draws: "Callable[[Bundle, str, Mapping[str, Arrays]], float] | None" = None
    # Python modules to import before an artefact at a path is loaded.
    modules: Callable[[Path], tuple[str, ...]] = lambda path: ()
    # Where an encoder goes that is exported beside the generator: a file inside the folder of the
    # version, or the folder itself where it is a signature; and what runs it.
    encoder_path: str = ""
    encoder_runtime: Runtime | None = None
    fixes_batch: bool = False  # whether `write` takes `batch`, how many rows a call takes
    optional: bool = False  # whether an export of all formats may lack it
    may_lose: bool = False  # whether it is written, with a warning, although its figures are worse


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def largest_difference(values: np.ndarray, expected: np.ndarray, *, missing: bool = False) -> float:
    """Largest absolute difference; infinite where a value is not a number.

    With `missing` a NaN on both sides is no difference: tables say so that a value is missing.
    """
    values, expected = values.astype("float64"), expected.astype("float64")
    gaps = np.abs(values - expected)
    if missing:
        gaps[np.isnan(values) & np.isnan(expected)] = 0.0
    return float(np.max(np.where(np.isnan(gaps), np.inf, gaps), initial=0.0))


def check_close(
    prefix: str,
    source: str,
    samples: np.ndarray,
    expected: np.ndarray,
    tolerance: float,
    levels: float = GREY_LEVELS,
) -> float:
    """The largest difference of samples in the user's units, `(n, *user shape)`, from others.

    `prefix` and `source` say in the sentence what gave them. Floats may differ by `tolerance` where
    the largest value is at most 1, relative to that value above, for the user's units may be
    thousands; uint8 values by `levels`.

    Raises:
        ExportError: another shape or type, or they differ by more.
    """
    if samples.shape != expected.shape or samples.dtype != expected.dtype:
        raise ExportError(
            f"{prefix} must return `samples` {expected.dtype} {expected.shape}. "
            f"Received: {samples.dtype} {samples.shape}"
        )
    difference = largest_difference(samples, expected, missing=True)
    size = max(1.0, float(np.nanmax(np.abs(expected.astype("float64")), initial=0.0)))
    allowed = levels if expected.dtype == np.uint8 else tolerance * size
    if not difference <= allowed:
        raise ExportError(
            f"{prefix} differs from {source} by {difference:.3g} in the user's units, more than "
            f"the tolerance {allowed:.3g}."
        )
    return difference
