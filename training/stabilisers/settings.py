"""Checks of stabilisers' fields and what the fields are worth at a step."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ganapp.training.schedules import Anneal, value_at


def check_range(field: str, value: Any, low: float, high: float = math.inf) -> None:
    """Refuses a number, or an anneal with an end, outside of [low, high].

    A schedule passes: it was made of an anneal that has been checked.

    Raises:
        ValueError: naming the field.
    """
    if callable(value):
        return
    ends = (value.start, value.end) if isinstance(value, Anneal) else (value,)
    if not all(low <= end <= high for end in ends):
        limits = f"at least {low}" if math.isinf(high) else f"from {low} to {high}"
        raise ValueError(f"`{field}` must be {limits}. Received: {field}={value}")


def check_above(field: str, value: float, low: float) -> None:
    """Refuses a number that is not above `low`.

    Raises:
        ValueError: naming the field.
    """
    if not value > low:
        raise ValueError(f"`{field}` must be above {low}. Received: {field}={value}")


def check_choices(field: str, chosen: Sequence[str], known: Sequence[str]) -> None:
    """Refuses an empty choice, an unknown name and one given twice.

    Raises:
        ValueError: naming the field.
    """
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(known):
        raise ValueError(
            f"`{field}` must name one or more of {', '.join(known)}, each once. "
            f"Received: {field}={chosen}"
        )


def check_images(name: str, examples: tf.Tensor) -> None:
    """Refuses what is not a batch of images of known size; called while a step is traced.

    Raises:
        ValueError: naming the stabiliser.
    """
    if examples.shape.rank != 4 or None in examples.shape[1:]:
        raise ValueError(
            f"`{name}` augments images (batch, height, width, channels) and must be left out for "
            f"other data. Received: shape={tuple(examples.shape)}"
        )


def present(member: Any, field: str, step: tf.Tensor) -> tf.Tensor:
    """What a field that may be annealed is worth at a step: float32 scalar.

    Raises:
        ValueError: if it is an anneal whose length nobody has said.
    """
    value = getattr(member, field)
    if isinstance(value, Anneal):
        raise ValueError(
            f"`{field}` must be a number or a function of the step here: write "
            f"`anneal.over(updates)`. Received: {field}={value}"
        )
    return tf.cast(value_at(value, step), tf.float32)
