"""What surrounds the training step, as a share of the time of training.

    python -m benchmarks.overhead                  # every preset that needs no download
    python -m benchmarks.overhead --preset digits --preset ring --steps 400

For each preset the objects of a real run are made, in a scratch folder. A stretch of training is
timed without callbacks; then every callback of `ganapp train` is called as it is in a run. The
first call of each, which compiles, fits and reads, is timed apart from the others. From these and
the preset's own cadences follows what each callback takes in a whole run. Evaluations that choose
the best checkpoint are in the table too, below the sum of what records the run.
"""

import argparse
import dataclasses
import math
import os
import sys
import tempfile
import time
from pathlib import Path

from ganapp.screen import console, quiet_stderr

with quiet_stderr():
    import keras

    from ganapp.config.loading import load_config
    from ganapp.config.presets import preset_names
    from ganapp.runner.experiment import Experiment, compose
    from ganapp.runner.training import recorders
    from ganapp.runs import Run
    from ganapp.training.callbacks import StepCallback
    from ganapp.training.callbacks.evaluation import Evaluate
    from ganapp.training.checkpoints import Checkpoints
    from ganapp.training.data import training_batches
    from ganapp.training.kernels import kernels

WANTED = 0.05  # of the time of training
CALLS = 3  # of each callback beside the first


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one callback takes in a whole run.

    Args:
        name: of its class.
        calls: in the run.
        first: seconds of the first call.
        each: seconds of every further one.
    """

    name: str
    calls: int
    first: float
    each: float

    @property
    def seconds(self) -> float:
        """In the whole run."""
        return self.first + (self.calls - 1) * self.each if self.calls else 0.0


def costs(preset: str, settings: list[str], steps: int) -> tuple[Experiment, float, list[Cost]]:
    """The experiment, the seconds of one of its steps, and what each of its callbacks takes."""
    experiment = compose(load_config(preset, settings))
    with tempfile.TemporaryDirectory() as scratch:
        run, console.quiet = Run(Path(scratch)), True
        checkpoints = Checkpoints(run.checkpoints, experiment.state(), keep=3)
        callbacks = recorders(experiment, run, checkpoints)
        second, logs = _step(experiment, steps)
        found = [_cost(callback, experiment, logs) for callback in callbacks]
    return experiment, second, found


def _step(experiment: Experiment, steps: int) -> tuple[float, dict]:
    """Seconds of one step within `fit`, after a warm-up, and the logs of the last."""
    gan, execution = experiment.gan, experiment.config.training.steps_per_execution
    rounds = max(2, steps // execution)
    batches = training_batches(
        experiment.source,
        batch_size=experiment.examples_per_step,
        seed=0,
        start_step=0,
        strategy=experiment.strategy,
    )
    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    past = gan.fit(
        batches, steps_per_epoch=rounds * execution, epochs=1, callbacks=[clock], verbose=0
    )
    warm = max(1, len(ends) // 4)
    seconds = (ends[-1] - ends[warm - 1]) / ((len(ends) - warm) * execution)
    return seconds, {name: values[-1] for name, values in past.history.items()}


def _cost(callback: keras.callbacks.Callback, experiment: Experiment, logs: dict) -> Cost:
    """Calls a callback as a run does and takes the times."""
    callback.set_model(experiment.gan)
    name = type(callback).__name__
    total = experiment.total_steps
    begun = time.perf_counter()
    callback.on_train_begin()
    if isinstance(callback, StepCallback):
        calls = total // callback.every + callback.first + (total % callback.every > 0)
        act = lambda: callback.on_step(int(experiment.gan.step.numpy()), dict(logs))  # noqa: E731
    else:  # it looks at every execution
        calls = total // experiment.config.training.steps_per_execution
        callback.on_train_batch_begin(0)
        act = lambda: callback.on_train_batch_end(0, dict(logs))  # noqa: E731
    act()
    first, further = time.perf_counter() - begun, 0.0
    for _ in range(CALLS):
        experiment.gan.step.assign_add(1)  # a checkpoint of the same step is not written twice
        begun = time.perf_counter()
        act()
        further += time.perf_counter() - begun
    return Cost(name, calls, first, further / CALLS)


def table(preset: str, experiment: Experiment, step: float, found: list[Cost]) -> tuple[str, float]:
    """A Markdown table of one preset, and the share of what records it."""
    training = step * experiment.total_steps
    rows = [
        f"### {preset}: {experiment.total_steps:,} steps of {1e3 * step:.2f} ms, "
        f"{training:.0f} s of training",
        "",
        "| callback | calls | first, ms | each, ms | seconds | of training |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    evaluations = [cost for cost in found if cost.name == Evaluate.__name__]
    recording = [cost for cost in found if cost.name != Evaluate.__name__]
    share = sum(cost.seconds for cost in recording) / training

    def line(cost: Cost) -> str:
        return (
            f"| {cost.name} | {cost.calls:,} | {1e3 * cost.first:.1f} | {1e3 * cost.each:.2f} "
            f"| {cost.seconds:.2f} | {cost.seconds / training:.1%} |"
        )

    rows += [line(cost) for cost in sorted(recording, key=lambda c: -c.seconds)]
    seconds = sum(cost.seconds for cost in recording)
    rows.append(f"| **all that records** | | | | {seconds:.2f} | **{share:.1%}** |")
    rows += [line(cost) for cost in evaluations]
    return "\n".join(rows), share


def main() -> None:
    """Prints a table a preset; exit code 1 if one takes more than is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", action="append", choices=preset_names())
    parser.add_argument("--steps", type=int, default=200, help="timed, of each preset")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    options = parser.parse_args()
    print(f"{os.cpu_count()} CPU cores, {kernels()} kernels; wanted: at most {WANTED:.0%}.\n")
    over = {}
    for preset in options.preset or [name for name in preset_names() if "mnist" not in name]:
        text, share = table(preset, *costs(preset, options.settings, options.steps))
        print(text, end="\n\n", flush=True)
        if share > WANTED or not math.isfinite(share):
            over[preset] = f"{share:.1%}"
        keras.backend.clear_session()
    print(f"Above {WANTED:.0%}: {over}" if over else f"None takes more than {WANTED:.0%}.")
    sys.exit(bool(over))


if __name__ == "__main__":
    main()
