"""The feature space of a classifier trained on the user's own labelled images.

It is trained the same way every time. Keras's global seeds and the global random state stay as they
are: an evaluation must not change what the run that it evaluates draws.
"""

import dataclasses
import logging
from pathlib import Path

import keras
import numpy as np

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.checks import NotComputable, as_features
from ganapp.training.evaluation.features.spaces import (
    FeatureChoice,
    FeatureSpace,
    TrainingData,
    array_hash,
    load_arrays,
    save_arrays,
)

BATCH = 256  # images at a time through the trained network
WIDTH = 128  # width of the penultimate layer
EPOCHS, TRAINING_BATCH, RATE = 5, 64, 2e-3
LEAST_UPDATES = 800  # a few hundred examples need more passes
MOST_EXAMPLES = 20_000  # a minute and a half on a core at 28x28
FITTED_AT_ONCE = 10_000  # images
SHIFT = 14  # images move by up to a fourteenth of their side while it trains
VERSION = "1"  # of how the network is built and trained: another one is another cached file


class ClassifierSpace:
    """The penultimate layer of a small convolutional network, 128 features.

    It is trained once, on uint8 images `(n, height, width, channels)` with labels int `(n,)` of at
    least two classes, and kept in the folder `cache` under the hash of data and settings. It tells
    classes, too: its last layer is linear in these features. `network` is the whole of it.

    Raises:
        ValueError: no images, no labels, or a single class.
    """

    name = "classifier-128"

    def __init__(
        self,
        spec: DataSpec,
        train: np.ndarray,
        labels: np.ndarray | None,
        *,
        cache: Path | None = None,
        seed: int = 0,
    ) -> None:
        if spec.kind != "image" or labels is None or len(np.unique(labels)) < 2:
            raise ValueError(
                "The feature space 'classifier' needs images with labels of at least 2 classes. "
                f"Received: kind={spec.kind!r}, "
                f"classes={0 if labels is None else len(np.unique(labels))}"
            )
        self.classes, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
        self.training_histogram = counts
        digest = array_hash(f"{VERSION} {train.shape} {seed} {keras.__version__}", train)
        digest.update(places.astype(np.int64))
        self.identity = digest.hexdigest()[:32]
        path = None if cache is None else cache / f"classifier-{self.identity}.npz"
        model = build_classifier(train.shape[1:], len(counts), seed=seed)
        names = [f"arr_{place}" for place in range(len(model.weights))]  # as numpy calls them
        if (kept := load_arrays(path, names)) is not None:
            model.set_weights(list(kept.values()))
        else:
            logging.getLogger("ganapp").info("Training the classifier of the evaluation.")
            model = train_classifier(train, places, classes=len(counts), seed=seed)
            save_arrays(path, *model.get_weights())
        self.network = model
        self._body = keras.Model(model.input, model.get_layer("features").output)
        self._kernel, self._bias = (
            np.asarray(w, np.float64) for w in model.get_layer("logits").get_weights()
        )

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Images `(n, height, width, channels)`, 0 to 255, to float64 `(n, 128)`."""
        parts = [
            # By hand: `predict` costs more than this small
            np.asarray(self._body(to_range(samples[i : i + BATCH]), training=False))
            for i in range(0, len(samples), BATCH)
        ]
        return np.concatenate(parts).astype(np.float64)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Probabilities in the order of `classes`: `(n, c)` for features `(n, 128)`."""
        logits = as_features("features", features) @ self._kernel + self._bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def labels(self, features: np.ndarray) -> np.ndarray:
        """The likeliest label for each row of features `(n, 128)`: int `(n,)`."""
        return self.classes[self.probabilities(features).argmax(axis=1)]

    def accuracy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Share of examples that get their own label."""
        if len(labels) == 0:
            raise NotComputable("An accuracy needs labelled examples, and there are none")
        return float(np.mean(self.labels(features) == labels))


def build_classifier(shape: tuple[int, ...], classes: int, *, seed: int) -> keras.Model:
    """An untrained network: images float32 `(n, *shape)` in [-1, 1] to logits `(n, classes)`."""
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def dense(units: int, activation: str | None, name: str) -> keras.layers.Layer:
        start = keras.initializers.HeNormal(seed=next(seeds))
        return keras.layers.Dense(units, activation, kernel_initializer=start, name=name)

    image = keras.Input(shape, name="image")
    x, channels = image, 32
    for place in (1, 2, 3):
        start = keras.initializers.HeNormal(seed=next(seeds))
        x = keras.layers.Conv2D(
            channels,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer=start,
            name=f"convolution_{place}",
        )(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"normalisation_{place}")(x)
        x = keras.layers.ReLU(name=f"maps_{place}")(x)
        if min(x.shape[1:3]) >= 4:
            x = keras.layers.MaxPooling2D(2, padding="same", name=f"pooling_{place}")(x)
        channels = 64
    halvings = 0
    while x.shape[1] * x.shape[2] > 64:  # of large images, or the dense layer would hold millions
        x = keras.layers.AveragePooling2D(2, padding="same", name=f"averages_{halvings}")(x)
        halvings += 1
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dropout(0.3, seed=next(seeds), name="dropout")(x)
    x = dense(WIDTH, "relu", "features")(x)
    return keras.Model(image, dense(classes, None, "logits")(x), name="classifier")


def train_classifier(
    images: np.ndarray, labels: np.ndarray, *, classes: int, seed: int
) -> keras.Model:
    """A trained `build_classifier`; the same arguments give the same network.

    At most 20,000 of the images, uint8, are used; labels are int `(n,)` from 0 to `classes - 1`.
    """
    generator = np.random.default_rng(seed)
    model = build_classifier(images.shape[1:], classes, seed=seed)
    count = min(len(images), MOST_EXAMPLES)
    batch = min(TRAINING_BATCH, count)
    per_epoch = count // batch
    epochs = max(EPOCHS, -(-LEAST_UPDATES // per_epoch))
    rate = keras.optimizers.schedules.CosineDecay(RATE, epochs * per_epoch)
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        auto_scale_loss=False,
        jit_compile=False,
    )
    chosen = generator.permutation(len(images))[:count]
    # Every call of `fit` has its price, which small data would pay a hundred times.
    at_once = max(1, FITTED_AT_ONCE // (per_epoch * batch))
    for first in range(0, epochs, at_once):
        passes = range(first, min(first + at_once, epochs))
        orders = [generator.permutation(chosen)[: per_epoch * batch] for _ in passes]
        order = np.concatenate(orders)
        shifted = _shift(to_range(images[order]), generator)
        model.fit(shifted, labels[order], batch_size=batch, shuffle=False, verbose=0)
    return model


def to_range(images: np.ndarray) -> np.ndarray:
    """User units 0 to 255 (also between whole levels) as float32 in [-1, 1]."""
    return np.asarray(images, np.float32) / 127.5 - 1.0


def _shift(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Each image moved by a few pixels; what leaves on one side is lost, the edge is repeated."""
    height, width = images.shape[1:3]
    if max(height, width) < SHIFT:
        return images
    places = []
    for side in (height, width):
        most = side // SHIFT
        moved = np.arange(side) + generator.integers(-most, most + 1, (len(images), 1))
        places.append(np.clip(moved, 0, side - 1))
    rows, columns = places
    return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnClassifier(FeatureChoice):
    """128 features of a small network trained on the data's own labels; it tells classes, too."""

    name = "classifier"

    def check(self, spec: DataSpec) -> None:
        super().check(spec)
        if len(spec.classes) < 2:
            raise ValueError(
                "`evaluation.features` can be 'classifier' only for data with labels of at least 2 "
                f"classes. Received: {len(spec.classes)} classes"
            )

    def build(self, real: TrainingData) -> FeatureSpace:
        train, labels = real.train, real.labels
        if labels is not None and (labels < 0).any():  # not everybody's class is known
            train, labels = train[labels >= 0], labels[labels >= 0]
        return ClassifierSpace(real.spec, train, labels, cache=real.cache, seed=real.seed)
