"""A messy table that several tests read: every kind of column, with holes."""

import numpy as np
import pandas as pd

ROWS = 120


def messy(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Whole numbers, amounts, text, booleans, a constant; some values are missing."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": pd.array(draw.integers(18, 90, rows), dtype="Int64"),
            "city": pd.array(draw.choice(["Oslo", "Rome", "Łódź"], rows), dtype="string"),
            "income": np.round(np.exp(draw.normal(10, 0.5, rows)), 2),
            "member": pd.array(draw.random(rows) < 0.4, dtype="boolean"),
            "country": "IT",
            "score": draw.normal(0, 1, rows),
        }
    )
    for column, share in (("age", 0.1), ("city", 0.05), ("member", 0.1)):
        frame.loc[draw.random(rows) < share, column] = pd.NA
    return frame
