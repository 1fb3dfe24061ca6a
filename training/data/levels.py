"""The levels of a pyramid of images: each example at a coarser scale, beside its still coarser one.

Level 0 is the data's own size, every further level half of it, rounded up, as the means of the
pixels that each of its own covers (Denton et al., 2015, arXiv:1506.05751).
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from ganapp.training.data.source import TRAINING_DRAWS, Source
from ganapp.training.data.spec import DataSpec

COARSE = "coarse"  # the observation: the next level's image, in its own size
NOISE_DRAWS = 2 * TRAINING_DRAWS  # added to the run's seed: no key is another draw's
AT_ONCE = 4096  # images in model units in memory


class LevelSource(Source):
    """Images of a source at one level of a pyramid.

    Args:
        source: of images.
        level: 0 for the source's own size.
        coarse: whether each image comes with the next level's as an observation `coarse`.
        noise: standard deviation of normal noise on `coarse` in training alone, in model units (Ho
            et al., 2022, "Cascaded diffusion models", arXiv:2106.15282): a level then learns to
            paint upon images that are not quite real, as those of the next level.

    Raises:
        ValueError: the examples are no images, or too small to be halved so often.
    """

    def __init__(self, source: Source, level: int, *, coarse: bool, noise: float = 0.0) -> None:
        self.spec = spec_at_level(source.spec, level, coarse=coarse)
        self._sides = sides_of(source.spec.shape, level + coarse)
        self._source, self._level, self._coarse, self._noise = source, level, coarse, noise
        self.bad_files, self.notes = source.bad_files, source.notes
        self.in_cache = source.in_cache

    def rows(self, step, first, count, *, batch_size, seed):
        found = self._source.rows(step, first, count, batch_size=batch_size, seed=seed)
        found |= self._levels(found["x"])
        if self._noise:
            # Drawn for the whole batch: a row has its noise whoever asks for it.
            shape = self.spec.conditions[COARSE]
            key = tf.stack([-1 - step, tf.constant(NOISE_DRAWS + seed, tf.int64)])
            drawn = tf.random.stateless_normal((batch_size, *shape), key)
            own = tf.ensure_shape(drawn[first : first + count], (count, *shape))
            found[COARSE] += self._noise * own
        return found

    def training_examples(self, count=None):
        images, labels = self._source.training_examples(count)
        return self._in_user_units(images), labels

    def held_out_examples(self, count=None):
        images, labels = self._source.held_out_examples(count)
        return self._in_user_units(images), labels

    def training_observations(self, count=None):
        return self._observations(self._source.training_examples(count)[0])

    def held_out_observations(self, count=None):
        return self._observations(self._source.held_out_examples(count)[0])

    def held_out_factors(self, count=None):
        return self._source.held_out_factors(count)

    @property
    def original(self):
        source = self._source.original
        if source is self._source:
            return self
        return LevelSource(source, self._level, coarse=self._coarse, noise=self._noise)

    def training_labels(self):
        return self._source.training_labels()

    def fingerprint(self):
        return self._source.fingerprint()

    def _levels(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """The level's images in model units, and their observations."""
        image = down(images, self._sides[: self._level + 1])
        if not self._coarse:
            return {"x": image}
        return {"x": image, COARSE: down(image, self._sides[self._level :])}

    def _in_user_units(self, images: np.ndarray) -> np.ndarray:
        if not self._level:
            return images
        return self._mapped(images, lambda part: self.spec.to_user_units(self._levels(part)["x"]))

    def _observations(self, images: np.ndarray) -> dict[str, np.ndarray]:
        if not self._coarse:
            return {}
        return {COARSE: self._mapped(images, lambda part: self._levels(part)[COARSE])}

    def _mapped(self, images: np.ndarray, function) -> np.ndarray:
        parts = [
            np.asarray(function(self._source.spec.to_model_units(images[start : start + AT_ONCE])))
            for start in range(0, len(images), AT_ONCE)
        ]
        return np.concatenate(parts)


def at_level(source: Source, level: int, *, coarse: bool, noise: float = 0.0) -> Source:
    """Images at a level of their pyramid, see `LevelSource`; the source itself by default.

    Raises:
        ValueError: the examples are no images, or too small.
    """
    if not level and not coarse:
        return source
    return LevelSource(source, level, coarse=coarse, noise=noise)


def spec_at_level(spec: DataSpec, level: int, *, coarse: bool) -> DataSpec:
    """What the images of a source are at a level, see `LevelSource`.

    Raises:
        ValueError: they are no images, or too small.
    """
    if spec.kind != "image":
        raise ValueError(
            "`data.level` is for images. "
            f"Received: data.source={spec.name!r}, whose examples are of the kind {spec.kind!r}"
        )
    if spec.conditions:
        raise ValueError(
            "`data.level` and `data.coarser` are for images without other observations. "
            f"Received: {', '.join(map(repr, spec.conditions))} (`data.past` must be 0)"
        )
    sides, channels = sides_of(spec.shape, level + coarse), spec.shape[-1]
    conditions = {COARSE: (*sides[level + 1], channels)} if coarse else {}
    return dataclasses.replace(spec, shape=(*sides[level], channels), conditions=conditions)


def sides_of(shape: tuple[int, ...], levels: int) -> list[tuple[int, int]]:
    """Height and width of the levels 0 to `levels`, each half of the one before, rounded up.

    Raises:
        ValueError: an image of one pixel would have to be halved.
    """
    sides = [tuple(shape[:2])]
    for _ in range(levels):
        height, width = sides[-1]
        if height == width == 1:
            raise ValueError(
                "A pyramid must end before an image of one pixel. "
                f"Received: {levels} halvings of {shape[0]} x {shape[1]} pixels"
            )
        sides.append((-(-height // 2), -(-width // 2)))
    return sides


def down(images: tf.Tensor, sides: list[tuple[int, int]]) -> tf.Tensor:
    """Images `(batch, *sides[0], channels)` made coarser from each of some sides to the next."""
    for height, width in sides[1:]:
        rows = mean_matrix(height, images.shape[1])
        images = tf.einsum("ij,bjkc->bikc", rows, images)
        images = tf.einsum("lk,bikc->bilc", mean_matrix(width, images.shape[2]), images)
    return images


@functools.cache
def mean_matrix(size: int, given: int) -> np.ndarray:
    """Weights float32 `(size, given)`: the share of each given pixel in each of the result's."""
    edges = np.arange(size + 1) * given / size
    pixels = np.arange(given)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    shares = np.maximum(0, high - low)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
