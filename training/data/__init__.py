"""Data sources: each gives batches as a pure function of (seed, step), and a `DataSpec`.

A source is a function whose keyword arguments are its options; one line here names it.
"""

from ganapp.training.data.arrays import npy, npz
from ganapp.training.data.densities import (
    MixtureSource,
    checkerboard,
    funnel,
    gaussian,
    grid,
    moons,
    ring,
    spirals,
    swiss_roll,
)
from ganapp.training.data.digits import StackedSource, digits, moving_digits, stacked_digits
from ganapp.training.data.folder import folder
from ganapp.training.data.source import ArraySource, MemmapSource, Source, training_batches
from ganapp.training.data.spec import DataSpec
from ganapp.training.data.sprites import sprites
from ganapp.training.data.tables.sources import cancer, csv, parquet, wine
from ganapp.training.data.tfds import tfds_images
from ganapp.training.data.video import video
from ganapp.training.registry import Registry

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
        ("moons", moons),
        ("swiss_roll", swiss_roll),
        ("spirals", spirals),
        ("checkerboard", checkerboard),
        ("funnel", funnel),
        ("gaussian", gaussian),
        ("moving_digits", moving_digits),
        ("video", video),
        ("sprites", sprites),
        ("wine", wine),
        ("cancer", cancer),
        ("csv", csv),
        ("parquet", parquet),
    ],
)

# Figures that only data with known modes have.
MODE_METRICS = (*MixtureSource.metrics, *StackedSource.metrics)

__all__ = [
    "MODE_METRICS",
    "SOURCES",
    "ArraySource",
    "DataSpec",
    "MemmapSource",
    "Source",
    "training_batches",
]
