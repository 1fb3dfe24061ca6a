"""`digits`: real handwriting that needs no download."""

import contextlib
import io

import numpy as np

from ganapp.training.data.cache import CacheDir, cache_folder
from ganapp.training.data.downloads import quiet
from ganapp.training.data.source import ArraySource
from ganapp.training.data.spec import DataSpec


def digits(*, cache_dir: CacheDir = "") -> ArraySource:
    """scikit-learn's 8x8 digits through TensorFlow Datasets.

    Args:
        cache_dir: where to prepare the dataset; `GANAPP_CACHE` or `~/.cache/ganapp` when empty.
    """
    import tensorflow_datasets as tfds

    from ganapp.training.data import digits_builder  # noqa: F401 - registers the builder with tfds

    quiet()
    with contextlib.redirect_stdout(io.StringIO()):  # tfds announces a download; there is none
        splits = tfds.load("ganapp_digits", data_dir=str(cache_folder(cache_dir)), batch_size=-1)
    train, test = (tfds.as_numpy(splits[name]) for name in ("train", "test"))
    spec = DataSpec(
        name="digits",
        kind="image",
        shape=train["image"].shape[1:],
        examples=len(train["image"]),
        held_out=len(test["image"]),
        classes=tuple(str(i) for i in range(10)),
        description="Handwritten digits, 8x8 grey, as bundled with scikit-learn.",
        licence="CC BY 4.0 (UCI Optical Recognition of Handwritten Digits)",
    )
    labels = [np.asarray(split["label"], np.int32) for split in (train, test)]
    return ArraySource(spec, train["image"], test["image"], *labels)
