"""What waits for a batch: the rows of one request."""

import asyncio
import dataclasses
import math

import numpy as np

from ganapp.export.server.errors import ServerError


@dataclasses.dataclass(eq=False)
class Waiting:
    """Rows of a request, and the future of their answer.

    Args:
        z: rows `(n, size)`.
        future: of what the engine makes of them, `(n, ...)`.
        since: when they came, as `time.monotonic()` counts.
        deadline: likewise, after which they are not run any more.
        taken: how many of them are in a batch already, or need none.
        parts: answers to some of them, by the first row.
    """

    z: np.ndarray
    future: asyncio.Future
    since: float
    deadline: float = math.inf
    taken: int = 0
    parts: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def untaken(self) -> int:
        """Rows that wait."""
        return len(self.z) - self.taken

    def receive(self, start: int, rows: np.ndarray) -> None:
        """Keeps the answer to the rows from `start` on; the last one completes the future."""
        if len(rows) < len(self.z):
            self.parts[start] = rows
            if sum(map(len, self.parts.values())) < len(self.z):
                return
            rows = np.concatenate([self.parts[at] for at in sorted(self.parts)])
        if not self.future.done():
            self.future.set_result(rows)

    def fail(self, error: ServerError) -> None:
        """Ends the wait with an error."""
        if not self.future.done():
            self.future.set_exception(error)


Part = tuple[Waiting, int, int]  # rows [start, stop) of a request
