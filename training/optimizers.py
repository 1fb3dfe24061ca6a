"""Optimizers as configurations: an objective names its paper's, a run may choose another."""

import dataclasses
import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import keras

from training.registry import Registry
from training.schedules import Anneal, resolve

OPTIMIZERS = Registry(
    "optimizer",
    [
        ("adam", keras.optimizers.Adam),
        ("rmsprop", keras.optimizers.RMSprop),
        ("sgd", keras.optimizers.SGD),
    ],
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Which Keras optimizer, with which settings.

    Args:
        name: a name in `OPTIMIZERS`.
        learning_rate: constant, or an `Anneal` over the run.
        options: further arguments of the Keras class, e.g. `{"beta_1": 0.0}`.
    """

    name: str = "adam"
    learning_rate: float | Anneal = 2e-4
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        parameters = inspect.signature(OPTIMIZERS[self.name].__init__).parameters
        known = [name for name in parameters if name not in ("self", "kwargs")]
        for option in self.options:
            if option not in known:
                close = difflib.get_close_matches(option, known, n=1)
                hint = f" Did you mean `{close[0]}`?" if close else ""
                raise ValueError(
                    f"`{option}` is not an option of the optimizer {self.name!r}, which takes "
                    f"{', '.join(known)}.{hint}"
                )

    def build(self, updates: int | None = None) -> keras.optimizers.Optimizer:
        """A fresh optimizer whose schedule, if any, ends after `updates` updates.

        Raises:
            ValueError: if there is a schedule and no `updates`.
        """
        if updates is None and isinstance(self.learning_rate, Anneal):
            raise ValueError(
                "An annealed `learning_rate` needs the number of updates it runs over: "
                f"`build(updates)`. Received: {self.learning_rate}"
            )
        rate = resolve(self.learning_rate, updates)
        return OPTIMIZERS[self.name](learning_rate=rate, **self.options)


def adam(learning_rate: float, beta_1: float, beta_2: float) -> OptimizerConfig:
    """Adam with the two numbers every GAN paper gives."""
    options = {"beta_1": beta_1, "beta_2": beta_2}
    return OptimizerConfig(name="adam", learning_rate=learning_rate, options=options)
