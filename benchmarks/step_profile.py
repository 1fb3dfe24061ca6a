"""Where the time of a training step goes, by kind of operation (`tf.profiler`).

    python -m benchmarks.step_profile                  # digits and ring
    python -m benchmarks.step_profile wine --set training.batch_size=128

Prints a table a preset: milliseconds of each kind of operation in a step, summed over the threads
that ran them, their share of the sum, and how many of them a step has. Tracing them costs time,
too: compare shares, not milliseconds, and run nothing else meanwhile.
"""

import argparse
import collections
import tempfile
from pathlib import Path

from benchmarks.running import markdown
from ganapp.screen import quiet_stderr

with quiet_stderr():
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    from ganapp.config.loading import load_config
    from ganapp.runner.experiment import Experiment, compose
    from ganapp.training.data import training_batches

STEPS = 20  # that are looked at; a whole execution where that is more
KINDS = 15  # rows of a table


def operations_of(experiment: Experiment) -> tuple[dict[str, tuple[float, int]], int]:
    """Milliseconds and calls of each kind of operation, and the number of steps they are of."""
    gan = experiment.gan
    batches = training_batches(
        experiment.source,
        batch_size=experiment.examples_per_step,
        seed=0,
        start_step=0,
        strategy=experiment.strategy,
    )
    steps = max(STEPS, gan.steps_per_execution)
    gan.fit(batches, steps_per_epoch=2 * steps, verbose=0)  # traced, and warm
    with tempfile.TemporaryDirectory() as folder:
        options = tf.profiler.experimental.ProfilerOptions(
            host_tracer_level=2, python_tracer_level=0
        )
        with quiet_stderr(), tf.profiler.experimental.Profile(folder, options=options):
            gan.fit(batches, steps_per_epoch=steps, verbose=0)
        space = xplane_pb2.XSpace()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        space.ParseFromString(trace.read_bytes())
    milliseconds, calls = collections.Counter(), collections.Counter()
    for plane in space.planes:
        if "CPU" not in plane.name:
            continue
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name
            node, _, kind = name.partition("#")[0].rpartition(":")
            # Spans around operations would count them twice, those of the input pipeline wait.
            if node and not node.endswith(":") and not kind.startswith(" "):
                milliseconds[kind] += event.duration_ps / 1e9
                calls[kind] += 1
    return {kind: (milliseconds[kind], calls[kind]) for kind in milliseconds}, steps


def table(found: dict[str, tuple[float, int]], steps: int) -> str:
    """A Markdown table, the kinds that take longest first."""
    whole = sum(milliseconds for milliseconds, _ in found.values())
    ordered = sorted(found.items(), key=lambda item: -item[1][0])
    rows = [["operation", "ms a step", "share", "calls a step"]]
    for kind, (milliseconds, calls) in ordered[:KINDS]:
        share = f"{milliseconds / whole:.1%}"
        rows.append([kind, f"{milliseconds / steps:.2f}", share, f"{calls / steps:.1f}"])
    rest = [value for _, value in ordered[KINDS:]]
    taken, calls = (sum(each[place] for each in rest) for place in (0, 1))
    name = f"{len(rest)} other kinds"
    rows.append([name, f"{taken / steps:.2f}", f"{taken / whole:.1%}", f"{calls / steps:.1f}"])
    return markdown(rows, left=1)


def main() -> None:
    """Prints a table a preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", default=["digits", "ring"], metavar="PRESET")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    options = parser.parse_args()
    for name in options.presets:
        found, steps = operations_of(compose(load_config(name, options.settings)))
        print(f"### {name}: {steps} steps\n\n{table(found, steps)}\n", flush=True)


if __name__ == "__main__":
    main()
