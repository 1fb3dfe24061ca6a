"""What a format of an artefact is, and the runtime that runs it. Needs no TensorFlow."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from ganapp.export.bundle import Bundle

EXACT = 1e-4  # float32 in another order of summation: 4e-6 measured on digits, 1e-4 when deep
Arrays = Mapping[str, np.ndarray]


class Process(Protocol):
    """An artefact in a process of its own, as somebody who was given the file would run it.

    The source of a member is all that the process gets (see `ganapp.export.worker`): it imports
    what it needs within and uses nothing else of its module than `np`.
    """

    def __init__(self, path: str, output: str) -> None:
        """Loads the artefact at a path; `output` is the name of the generator's output."""

    def __call__(self, inputs: Arrays) -> Arrays:
        """Outputs by name, of inputs by name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runtime:
    """What runs artefacts.

    Args:
        name: as a model card has it, e.g. `"litert"`.
        title: as printed above its code.
        process: see `Process`.
        usage: template of the Python code that loads an artefact and calls it; its fields are
            those of `ganapp.export.card.usage`.
        truncated: what is added where truncation has an effect.
    """

    name: str
    title: str
    process: type[Process]
    usage: str
    truncated: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of artefact.

    Args:
        name: as asked for, e.g. `"litert"`.
        title: as printed, e.g. `"LiteRT"`.
        path: file inside the folder of the version; `"."` for the folder itself.
        runtime: what runs it.
        write: writes the artefact of a bundle to a path.
        tolerance: largest allowed absolute difference to the Keras generator, in model units.
        mean_tolerance: largest allowed mean absolute difference: a few values on the edge of a
            stroke may differ much where all the others do not.
        requests: what an artefact that draws by itself is asked, inputs by name by request;
            `None` where it draws nothing.
        check_draws: checks the answers, and returns the largest difference of samples in user
            units.
        modules: Python modules to import before an artefact at a path is loaded.
        fixes_batch: whether `write` takes `batch`, how many rows a call takes.
        optional: whether an export of all formats goes on without it where it is impossible.
        may_lose: whether it is written, with a warning, although its figures are worse.
    """

    name: str
    title: str
    path: str
    runtime: Runtime
    write: Callable[..., None]
    tolerance: float = EXACT
    mean_tolerance: float = EXACT
    requests: "Callable[[Bundle], dict[str, dict[str, np.ndarray]]] | None" = None
    check_draws: "Callable[[Bundle, str, Mapping[str, Arrays]], float] | None" = None
    modules: Callable[[Path], tuple[str, ...]] = lambda path: ()
    fixes_batch: bool = False
    optional: bool = False
    may_lose: bool = False

    def write_to(self, folder: Path, bundle: "Bundle", batch: int | None) -> None:
        """Writes the artefact into the folder of a version.

        Raises:
            ExportError: the generator cannot be converted.
        """
        path = folder if self.path == "." else folder / self.path
        if self.fixes_batch and batch is not None:
            self.write(bundle, path, batch=batch)
        else:
            self.write(bundle, path)


def first_line(error: Exception) -> str:
    """The first line of an error's text, else its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
