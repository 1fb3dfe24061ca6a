"""Which latents of a run are asked for."""

import dataclasses

import numpy as np
import tensorflow as tf

from ganapp.errors import UserError
from ganapp.runner.generator import HasGenerator
from ganapp.training.messages import did_you_mean, join_names

EVERY_CLASS = "all"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draw:
    """Which latents of a generator's prior are asked for.

    Args:
        generator: as loaded from a run.
        count: how many, at least 1.
        seed: the same seed gives the same latents.
        truncation: 1 for latents as the prior has them, 0 for the likeliest (`Prior.truncate`).
        labels: int `(count,)`, the classes to ask for; `None` for those that are drawn.
        columns: of a picture; `None` for a square one.
    """

    generator: HasGenerator
    count: int
    seed: int
    truncation: float
    labels: np.ndarray | None = None
    columns: int | None = None

    def latents(self, seed: int | None = None) -> tf.Tensor:
        """Float32 `(count, size)`, of another seed if one is given."""
        gan = self.generator.gan
        seed = self.seed if seed is None else seed
        drawn = gan.sample_latents(self.count, seed=seed, labels=self.labels)
        return gan.prior.truncate(drawn, self.truncation)

    def labels_of(self, latents: tf.Tensor) -> np.ndarray | None:
        """The class that each of the latents asks for, int `(count,)`; `None` without classes."""
        prior = self.generator.gan.prior
        return np.argmax(prior.labels(latents), axis=1) if prior.classes else None


def asked_classes(generator: HasGenerator, classes: str | None, count: int) -> np.ndarray | None:
    """The class of each sample.

    Args:
        generator: of the run.
        classes: a class's name or number, `"all"`, or `None`.
        count: how many of each class.

    Returns:
        int `(count,)`, for `"all"` `(classes * count,)`, one class after the other; `None` if the
        classes are as they come.

    Raises:
        UserError: the generator was not told classes, or there is no such class.
    """
    known, names = generator.gan.classes, generator.spec.classes
    if classes is None:
        return None
    if not known:
        raise UserError(
            "`--class` is for a generator that was told classes (`generator.condition`). "
            f"Received: {classes!r} for a run without"
        )
    if classes == EVERY_CLASS:
        return np.repeat(np.arange(known), count)
    numbers = {name: number for number, name in enumerate(names)}
    numbers |= {str(number): number for number in range(known) if str(number) not in numbers}
    if classes not in numbers:
        # A number that is too large is near to many, and none of them was meant.
        hint = "" if classes.isdecimal() else did_you_mean(classes, (*names, EVERY_CLASS))
        raise UserError(
            f"`--class` must be 'all' or one of {join_names(names or range(known))}. "
            f"Received: {classes!r}.{hint}"
        )
    return np.full(count, numbers[classes])
