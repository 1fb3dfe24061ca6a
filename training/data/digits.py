"""Handwritten digits that need no download: alone, stacked as colours, and in motion.

References: Metz et al., 2016, arXiv:1611.02163 (stacked MNIST), and the protocol of Lin et al.,
2018, arXiv:1712.04086 (PacGAN); Srivastava et al., 2015, arXiv:1502.04681 (moving MNIST). Here with
scikit-learn's 8x8 digits.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.data.cache import CacheDir
from ganapp.training.data.motion import (
    BouncingLaw,
    MotionLaw,
    RandomBouncingLaw,
    most_bounces,
)
from ganapp.training.data.source import HELD_OUT_VIEW, ArraySource, DrawnSource, keys
from ganapp.training.data.spec import DataSpec
from ganapp.training.data.video import NextFrames, Whole, next_frames

HELD_OUT = 300  # of 1,797; every class keeps its share
STACKS = 26_000  # in a view unless asked for fewer: as many as the protocol judges
CLIPS = 2_000  # in a view unless asked for fewer: 10 MB at the default size
SLOWEST, FASTEST = 0.5, 2.0  # pixels a frame
Frames = Annotated[int, annotated_types.Ge(2), annotated_types.Le(256)]
Side = Annotated[int, annotated_types.Ge(9), annotated_types.Le(256)]
Several = Annotated[int, annotated_types.Ge(1), annotated_types.Le(8)]


def digits(*, cache_dir: CacheDir = "") -> ArraySource:
    """scikit-learn's 8x8 digits.

    Args:
        cache_dir: without effect, since nothing has to be prepared; configurations of earlier
            versions have it.
    """
    del cache_dir
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    # 17 grey levels (0 to 16) stretched over the 256 of a uint8 image.
    images = np.round(bunch.images[..., None] * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.int32)
    train, held_out = train_test_split(
        np.arange(len(images)), test_size=HELD_OUT, random_state=0, stratify=labels
    )
    train, held_out = _in_order(train, "train"), _in_order(held_out, "test")
    spec = DataSpec(
        name="digits",
        kind="image",
        shape=images.shape[1:],
        examples=len(train),
        held_out=len(held_out),
        classes=tuple(str(i) for i in range(10)),
        description="Handwritten digits, 8x8 grey, as bundled with scikit-learn.",
        licence="CC BY 4.0 (UCI Optical Recognition of Handwritten Digits)",
    )
    return ArraySource(spec, images[train], images[held_out], labels[train], labels[held_out])


def _in_order(places: np.ndarray, split: str) -> np.ndarray:
    """The places as TensorFlow Datasets ordered them for earlier versions, whose runs go on."""
    return places[
        sorted(range(len(places)), key=lambda i: hashlib.md5(f"{split}{i}".encode()).digest())
    ]


class _Deck:
    """Labelled images uint8 `(n, height, width, 1)`; every class is drawn equally often."""

    def __init__(self, examples: np.ndarray, labels: np.ndarray, classes: int) -> None:
        counts = np.bincount(labels, minlength=classes)
        if len(counts) != classes or not counts.all():
            raise ValueError(
                f"`labels` must hold each of 0 to {classes - 1} and nothing else. "
                f"Received: {counts.tolist()} examples per label"
            )
        # Tensors made once: in a dataset's function, arrays would become constants of its graph.
        with tf.device("CPU:0"):
            self._examples = tf.constant(examples[np.argsort(labels, kind="stable")])
            self._counts = tf.constant(counts, tf.int32)
            self._starts = tf.constant(np.cumsum(counts) - counts, tf.int32)

    def draw(self, count: int, channels: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Classes and places of examples within each, uniformly, int32 `(count, channels)`."""
        # The remainder of 31 random bits is uniform to one part in ten million.
        bits = tf.random.stateless_uniform(
            (2, count, channels), seed, minval=0, maxval=tf.int32.max, dtype=tf.int32
        )
        classes = bits[0] % len(self._counts)
        within = bits[1] % tf.gather(self._counts, classes)
        return classes, tf.gather(self._starts, classes) + within

    def stacks(self, places: tf.Tensor) -> tf.Tensor:
        """The examples at `places (count, channels)`: uint8 `(count, height, width, channels)`."""
        return tf.transpose(tf.gather(self._examples, places)[..., 0], (0, 2, 3, 1))


class StackedSource(DrawnSource):
    """Stacks of grey images with labels from 0 on, drawn on the fly from (seed, step)."""

    metrics = ("mode_kl",)

    def __init__(self, name: str, images: ArraySource, *, channels: int, description: str) -> None:
        names = images.spec.classes
        self.channel_images = images
        self._channels = channels
        self._train = _Deck(images.train, images.train_labels, len(names))
        self._held_out = _Deck(images.held_out, images.held_out_labels, len(names))
        # A stack's label reads its classes as the digits of a number, first channel first.
        self._place_values = tf.constant(len(names) ** np.arange(channels)[::-1], tf.int32)
        self.spec = DataSpec(
            name=name,
            kind="image",
            shape=(*images.spec.shape[:2], channels),
            examples=None,
            held_out=STACKS,
            classes=tuple("".join(stack) for stack in itertools.product(names, repeat=channels)),
            description=description,
            licence=images.spec.licence,
        )

    def draw(self, count, seed, rows, *, held_out=False):
        deck = self._held_out if held_out else self._train
        classes, places = (part[rows] for part in deck.draw(count, self._channels, seed))
        return deck.stacks(places), tf.reduce_sum(classes * self._place_values, axis=1)


