"""The contract of a data source, and its kinds: in memory, on the disk, drawn without an end."""

import abc
import dataclasses
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Protocol

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.data.cache import fingerprint_of
from ganapp.training.data.spec import DataSpec

# Bytes of vectors that are kept as the networks see them: encoding rows of a table anew in every
# batch takes longer than a small network takes to learn from them.
MOST_ENCODED = 2**28
ENCODED_AT_ONCE = 4096  # rows
Arrays = tuple[np.ndarray, np.ndarray | None]
Tensors = dict[str, tf.Tensor]  # `x`, perhaps `label`, and the observations of `spec.conditions`
SPLIT_SEED = 20140610  # of which examples are held out; the same in every run
MOST_HELD_OUT = 10_000
# Seeds of the draws that evaluation sees; training draws with the run's seed and the step.
TRAINING_VIEW, HELD_OUT_VIEW = 2**40, 2**41
TRAINING_DRAWS = 2**42  # added to the run's seed, so that data and latents share no key
Length = Annotated[float, annotated_types.Gt(0)]
Count = Annotated[int, annotated_types.Ge(1)]
Share = Annotated[float, annotated_types.Gt(0), annotated_types.Lt(1)]
VIEW = 10_000  # examples in a view unless asked for fewer
FOREVER = 2**62  # steps; `fit` is told how many to take


class Density(Protocol):
    """A known distribution of points.

    `width` is the length over which the density changes, in user units: cells of that side are
    small enough to integrate it. `mean` and `scale` are the exact moments of each coordinate.
    """

    width: float
    mean: np.ndarray
    scale: np.ndarray

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Points in user units, float32 `(count, d)`, and the part of the density of each, int32.

        A pure function; `seed` is int64 `(2,)`, neither of them negative, see `keys`.
        """

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Log-density in nats and user units: `(n, d)` to float64 `(n,)`; -inf where it is 0."""


class Modes(Density, Protocol):
    """A mixture whose modes can be counted: `(modes, d)` centres and their common deviation."""

    centres: np.ndarray
    sigma: float


class Source(abc.ABC):
    """A source of examples. Subclasses set `spec`.

    What evaluation may know besides: `density`, with the exact `log_density(points)` of the data;
    `modes`, the centres and the sigma of a mixture whose modes are counted; `channel_images`, the
    source of labelled grey images that the channels of a stack are drawn from. `metrics` are
    figures that only such sources have and that may choose the best checkpoint. `bad_files` are
    those left out, by name with the reason. `notes` are sentences on what was assumed of the
    user's data, each with the setting that says otherwise. `in_cache` tells whether files were
    prepared in the cache, where they stay. `random_futures` tells whether what follows some frames
    of a clip is drawn by lot, so that also who knows all of the past cannot know it.
    """

    spec: DataSpec
    metrics: tuple[str, ...] = ()
    density: Density | None = None
    modes: Modes | None = None
    channel_images: "ArraySource | None" = None
    bad_files: Mapping[str, str] = MappingProxyType({})
    notes: tuple[str, ...] = ()
    in_cache: bool = False
    random_futures: bool = False

    @abc.abstractmethod
    def rows(
        self, step: tf.Tensor, first: tf.Tensor, count: int, *, batch_size: int, seed: int
    ) -> Tensors:
        """Rows `first` to `first + count` of the global batch of one step, in model units.

        Args:
            step: int64 scalar.
            first: int64 scalar, first row of the slice.
            count: rows in the slice.
            batch_size: rows of the global batch, all discriminator updates of the step together.
            seed: of the order or the draw.

        Returns:
            `x`, the examples; `label`, int32 `(count,)`, when there are labels; and the
            observations of `spec.conditions`: a pure function of the arguments.
        """

    @abc.abstractmethod
    def training_examples(self, count: int | None = None) -> Arrays:
        """Training examples in user units with their labels, all of them or at most `count`."""

    @abc.abstractmethod
    def held_out_examples(self, count: int | None = None) -> Arrays:
        """Examples that training never sees, in user units, with their labels."""

    def training_observations(self, count: int | None = None) -> dict[str, np.ndarray]:
        """Observations of `training_examples(count)` by name, in model units."""
        return {}

    def held_out_observations(self, count: int | None = None) -> dict[str, np.ndarray]:
        """Observations of `held_out_examples(count)` by name, in model units."""
        return {}

    def futures(
        self, count: int, past: int, draws: int, *, seed: int = 0
    ) -> Iterator[np.ndarray] | None:
        """What may follow the first frames of held-out clips, drawn from the law of the data.

        Args:
            count: clips, the first ones of `held_out_examples`.
            past: frames of each that are known, with the images and places in them.
            draws: futures of each.
            seed: of the draws.

        Returns:
            For each clip its futures in user units, `(draws, frames - past, *shape of a frame)`;
            `None` where the law is not known.
        """
        return None

    def observe(self, examples: np.ndarray) -> dict[str, np.ndarray]:
        """Observations by name, in model units, that any examples tell of themselves."""
        return {}

    def held_out_factors(self, count: int | None = None) -> dict[str, np.ndarray]:
        """What is known of `held_out_examples(count)`: the level of each factor, int `(n,)`.

        Levels are whole numbers from 0; empty where nothing of the kind is known.
        """
        return {}

    def training_labels(self) -> np.ndarray | None:
        """Labels of the training examples, int `(n,)`, below 0 where not known, or `None`."""
        return self.training_examples()[1]

    @property
    def original(self) -> "Source":
        """The source that samples are compared with: the same examples with their own labels."""
        return self

    def fingerprint(self) -> str:
        """A name for the content of the data; empty where they are drawn."""
        return ""

    def steps_per_epoch(self, batch_size: int) -> int | None:
        """Full global batches in one pass; `None` if the source never ends."""
        return None if self.spec.examples is None else self.spec.examples // batch_size


