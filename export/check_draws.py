"""The part of `check.py` that draws: it runs in the fresh process and imports nothing of ours."""

from typing import Any

import numpy as np

COUNT, SEED = 8, 7
TRUNCATIONS = (0.0, 0.5, 1.0)


def draws(model: Any) -> dict[str, np.ndarray]:
    """The `sample` signature: one seed twice, then another; the same seed truncated."""
    import tensorflow as tf

    sample, count = model.signatures["sample"], tf.constant(COUNT)
    drawn = {}
    for prefix, seed in (("first", SEED), ("again", SEED), ("other", SEED + 1)):
        outputs = sample(count=count, seed=tf.constant(seed))
        drawn |= {f"{prefix}/{k}": v.numpy() for k, v in outputs.items()}
    if "sample_truncated" not in model.signatures:
        return drawn
    truncated = model.signatures["sample_truncated"]
    for amount in TRUNCATIONS:
        truncation = tf.constant(amount)
        outputs = truncated(count=count, seed=tf.constant(SEED), truncation=truncation)
        drawn |= {f"truncated {amount}/{k}": v.numpy() for k, v in outputs.items()}
    return drawn
