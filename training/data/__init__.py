"""Data sources: each gives batches as a pure function of (seed, step), and a `DataSpec`.

A source is a function whose keyword arguments are its options; one line here names it.
"""

from training.data.arrays import npy, npz
from training.data.digits import digits
from training.data.folder import folder
from training.data.memmap import MemmapSource
from training.data.mixtures import grid, ring
from training.data.pipeline import training_batches
from training.data.source import ArraySource, Source
from training.data.spec import DataSpec
from training.data.stacked_digits import stacked_digits
from training.data.tfds_images import tfds_images
from training.registry import Registry

SOURCES = Registry(
    "data source",
    [
        ("digits", digits),
        ("ring", ring),
        ("grid", grid),
        ("stacked_digits", stacked_digits),
        ("folder", folder),
        ("npz", npz),
        ("npy", npy),
        ("tfds", tfds_images),
    ],
)

__all__ = ["SOURCES", "ArraySource", "DataSpec", "MemmapSource", "Source", "training_batches"]
