"""The laws of small images that move straight and bounce, and what may follow some frames of them.

Along each axis an image's corner starts anywhere in its room and moves at a constant velocity
between walls, of which whole pixels are seen. So what has been seen leaves a set of starts and
velocities, which is known, and with it the distribution of what comes next.
"""

import abc
import dataclasses
import functools

import numpy as np

CELLS = 1024  # of starts on each axis, and as many of velocities
MOTIONS = 2**15  # that are followed along an axis where speeds are drawn anew
APART = 1e-3  # pixels, and pixels a frame: between copies of one of them, at most


def mirrored(places: np.ndarray, room: float) -> np.ndarray:
    """Places on a line folded between mirrors at 0 and `room`."""
    return room - np.abs(np.mod(places, 2 * room) - room)


@dataclasses.dataclass(frozen=True)
class MotionLaw(abc.ABC):
    """The law of the corners of images in a square room.

    Args:
        room: pixels from one wall to the other.
        slowest, fastest: speeds, in pixels a frame.
        frames: of which places are looked up, past and future ones.
    """

    room: int
    slowest: float
    fastest: float
    frames: int

    @abc.abstractmethod
    def future_places(self, past: np.ndarray, draws: int, seed: int = 0) -> np.ndarray:
        """Draws what may follow places that were seen, of their conditional distribution.

        Args:
            past: int `(n, p, 2)`, the upper left corner of an image in p frames one after another.
            draws: futures of each.
            seed: of the draws.

        Returns:
            int64 `(n, draws, frames - p, 2)`.

        Raises:
            ValueError: places that this law does not have.
        """

    def _impossible(self, places: np.ndarray) -> ValueError:
        return ValueError(
            "Places must be those of an image that moves straight and bounces. "
            f"Received: {places.tolist()} in a room of {self.room}"
        )


class BouncingLaw(MotionLaw):
    """Images that bounce off mirrors.

    The start is uniform, the direction too, and so is the speed. As the law of place and velocity
    is the same at every time, any frame may be the first one.

    Starts and velocities are the middles of small cells, each drawn as often as the law has it.
    """

    def future_places(self, past, draws, seed=0):
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
            raise self._impossible(places)
        return found[:, np.argsort(found[1], kind="stable")]


class RandomBouncingLaw(MotionLaw):
    """Images that turn back at a wall with another speed, which nothing that was seen tells.

    The two axes know nothing of each other. Along each the image crosses the room from wall to
    wall, and at every wall the speed of the next crossing is drawn uniformly; what moves along the
    wall goes on. At the start the place is uniform, the direction a fair coin, and the density of
    the speed in proportion to 1 / speed, for a slow crossing takes longer: that is what is met at
    any time, so that here too any frame may be the first one.

    Many motions are followed from frame to frame, and only those are kept that are seen where the
    image was; copies of them make up their number, and draw speeds of their own from then on. So a
    draw is of the law but for the error of thousands of motions (of fewer where what was seen is
    rare), and for the little by which copies differ, lest a long past leaves none. Where none is
    seen so, those a pixel away are kept.

    References: Gordon, Salmond and Smith, 1993, doi:10.1049/ip-f-2.1993.0015 (the filter, and
    copies that differ); Denton and Fergus, 2018, arXiv:1802.07687, whose moving digits draw both
    velocities anew at a wall.
    """

    def future_places(self, past, draws, seed=0):
        random = np.random.default_rng(seed)
        count, known = past.shape[:2]
        times = np.arange(1, self.frames - known + 1)
        found = np.empty((count, draws, len(times), 2), np.int64)
        for row, places in enumerate(past):
            for axis in range(2):
                motions = self._consistent(places[:, axis], random)
                chosen = motions[:, random.integers(motions.shape[1], size=draws)]
                found[row, ..., axis] = np.rint(self._move(*chosen, times, random)[0])
        return found

    def _consistent(self, places: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Places and velocities `(2, motions)` at the last frame of those that are seen so."""
        low, high = max(places[0] - 0.5, 0.0), min(places[0] + 0.5, float(self.room))
        if low > high:
            raise self._impossible(places)
        speeds = self.slowest * (self.fastest / self.slowest) ** random.random(MOTIONS)
        signs = random.choice([-1.0, 1.0], MOTIONS)
        motions = np.stack([random.uniform(low, high, MOTIONS), signs * speeds])
        for place in places[1:]:
            motions = np.concatenate(self._move(*motions, np.ones(1), random), axis=1).T
            misses = np.abs(np.rint(motions[0]) - place)
            if misses.min() > 1:
                raise self._impossible(places)
            motions = self._copied(motions[:, misses == misses.min()], random)
        return motions

    def _copied(self, motions: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Each of some motions `(2, n)` as often as goes into the number of them."""
        times = MOTIONS // motions.shape[1]
        if times == 1:
            return motions
        copies = np.repeat(motions, times, axis=1)
        places, velocities = copies + random.uniform(-APART, APART, copies.shape)
        speeds = np.abs(velocities).clip(self.slowest, self.fastest)
        return np.stack([places.clip(0, self.room), np.sign(velocities) * speeds])

    def _move(
        self,
        places: np.ndarray,
        velocities: np.ndarray,
        times: np.ndarray,
        random: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places and velocities `(n, times)` of motions `(n,)` later, with speeds of their own."""
        most = most_bounces(self.room, self.fastest, times.max(initial=0))
        speeds = random.uniform(self.slowest, self.fastest, (len(places), most))
        return redrawn(places, velocities, speeds, times, self.room)


def most_bounces(room: float, fastest: float, frames: float) -> int:
    """How many walls can be met at most between the first of frames and the last, `frames` on."""
    return 1 + int(frames * fastest // room)


def redrawn(
    starts: np.ndarray, velocities: np.ndarray, speeds: np.ndarray, times: np.ndarray, room: float
) -> tuple[np.ndarray, np.ndarray]:
    """Places and velocities on a line between walls at each of which the speed is another one.

    Args:
        starts: places `(n,)` at time 0, 0 to `room`.
        velocities: at the start, `(n,)`, none of them 0.
        speeds: after the first wall, the second and so on, `(n, bounces)`, as many as are met.
        times: `(t,)`, not negative.

    Returns:
        Two float64 `(n, t)`.
    """
    # As if all moved up at first: the walls that are met then lie at 1, 2, ... times the room.
    up = (velocities > 0)[:, None]
    start = np.where(up[:, 0], starts, room - starts)
    paces = np.column_stack([np.abs(velocities), speeds])
    ways = np.column_stack([room - start, np.full(speeds[:, :-1].shape, room)])
    hits = np.cumsum(ways / paces[:, :-1], axis=1)
    bounces = (hits[:, None] <= times[:, None]).sum(axis=-1)
    row = np.arange(len(starts))[:, None]
    since = times - np.column_stack([np.zeros(len(starts)), hits])[row, bounces]
    pace = paces[row, bounces]
    places = mirrored(np.where(bounces, room * bounces, start[:, None]) + pace * since, room)
    upward = up == (bounces % 2 == 0)
    return np.where(up, places, room - places), np.where(upward, pace, -pace)


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
