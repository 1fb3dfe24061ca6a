"""The run's record for people: what TensorBoard shows of a step."""

import time
from collections.abc import Callable
from typing import Any

from ganapp.training.callbacks.board import Board
from ganapp.training.callbacks.cadence import StepCallback

TAGS = {
    "discriminator_loss": "losses/discriminator",
    "generator_loss": "losses/generator",
    "real_score": "scores/real",
    "fake_score": "scores/fake",
    "score_gap": "scores/gap",
    "real_score_std": "scores/real_std",
    "fake_score_std": "scores/fake_std",
    "real_probability": "probabilities/D(x)",
    "fake_probability": "probabilities/D(G(z))",
    "generator_gradient_norm": "gradients/generator_norm",
    "discriminator_gradient_norm": "gradients/discriminator_norm",
    "generator_learning_rate": "learning_rates/generator",
    "discriminator_learning_rate": "learning_rates/discriminator",
}
PREFIXES = {
    "penalty/": "penalties/",
    "penalty_weight/": "penalty_weights/",
    "generator_term/": "generator_terms/",
}


def tag_of(name: str) -> str:
    """The TensorBoard tag of a logged value; what is not known goes under `training/`."""
    for prefix, group in PREFIXES.items():
        if name.startswith(prefix):
            return group + name.removeprefix(prefix)
    return TAGS.get(name, f"training/{name}")


class TensorBoardLog(StepCallback):
    """Writes the logged scalars, grouped for people, and the throughput.

    Args:
        board: where to.
        every: steps between two points.
        examples_per_step: examples that one generator step consumes, for the throughput.
        configuration: the resolved configuration, written once as a text, in TOML, when the run
            begins.
        last: total steps of the run, which get a point, too.
        clock: seconds from some origin.
    """

    def __init__(
        self,
        board: Board,
        every: int,
        *,
        examples_per_step: int,
        configuration: str,
        last: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(every, last=last)
        self.board, self.examples_per_step, self.clock = board, examples_per_step, clock
        self.configuration = configuration
        self._mark = (0, 0.0)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self._mark = (self._step, self.clock())
        if self._step == 0:  # `fit` may begin more than once in a run
            self.board.text(0, "configuration", f"```toml\n{self.configuration.strip()}\n```")

    def on_step(self, step: int, logs: dict[str, Any]) -> None:
        (previous, then), now = self._mark, self.clock()
        self._mark = (step, now)
        values = {tag_of(name): value for name, value in logs.items()}
        if now > then:
            speed = (step - previous) * self.examples_per_step / (now - then)
            values["throughput/examples_per_second"] = speed
        self.board.scalars(step, values)
