"""The feature space of a classifier trained on the user's own labelled images."""

import hashlib
import io
import logging
import zipfile
from pathlib import Path

import keras
import numpy as np

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation import network
from ganapp.training.evaluation.checks import NotComputable, as_features
from ganapp.training.evaluation.classes import ClassFigures, compare_histograms
from ganapp.training.files import write_atomically

BATCH = 256
VERSION = "1"  # of how the network is built and trained: another one is another cached file


class ClassifierSpace:
    """The penultimate layer of a small convolutional network, 128 features.

    It is trained once, on the training examples and their labels, and kept on disk under the hash
    of data and settings. It judges classes, too: its last layer is linear in these features.

    Args:
        spec: the source's description.
        train: training images, uint8 `(n, height, width, channels)`.
        labels: int `(n,)`, at least two classes.
        cache: folder of trained networks; nothing is kept when `None`.
        seed: of the training.

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
        self.identity = _identity(train, places, seed)
        path = None if cache is None else cache / f"classifier-{self.identity}.npz"
        self._model = network.build_classifier(train.shape[1:], len(counts), seed=seed)
        weights = None if path is None else _load(path)
        if weights is None:
            logging.getLogger("ganapp").info("Training the classifier of the evaluation.")
            trained = network.train_classifier(train, places, classes=len(counts), seed=seed)
            weights = trained.get_weights()
            if path is not None:
                _save(path, weights)
        self._model.set_weights(weights)
        self._body = keras.Model(self._model.input, self._model.get_layer("features").output)
        self._kernel, self._bias = (
            np.asarray(w, np.float64) for w in self._model.get_layer("logits").get_weights()
        )

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Images `(n, height, width, channels)`, 0 to 255, to float64 `(n, 128)`."""
        parts = [
            # By hand: `predict` costs more than this small network.
            np.asarray(self._body(network.to_range(samples[i : i + BATCH]), training=False))
            for i in range(0, len(samples), BATCH)
        ]
        return np.concatenate(parts).astype(np.float64)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Of each class, in the order of `classes`: `(n, c)` for features `(n, 128)`."""
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

    def figures(self, features: np.ndarray) -> ClassFigures:
        """Labels samples and compares their histogram with the training labels'."""
        places = np.searchsorted(self.classes, self.labels(features))
        histogram = np.bincount(places, minlength=len(self.classes))
        return compare_histograms(histogram, self.training_histogram)


def _identity(train: np.ndarray, places: np.ndarray, seed: int) -> str:
    digest = hashlib.sha256(f"{VERSION} {train.shape} {seed} {keras.__version__}".encode())
    for start in range(0, len(train), 1000):  # a memory-mapped array is read piece by piece
        digest.update(np.ascontiguousarray(train[start : start + 1000]))
    digest.update(places.astype(np.int64))
    return digest.hexdigest()[:32]


def _save(path: Path, weights: list[np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, *weights)
    write_atomically(path, buffer.getvalue())


def _load(path: Path) -> list[np.ndarray] | None:
    """The weights, or `None` where there are none or they are damaged: they are made anew then."""
    try:
        content = io.BytesIO(path.read_bytes())  # of a damaged file numpy leaves the handle open
        with np.load(content, allow_pickle=False) as saved:
            return [saved[f"arr_{i}"] for i in range(len(saved.files))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