def stacked_digits(*, cache_dir: CacheDir = "") -> StackedSource:
    """Three of scikit-learn's 8x8 digits as the channels of an image; label 100 a + 10 b + c.

    Training stacks are made of the training digits, held-out stacks of the held-out digits.

    Args:
        cache_dir: without effect, as for `digits`.
    """
    return StackedSource(
        "stacked_digits",
        digits(cache_dir=cache_dir),
        channels=3,
        description="Three handwritten digits in the channels of an 8x8 image: 1,000 triples.",
    )


stacked_digits.reference = (
    "Metz et al., 2016, arXiv:1611.02163 (stacked MNIST); the protocol of Lin et al., 2018, "
    "arXiv:1712.04086 (PacGAN)"
)


def _places_between_mirrors(
    starts: tf.Tensor, seed: tf.Tensor, frames: int, room: float
) -> tf.Tensor:
    """Places of the law `BouncingLaw`; all directions are alike, and all speeds.

    Args:
        starts: `(n, digits, 2)`, 0 to `room`.
        seed: of the velocities.

    Returns:
        float32 `(n, digits, frames, 2)`.
    """
    turn, pace = tf.unstack(tf.random.stateless_uniform(starts.shape, seed), axis=-1)
    speed = SLOWEST + (FASTEST - SLOWEST) * pace
    velocity = tf.stack([tf.sin(2 * np.pi * turn), tf.cos(2 * np.pi * turn)], axis=-1)
    velocity = (speed[..., None] * velocity)[:, :, None]
    time = tf.range(frames, dtype=tf.float32)[:, None]
    # A mirror at both ends: there and back is a period of twice the room.
    return _mirrored(starts[:, :, None] + velocity * time, room)


def _places_between_random_walls(
    starts: tf.Tensor, seed: tf.Tensor, frames: int, room: float
) -> tf.Tensor:
    """Places of the law `RandomBouncingLaw`, as `_places_between_mirrors`."""
    most = most_bounces(room, FASTEST, frames - 1)
    drawn = tf.random.stateless_uniform((*starts.shape, 2 + most), seed)
    sign = tf.where(drawn[..., 0] < 0.5, -1.0, 1.0)
    velocities = sign * SLOWEST * (FASTEST / SLOWEST) ** drawn[..., 1]
    speeds = SLOWEST + (FASTEST - SLOWEST) * drawn[..., 2:]
    return tf.linalg.matrix_transpose(redrawn_places(starts, velocities, speeds, frames, room))


def redrawn_places(
    starts: tf.Tensor, velocities: tf.Tensor, speeds: tf.Tensor, frames: int, room: float
) -> tf.Tensor:
    """The places of `ganapp.training.data.motion.redrawn` at times 0 to `frames - 1`.

    Args:
        starts, velocities: of each motion along each axis, `(..., 2)`.
        speeds: after the first wall, the second and so on, `(..., 2, bounces)`.

    Returns:
        float32 `(..., 2, frames)`.
    """
    up = velocities > 0
    start = tf.where(up, starts, room - starts)[..., None]
    paces = tf.concat([tf.abs(velocities)[..., None], speeds], axis=-1)
    ways = tf.concat([room - start, tf.fill(speeds[..., :-1].shape, room)], axis=-1)
    hits = tf.cumsum(ways / paces[..., :-1], axis=-1)
    times = tf.range(frames, dtype=tf.float32)
    times = tf.broadcast_to(times, (*starts.shape, frames))
    bounces = tf.searchsorted(hits, times, side="right")
    begun = tf.concat([tf.zeros_like(start), hits], axis=-1)
    since, pace = (
        tf.gather(each, bounces, batch_dims=len(starts.shape)) for each in (begun, paces)
    )
    since = times - since
    walls = room * tf.cast(bounces, tf.float32)
    places = _mirrored(tf.where(bounces > 0, walls, start) + pace * since, room)
    return tf.where(up[..., None], places, room - places)


def _mirrored(places: tf.Tensor, room: float) -> tf.Tensor:
    return room - tf.abs(tf.math.floormod(places, 2 * room) - room)


@dataclasses.dataclass(frozen=True)
class Bounce:
    """What happens at a wall.

    Args:
        law: of the places, which says what may follow some of them.
        places: draws them.
        words: for it in the description of the data.
        random: whether it is drawn by lot.
    """

    law: type[MotionLaw]
    places: Callable[[tf.Tensor, tf.Tensor, int, float], tf.Tensor]
    words: str
    random: bool


