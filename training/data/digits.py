"""`digits`: real handwriting that needs no download."""

import hashlib

import numpy as np

from ganapp.training.data.cache import CacheDir
from ganapp.training.data.source import ArraySource
from ganapp.training.data.spec import DataSpec

HELD_OUT = 300  # of 1,797; every class keeps its share


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
    """The places in the order in which TensorFlow Datasets kept them for earlier versions.

    So runs of these versions go on with the same batches.
    """
    return places[
        sorted(range(len(places)), key=lambda i: hashlib.md5(f"{split}{i}".encode()).digest())
    ]