class FiniteSource(Source):
    """Examples with an end; each epoch has its own order, a function of (seed, epoch)."""

    @abc.abstractmethod
    def at(self, index: tf.Tensor) -> Tensors:
        """The training examples at `index`, int64 `(count,)`, as those of `rows`."""

    def rows(self, step, first, count, *, batch_size, seed):
        steps = self.steps_per_epoch(batch_size)
        epoch, within = step // steps, step % steps
        position = within * batch_size + first + tf.range(count, dtype=tf.int64)
        # A stateless permutation: no shuffle buffer to save, and any position can be asked for.
        key = tf.stack([tf.constant(seed % 2**31, tf.int64), epoch])
        index = tf.random.experimental.index_shuffle(
            position, tf.cast(key, tf.uint32), self.spec.examples - 1
        )
        return self.at(index)


@dataclasses.dataclass
class ArraySource(FiniteSource):
    """Examples held in memory, in user units, with int labels or `None`.

    `spec.examples` is the length of `train`; `notes` are those of `Source`.
    """

    spec: DataSpec
    train: np.ndarray
    held_out: np.ndarray
    train_labels: np.ndarray | None = None
    held_out_labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Tensors made once: in a dataset's function, arrays would become constants of its graph.
        with tf.device("CPU:0"):
            encoded = 4 * len(self.train) * math.prod(self.spec.shape)
            self._encoded = not self.spec.pixels and encoded <= MOST_ENCODED
            self._examples = tf.constant(_encode(self) if self._encoded else self.train)
            if self.train_labels is not None:
                self._labels = tf.constant(self.train_labels, tf.int32)

    def at(self, index):
        examples = tf.gather(self._examples, index)
        examples = examples if self._encoded else self.spec.to_model_units(examples)
        if self.train_labels is None:
            return {"x": examples}
        return {"x": examples, "label": tf.gather(self._labels, index)}

    def fingerprint(self):
        return fingerprint_of(self.train, self.train_labels, self.held_out, self.held_out_labels)

    def training_examples(self, count=None):
        return self.train[:count], head(self.train_labels, count)

    def held_out_examples(self, count=None):
        return self.held_out[:count], head(self.held_out_labels, count)


