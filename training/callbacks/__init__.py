"""Keras callbacks that record, evaluate and protect a training run.

They act on *completed generator steps*, never on epochs, and use the public methods of the model
alone (`step`, `generate`, `inputs`, `scores`). The order in the list given to `fit` counts:

1. `TerminateOnNonFinite`: nothing below may record or save a diverged step;
2. `MetricsLog`, `TensorBoardLog`, `SampleGrids`;
3. `Evaluate`, which also keeps the best checkpoint; `RaiseAlarms`, which reads what the ones before
   it have recorded; `CompareWithTheory`;
4. `CheckpointEvery`: whatever a step has to record is on disk before the step can be restored, so
   a run killed at any moment and resumed writes the same `metrics.jsonl` as one never killed;
5. `Interrupt`, then `ProgressDisplay`.
"""

import keras

Logs = dict[str, float]  # as Keras gives them: scalars by name


class StepCallback(keras.callbacks.Callback):
    """Calls `on_step` each time the completed generator steps cross a multiple of `every`.

    With `steps_per_execution > 1` a multiple may fall inside an execution; the hook then runs
    once, at its end. Steps are counted along with the batches (one generator step each), and
    `model.step` is read only when a multiple seems to be crossed: a device read for every
    callback and batch would slow down runs whose step takes a millisecond.

    Args:
        every: steps between two calls, at least 1.
        first: call after the very first step (or execution) of a new run, too.
        last: total steps of the run, at which it is called, too; not the end of `fit`, so that an
            interrupted run records nothing that an unbroken one would not.
    """

    def __init__(self, every: int, *, first: bool = False, last: int | None = None) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be at least 1 step. Received: every={every}")
        self.every, self.first, self.last = every, first, last
        self._step = 0
        self._begin = 0

    def on_step(self, step: int, logs: Logs) -> None:
        """The work to do at `step` (completed generator steps)."""
        raise NotImplementedError

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._step = completed_steps(self.model)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._begin = batch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        previous, self._step = self._step, self._step + batch - self._begin + 1
        if self._due(previous, self._step):
            self._step = completed_steps(self.model)
            if self._due(previous, self._step):
                self.on_step(self._step, logs or {})

    def _due(self, previous: int, step: int) -> bool:
        crossed = step // self.every > previous // self.every
        started = self.first and previous == 0 < step
        ended = self.last is not None and previous < self.last <= step
        return crossed or started or ended


def completed_steps(model: keras.Model) -> int:
    """Completed generator steps of `model`, read from its counter."""
    return int(model.step.numpy())