BOUNCES = {
    "mirror": Bounce(BouncingLaw, _places_between_mirrors, "bounce", random=False),
    "random": Bounce(
        RandomBouncingLaw,
        _places_between_random_walls,
        "bounce, each time with another speed",
        random=True,
    ),
}


class MovingSource(DrawnSource):
    """Small images that move and bounce, drawn on the fly from (seed, step).

    `count` grey square images in a clip of `frames` of height and width `size`. Each starts
    anywhere, moves straight as the law of its `bounce` has it, at half a pixel to two pixels a
    frame (of each axis where bounces are random), and turns back where it would leave the picture;
    where two overlap, the brighter pixel is seen.
    """

    def __init__(
        self,
        name: str,
        images: ArraySource,
        *,
        frames: int,
        size: int,
        count: int,
        bounce: str = "mirror",
    ) -> None:
        self._frames, self._size, self._count = frames, size, count
        self._bounce = BOUNCES[bounce]
        self.random_futures = self._bounce.random
        with tf.device("CPU:0"):
            self._train, self._held_out = tf.constant(images.train), tf.constant(images.held_out)
        self._side = images.spec.shape[0]
        self.spec = DataSpec(
            name=name,
            kind="video",
            shape=(frames, size, size, 1),
            examples=None,
            held_out=CLIPS,
            description=f"Clips of {count} handwritten digits that move and {self._bounce.words}.",
            licence=images.spec.licence,
        )

    def draw(self, count, seed, rows, *, held_out=False):
        images = self._held_out if held_out else self._train
        chosen, corners = self._motion(count, seed, len(images))
        return self._render(images, corners[rows], chosen[rows]), None  # the slice alone

    def futures(self, count, past, draws, *, seed=0):
        chosen, corners = self._motion(
            self.spec.held_out, tf.constant([HELD_OUT_VIEW, 0], tf.int64), len(self._held_out)
        )
        law = self._bounce.law(self._size - self._side, SLOWEST, FASTEST, self._frames)
        seen = corners.numpy()[:count, :, :past]

        def clips() -> Iterator[np.ndarray]:
            for number, places in enumerate(seen):
                drawn = law.future_places(places, draws, seed * len(seen) + number)
                drawn = tf.constant(np.swapaxes(drawn, 0, 1), tf.int32)
                which = tf.repeat(chosen[number : number + 1], draws, axis=0)
                yield self._render(self._held_out, drawn, which).numpy()

        return clips()

    def _motion(self, count: int, seed: tf.Tensor, images: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Places of images `(n, digits)`, and the corners `(n, digits, frames, 2)` of each."""
        of_images, of_starts, of_moves = keys(seed)
        shape = (count, self._count)
        chosen = tf.random.stateless_uniform(
            shape, of_images, minval=0, maxval=images, dtype=tf.int32
        )
        room = float(self._size - self._side)
        starts = room * tf.random.stateless_uniform((*shape, 2), of_starts)
        places = self._bounce.places(starts, of_moves, self._frames, room)
        return chosen, tf.cast(tf.round(places), tf.int32)

    def _render(self, images: tf.Tensor, corners: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        """uint8 `(n, frames, size, size, 1)` of images `(n, digits)` at upper left corners."""
        # One black pixel around: every place outside an image reads that.
        padded = tf.pad(images[..., 0], ((0, 0), (1, 1), (1, 1)))
        tiles = tf.gather(padded, chosen)[:, :, None]  # (n, digits, 1, side + 2, side + 2)
        tiles = tf.repeat(tiles, corners.shape[2], axis=2)
        pixels = tf.range(self._size)
        index = tf.clip_by_value(pixels - corners[..., None] + 1, 0, self._side + 1)
        rows = tf.gather(tiles, index[..., 0, :], batch_dims=3)
        columns = tf.gather(tf.linalg.matrix_transpose(rows), index[..., 1, :], batch_dims=3)
        seen = tf.reduce_max(tf.linalg.matrix_transpose(columns), axis=1)
        return seen[..., None]


def moving_digits(
    *,
    frames: Frames = 10,
    size: Side = 20,
    digits: Several = 2,
    past: Whole = 0,
    bounce: Literal[*BOUNCES] = "mirror",
    cache_dir: CacheDir = "",
) -> MovingSource | NextFrames:
    """Clips of scikit-learn's 8x8 digits that move straight and bounce off the edges.

    Args:
        frames: of a clip.
        size: height and width of a frame in pixels.
        digits: in a clip.
        past: 0 for whole clips as examples; else a frame of each, with so many frames before it as
            its observation `frames`, stacked along the channels.
        bounce: what happens at an edge: "mirror", or "random" for another speed away from it, of
            half a pixel to two pixels a frame, which nothing that was seen tells.
        cache_dir: without effect, as for `digits`.
    """
    images = digit_images(cache_dir=cache_dir)
    clips = MovingSource(
        "moving_digits", images, frames=frames, size=size, count=digits, bounce=bounce
    )
    return next_frames(clips, past)


digit_images = digits  # where `digits` is how many there are
moving_digits.reference = (
    "Srivastava et al., 2015, arXiv:1502.04681 (moving MNIST); here with 8x8 digits"
)
