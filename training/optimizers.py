"""Optimizers as configurations: an objective names its paper's, a run may choose another."""

import dataclasses
import difflib
import inspect
from collections.abc import Mapping

import keras

from ganapp.models.serialization import Serializable
from ganapp.training.registry import Registry
from ganapp.training.schedules import Anneal, resolve

OPTIMIZERS = Registry(
    "optimizer",
    [
        ("adam", keras.optimizers.Adam),
        ("rmsprop", keras.optimizers.RMSprop),
        ("sgd", keras.optimizers.SGD),
    ],
)

# Keras takes any number and trains into nonsense, or silently ignores it (a clip below 0).
FRACTIONS = ("beta_1", "beta_2", "rho")  # of a moving average: 1 would never move
POSITIVE = ("clipnorm", "clipvalue", "global_clipnorm", "epsilon")
NOT_NEGATIVE = ("momentum", "weight_decay")


def optimizer_options(name: str) -> list[str]:
    """Arguments of a Keras optimizer, but for those of its own average, which the GAN replaces."""
    left_out = ("self", "kwargs", "name", "use_ema", "ema_momentum", "ema_overwrite_frequency")
    parameters = inspect.signature(OPTIMIZERS[name].__init__).parameters
    return [option for option in parameters if option not in left_out]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Serializable):
    """A Keras optimizer with its settings.

    Args:
        name: a name in `OPTIMIZERS`.
        learning_rate: constant, or an `Anneal` over the run.
        options: further arguments of the Keras class, e.g. `{"beta_1": 0.0}`.
    """

    name: str = "adam"
    learning_rate: float | Anneal = 2e-4
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        known = optimizer_options(self.name)
        for option, value in self.options.items():
            if option not in known and option != "use_ema":  # refused with its reason later
                close = difflib.get_close_matches(option, known, n=1)
                hint = f" Did you mean `{close[0]}`?" if close else ""
                raise ValueError(
                    f"`{option}` is not an option of the optimizer {self.name!r}, which takes "
                    f"{', '.join(known)}.{hint}"
                )
            _check_range(option, value)

    def build(self, updates: int | None = None) -> keras.optimizers.Optimizer:
        """A fresh optimizer whose schedule, if any, ends after `updates` updates."""
        if updates is None and isinstance(self.learning_rate, Anneal):
            raise ValueError(
                "An annealed `learning_rate` needs the number of updates it runs over: "
                f"`build(updates)`. Received: {self.learning_rate}"
            )
        rate = resolve(self.learning_rate, updates)
        return OPTIMIZERS[self.name](learning_rate=rate, **self.options)


def _check_range(option: str, value: object) -> None:
    ranges = {
        FRACTIONS: (lambda number: 0 <= number < 1, "must be at least 0 and below 1"),
        POSITIVE: (lambda number: number > 0, "must be above 0"),
        NOT_NEGATIVE: (lambda number: number >= 0, "must not be negative"),
    }
    for options, (fits, expected) in ranges.items():
        if option not in options or value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            expected = "must be a number"
        elif fits(value):
            continue
        raise ValueError(f"`{option}` {expected}. Received: {option}={value}")


def adam(learning_rate: float, beta_1: float, beta_2: float) -> OptimizerConfig:
    """Adam with the two numbers every GAN paper gives."""
    options = {"beta_1": beta_1, "beta_2": beta_2}
    return OptimizerConfig(name="adam", learning_rate=learning_rate, options=options)
