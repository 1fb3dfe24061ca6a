"""The law of small images that move straight and bounce, and what may follow some frames of it.

Along each axis an image's corner starts anywhere in its room and moves at a constant velocity
between mirrors, of which whole pixels are seen. So what has been seen leaves a set of starts and
velocities, which is known exactly, and with it the distribution of what comes next.
"""

import dataclasses
import functools

import numpy as np

CELLS = 1024  # of starts on each axis, and as many of velocities


def mirrored(places: np.ndarray, room: float) -> np.ndarray:
    """Places on a line folded between mirrors at 0 and `room`."""
    return room - np.abs(np.mod(places, 2 * room) - room)


@dataclasses.dataclass(frozen=True)
class BouncingLaw:
    """Corners of images that bounce in a square room.

    The start is uniform, the direction too, and so is the speed, in pixels a frame. As the law of
    place and velocity is the same at every time, any frame may be the first one.

    Args:
        room: pixels from one mirror to the other.
        slowest, fastest: speeds.
        frames: of which places are looked up, past and future ones.
    """

    room: int
    slowest: float
    fastest: float
    frames: int

    def future_places(self, past: np.ndarray, draws: int, seed: int = 0) -> np.ndarray:
        """Draws what may follow places that were seen, of their exact conditional distribution.

        Starts and velocities are the middles of small cells, each drawn as often as the law has it.

        Args:
            past: int `(n, p, 2)`, the upper left corner of an image in p frames one after another.
            draws: futures of each.
            seed: of the draws.

        Returns:
            int64 `(n, draws, frames - p, 2)`.

        Raises:
            ValueError: places that this law does not have.
        """
        random = np.random.default_rng(seed)
        count, known = past.shape[:2]
        times = np.arange(known, self.frames)
        found = np.empty((count, draws, len(times), 2), np.int64)
        for row, places in enumerate(past):
            axes = [self._consistent(places[:, axis]) for axis in range(2)]
            for axis, cells in enumerate(self._draw(axes, draws, random)):
                starts, velocities = axes[axis][:, cells]
                found[row, ..., axis] = _seen(starts, velocities, times, self.room)
        return found

    def _draw(
        self, axes: list[np.ndarray], draws: int, random: np.random.Generator
    ) -> list[np.ndarray]:
        """A cell of each axis for every draw, as the joint law of the two velocities weighs them.

        Args:
            axes: of each axis the starts and velocities `(2, cells)`, sorted by velocity.
        """
        velocities, counts = zip(
            *(np.unique(axis[1], return_counts=True) for axis in axes), strict=True
        )
        speeds = np.hypot(*np.meshgrid(*velocities, indexing="ij"))
        # Uniform in speed and direction: in the plane of velocities in proportion to 1 / speed.
        weights = np.outer(*counts) / np.maximum(speeds, self.slowest)
        inside = (speeds >= self.slowest) & (speeds <= self.fastest)
        if inside.any():  # else all is a sliver at the edge of the speeds, finer than the cells
            weights = np.where(inside, weights, 0.0)
        pairs = random.choice(weights.size, draws, p=(weights / weights.sum()).ravel())
        index = np.unravel_index(pairs, weights.shape)
        return [
            np.cumsum(some)[place] - 1 - random.integers(0, some[place])
            for some, place in zip(counts, index, strict=True)
        ]

    def _consistent(self, places: np.ndarray) -> np.ndarray:
        """Starts and velocities `(2, cells)`, by velocity, from which one axis is seen so."""
        grid, keys = _sorted_cells(self.room, self.fastest, len(places))
        key = _key(places[None], self.room)[0]
        first, last = np.searchsorted(keys, [key, key + 1])
        if first < last:
            found = grid[:, first:last]
            return found[:, np.argsort(found[1], kind="stable")]
        # Where all that fits is finer than the cells, the nearest ones: at most a pixel away.
        seen = _seen(*grid, np.arange(len(places)), self.room)
        found = grid[:, np.abs(seen - places).sum(axis=1) == 1]
        if not found.size:
            raise ValueError(
                "Places must be those of an image that moves straight and bounces. "
                f"Received: {places.tolist()} in a room of {self.room}"
            )
        return found[:, np.argsort(found[1], kind="stable")]


def _seen(starts: np.ndarray, velocities: np.ndarray, times: np.ndarray, room: float) -> np.ndarray:
    """The whole pixels `(cells, times)` at which starts and velocities are seen."""
    line = starts[:, None] + velocities[:, None] * times
    return np.rint(mirrored(line, room)).astype(np.int64)


def _key(places: np.ndarray, room: int) -> np.ndarray:
    """One number for places `(n, p)` in order."""
    # An odd base: its powers never vanish where they wrap around.
    return places @ (((room + 1) | 1) ** np.arange(places.shape[1], dtype=np.int64))


@functools.lru_cache(maxsize=4)
def _sorted_cells(room: int, fastest: float, known: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and velocities float64 `(2, CELLS^2)` in the order of where they are seen; the keys.

    `known` places are seen of each.
    """
    middles = (np.arange(CELLS) + 0.5) / CELLS
    grid = np.stack(
        [part.ravel() for part in np.meshgrid(room * middles, fastest * (2 * middles - 1))]
    )
    keys = _key(_seen(*grid, np.arange(known), room), room)
    order = np.argsort(keys, kind="stable")
    return grid[:, order], keys[order]
