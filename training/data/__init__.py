"""Data sources: each gives batches as a pure function of (seed, step), and a `DataSpec`.

A source is a function whose keyword arguments are its options; one line here names it.
"""

from training.data.digits import digits
from training.data.mixtures import grid, ring
from training.data.pipeline import training_batches
from training.data.source import ArraySource, Source
from training.data.spec import DataSpec
from training.data.stacked_digits import stacked_digits
from training.data.tables.sources import cancer, csv, parquet, wine
from training.registry import Registry

SOURCES = Registry(
    "data source",
    [
        ("digits", digits),
        ("ring", ring),
        ("grid", grid),
        ("stacked_digits", stacked_digits),
        ("wine", wine),
        ("cancer", cancer),
        ("csv", csv),
        ("parquet", parquet),
    ],
)

__all__ = ["SOURCES", "ArraySource", "DataSpec", "Source", "training_batches"]