def _encode(source: ArraySource) -> np.ndarray:
    """The training examples in model units, a part at a time: what is between takes more room."""
    encoded = np.empty((len(source.train), *source.spec.shape), np.float32)
    for start in range(0, len(encoded), ENCODED_AT_ONCE):
        part = slice(start, start + ENCODED_AT_ONCE)
        encoded[part] = source.spec.to_model_units(source.train[part])
    return encoded


def head(labels: np.ndarray | None, count: int | None) -> np.ndarray | None:
    return None if labels is None else labels[:count]


def split_order(count: int, share: float) -> tuple[np.ndarray, int]:
    """Splits examples into training and held-out ones, the same for every run on the same data.

    Returns:
        int64 `(count,)`, indices of the training examples and after them of those held out, in a
        random order; and how many are held out: a `share` of them, 1 to 10,000.
    """
    # Not `default_rng`: numpy may change its streams between releases, and never this one.
    order = np.random.RandomState(SPLIT_SEED).permutation(count)
    return order, min(max(round(share * count), 1), MOST_HELD_OUT, count)


class MemmapSource(FiniteSource):
    """Examples in a memory-mapped array, the training ones first or where `order` says.

    Args:
        spec: what the examples are; `spec.examples` train, and `spec.held_out` follow them.
        examples: uint8 `(n, height, width, channels)` or float32 `(n, d)` in user units.
        labels: int `(n,)` in the order of `examples`, or `None`.
        order: int64 `(n,)`, which example comes when; as they lie when `None`, and then examples
            for evaluation are slices of the file that are read only when they are used.
        bad_files: as `notes`, see `Source`.
        fingerprint: of the content where it is known already; else it is read.
    """

    in_cache = True

    def __init__(
        self,
        spec: DataSpec,
        examples: np.ndarray,
        labels: np.ndarray | None = None,
        *,
        order: np.ndarray | None = None,
        bad_files: Mapping[str, str] | None = None,
        notes: tuple[str, ...] = (),
        fingerprint: str = "",
    ) -> None:
        if len(examples) != spec.examples + spec.held_out:
            raise ValueError(
                f"`examples` must hold {spec.examples} training and {spec.held_out} held-out "
                f"examples. Received: {len(examples)}"
            )
        self.spec, self._examples, self._order = spec, examples, order
        self._labels = labels if labels is None or order is None else labels[order]
        self._fingerprint = fingerprint
        self.bad_files, self.notes = dict(bad_files or {}), notes
        if labels is not None:
            # Made once: in a dataset's function, an array would become a constant of its graph.
            with tf.device("CPU:0"):
                self._label_tensor = tf.constant(self._labels[: spec.examples], tf.int32)

    def at(self, index):
        # Stateless, which it is: so several batches may be read at once, in any order.
        examples = tf.numpy_function(self._read, [index], self._examples.dtype, stateful=False)
        examples.set_shape((*index.shape, *self.spec.shape))
        examples = self.spec.to_model_units(examples)
        if self._labels is None:
            return {"x": examples}
        return {"x": examples, "label": tf.gather(self._label_tensor, index)}

    def training_examples(self, count=None):
        return self._between(0, self.spec.examples, count)

    def held_out_examples(self, count=None):
        return self._between(self.spec.examples, self.spec.held_out, count)

    def fingerprint(self):
        return self._fingerprint or fingerprint_of(self._examples, self._labels)

    def training_labels(self):
        return head(self._labels, self.spec.examples)  # without reading the examples

    def _between(self, first: int, most: int, count: int | None) -> Arrays:
        some = slice(first, first + (most if count is None else min(most, count)))
        labels = None if self._labels is None else self._labels[some]
        return self._examples[some if self._order is None else self._order[some]], labels

    def _read(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(self._examples[index if self._order is None else self._order[index]])


class DrawnSource(Source):
    """Draws without an end as a function of (seed, step); no example is repeated."""

    @abc.abstractmethod
    def draw(
        self, count: int, seed: tf.Tensor, rows: slice, *, held_out: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Some `rows` of `count` examples in user units, with their labels if there are any.

        A pure function of an int64 seed `(2,)`, see `keys`; what is not in `rows` need not be made.
        """

    def rows(self, step, first, count, *, batch_size, seed):
        key = tf.stack([tf.constant(TRAINING_DRAWS + seed, tf.int64), step])
        # Drawn for the whole batch: a row is the same whoever asks for it.
        examples, labels = self.draw(batch_size, key, slice(first, first + count))
        # The slice's length is a Python number; the shape says so to whoever compiles it.
        examples = tf.ensure_shape(examples, (count, *self.spec.shape))
        found = {"x": self.spec.to_model_units(examples)}
        return found if labels is None else found | {"label": tf.ensure_shape(labels, (count,))}

    def training_examples(self, count=None):
        return self._view(count, TRAINING_VIEW, held_out=False)

    def held_out_examples(self, count=None):
        return self._view(count, HELD_OUT_VIEW, held_out=True)

    def _view(self, count: int | None, seed: int, *, held_out: bool) -> Arrays:
        key = tf.constant([seed, 0], tf.int64)
        drawn = self.draw(self.spec.held_out, key, slice(count), held_out=held_out)
        return tuple(None if each is None else each.numpy() for each in drawn)


class DensitySource(DrawnSource):
    """Draws of a density, whose `parts`, if it has several, become labels."""

    def __init__(self, name: str, density: Density, description: str, *, parts: int = 0) -> None:
        self.density = density
        self.spec = DataSpec(
            name=name,
            kind="vector",
            shape=(len(density.mean),),
            examples=None,
            held_out=VIEW,
            classes=tuple(map(str, range(parts))),
            mean=tuple(np.asarray(density.mean, np.float64).tolist()),
            scale=tuple(np.asarray(density.scale, np.float64).tolist()),
            description=description,
            licence="synthetic, none needed",
        )

    def draw(self, count, seed, rows, *, held_out=False):
        points, labels = self.density.draw(count, seed)
        return points[rows], labels[rows] if self.spec.classes else None


def keys(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Three keys for three draws that must not know of each other, from one of two numbers >= 0."""
    return seed, -1 - seed, tf.stack([seed[0], -1 - seed[1]])


def training_batches(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    strategy: tf.distribute.Strategy | None = None,
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Endless training batches; the element of a step is a pure function of (seed, step).

    The global batch of a step is the same however many replicas share it: replica r of N gets
    rows r * batch_size / N onwards, on whichever worker it lives.

    Args:
        source: where the examples come from.
        batch_size: rows of the global batch, k x the minibatch for k discriminator updates.
        seed: of the order.
        start_step: first step; a resumed run starts where the lost one stopped.
        strategy: the distribution strategy; the current one when `None`.

    Returns:
        A dataset of `Tensors`, see `Source.rows`; distributed when there are several replicas.

    Raises:
        ValueError: if the replicas cannot share the batch evenly, or one epoch holds no batch.
    """
    strategy = strategy or tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(
            "`batch_size` must be a multiple of the number of replicas. "
            f"Received: batch_size={batch_size}, {replicas} replicas"
        )
    if source.steps_per_epoch(batch_size) == 0:
        raise ValueError(
            "`batch_size` times the discriminator steps must not exceed the "
            f"{source.spec.examples} training examples of {source.spec.name!r}. "
            f"Received: {batch_size}"
        )

    def for_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = replicas // context.num_input_pipelines
        first_replica = context.input_pipeline_id * local
        rows = batch_size // replicas

        def element(number: tf.Tensor) -> Tensors:
            replica = first_replica + number % local
            return source.rows(
                number // local, replica * rows, rows, batch_size=batch_size, seed=seed
            )

        numbers = tf.data.Dataset.range(start_step * local, FOREVER)
        return numbers.map(element, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    if replicas == 1:
        return for_worker(tf.distribute.InputContext())
    return strategy.distribute_datasets_from_function(for_worker)
