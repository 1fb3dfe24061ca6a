"""How fast a training step is: `python -m benchmarks.throughput`.

Times `GAN.fit`, a bare hand-written `tf.function` loop of the same step and, given
`--torch-python`, PyTorch, side by side: every round gives each of them a short turn, so whatever
else the machine does falls on all alike. Medians over rounds are printed, and ratios are medians of
the ratios within a round. The rate of the matrix product, taken in the same rounds, is the
yardstick. Processor time, summed over threads, is shown too: on a busy machine it says more.

Use: python -m benchmarks.throughput [--case NAME]... [--torch-python FILE] [--json FILE]
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganapp.screen import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_stderr():
    import keras
    import numpy as np
    import tensorflow as tf

    from benchmarks.flops import floating_operations
    from benchmarks.throughput_bare import BareStep
    from benchmarks.throughput_cases import CASES, DCGAN, Case
    from benchmarks.throughput_tensorflow import Bare, Fit, Rate

MATRIX, CONVOLUTION = "matrix product", "convolution"


class Torch:
    """PyTorch's side, in a process of its own.

    Args:
        interpreter: a Python that has PyTorch.
        threads: for PyTorch's operations.
    """

    def __init__(self, interpreter: str, threads: int) -> None:
        script = Path(__file__).with_name("throughput_torch.py")
        settings = json.dumps(DCGAN | {"threads": threads})
        self.process = subprocess.Popen(
            [interpreter, str(script), settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = self._answer()

    def turn(self, case: str, setting: str, steps: int) -> np.ndarray:
        """Seconds a step by the wall clock and of the processors, over `steps` of them."""
        request = {"case": case, "setting": setting, "steps": steps}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return np.array(self._answer()["seconds"])

    def close(self) -> None:
        """Lets the process end."""
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("PyTorch's process ended; its own message is above.")
        return json.loads(line)


Turns = dict[str, Callable[[], np.ndarray]]


def contenders(
    name: str, case: Case, torch: Torch | None, *, quick: bool, xla: bool
) -> tuple[Turns, dict]:
    """A turn function for each row of a case's table, and which row each is compared with."""
    turns: Turns = {}
    baselines = {}
    for ema in (True,) if quick or name == "ring" else (True, False):
        for steps in case.steps_per_execution:
            options = f"EMA {'on' if ema else 'off'}, {steps} a call"
            for kind, label in ((Bare, "bare loop"), (Fit, "ganapp fit")):
                contender = kind(case, ema=ema, steps_per_execution=steps)
                turns[f"{label}, {options}"] = lambda c=contender: c.turn(case.steps)
            baselines[f"ganapp fit, {options}"] = f"bare loop, {options}"
    if xla:
        steps = case.steps_per_execution[-1]
        compiled = Fit(case, ema=True, steps_per_execution=steps, jit_compile=True)
        row = f"ganapp fit, EMA on, {steps} a call, XLA"
        turns[row] = lambda: compiled.turn(case.steps)
        baselines[row] = f"ganapp fit, EMA on, {steps} a call"
    for torch_case, setting in torch.about["settings"] if torch else ():
        if torch_case == name:
            row = f"PyTorch, {setting}"
            turns[row] = lambda s=setting: torch.turn(name, s, case.steps)
            # PyTorch keeps no average, so the row to beat it is the one without.
            baselines[row] = f"ganapp fit, EMA {'on' if quick else 'off'}, 1 a call"
    return turns, baselines


def measured(turns: Turns, rates: dict[str, Rate], rounds: int) -> dict[str, np.ndarray]:
    """What every turn said, round by round; the first round, which compiles, is dropped."""
    results: dict[str, list] = {row: [] for row in [*rates, *turns]}
    for number in range(rounds + 1):
        show(f"round {number} of {rounds}")
        for row, rate in rates.items():
            results[row].append(rate.turn())
        for row, turn in turns.items():
            results[row].append(turn())
    show("")
    return {row: np.array(values[1:]) for row, values in results.items()}


def show(message: str) -> None:
    """Progress on a terminal's standard error; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r{message:<40}\r", end="", file=sys.stderr, flush=True)


def report(case: Case, results: dict, baselines: dict, work: float) -> dict[str, Any]:
    """The figures of one table."""
    matrix, convolution = results.pop(MATRIX), results.pop(CONVOLUTION)
    rows = []
    for name, times in results.items():
        seconds, processor = np.median(times, axis=0)
        row = {
            "setting": name,
            "milliseconds": 1e3 * seconds,
            "processor_milliseconds": 1e3 * processor,
            "examples_per_second": case.batch / seconds,
            "gigaflops": work / seconds / 1e9,
            "of_matrix_product": float(np.median(work / times[:, 0] / matrix)),
        }
        if name in baselines:
            ratios = np.median(times / results[baselines[name]], axis=0)
            row |= {"compared_with": baselines[name], "ratio": ratios[0]}
            row |= {"processor_ratio": ratios[1]}
        rows.append(row)
    return {
        "title": case.title,
        "batch": case.batch,
        "gflop_per_step": work / 1e9,
        "matrix_product_gigaflops": np.median(matrix) / 1e9,
        "convolution_gigaflops": np.median(convolution) / 1e9,
        "rows": rows,
    }


def markdown(table: dict[str, Any]) -> str:
    """One case as a Markdown section."""
    lines = [
        f"### {table['title']} (batch {table['batch']})",
        "",
        f"{table['gflop_per_step']:.2f} GFLOP a step (convolutions and matrix products); matrix "
        f"product {table['matrix_product_gigaflops']:.0f} GFLOP/s, convolution "
        f"{table['convolution_gigaflops']:.0f} GFLOP/s.",
        "",
        "| setting | ms | CPU ms | examples/s | GFLOP/s | of matrix product | time (CPU) ratio |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in table["rows"]:
        ratio = ""
        if "ratio" in row:
            ratio = f"{row['ratio']:.3f} ({row['processor_ratio']:.3f}) of {row['compared_with']}"
        lines.append(
            f"| {row['setting']} | {row['milliseconds']:.2f} "
            f"| {row['processor_milliseconds']:.2f} | {row['examples_per_second']:,.0f} "
            f"| {row['gigaflops']:.0f} | {row['of_matrix_product']:.0%} | {ratio} |"
        )
    return "\n".join(lines) + "\n"


def check_same_size(step: BareStep, torch: Torch) -> None:
    """Ends the run unless PyTorch's networks have as many parameters as those of the others."""
    networks = step.generator, step.discriminator
    ours = [sum(v.shape.num_elements() for v in n.trainable_variables) for n in networks]
    if ours != torch.about["parameters"]:
        raise SystemExit(
            f"PyTorch's networks must have {ours} parameters. Received: {torch.about['parameters']}"
        )


def measured_case(name: str, options: argparse.Namespace, torch: Torch | None) -> dict[str, Any]:
    """Builds, times and reports one case."""
    case = CASES[name]
    step = BareStep(case, ema=False)
    real = tf.zeros((case.batch, *step.discriminator.input_shape[1:]))
    work = float(floating_operations(step, tf.TensorSpec(real.shape, real.dtype)))
    if torch and name in {torch_case for torch_case, _ in torch.about["settings"]}:
        check_same_size(step, torch)
    dtype = "bfloat16" if options.precision == "mixed_bfloat16" else "float32"
    rates = {kind: Rate(kind, dtype) for kind in (MATRIX, CONVOLUTION)}
    if options.steps:
        if any(options.steps % steps for steps in case.steps_per_execution):
            raise SystemExit(
                f"`--steps` must be a multiple of {case.steps_per_execution} for {name!r}. "
                f"Received: --steps {options.steps}"
            )
        case = dataclasses.replace(case, steps=options.steps)
    turns, baselines = contenders(name, case, torch, quick=options.quick, xla=options.xla)
    return report(case, measured(turns, rates, options.rounds), baselines, work)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, help="of a turn; a multiple of all steps a call")
    parser.add_argument("--quick", action="store_true", help="with the moving average only")
    parser.add_argument("--xla", action="store_true", help="add a row with jit_compile")
    parser.add_argument(
        "--precision",
        choices=("float32", "mixed_bfloat16"),
        default="float32",
        help="in bfloat16 ganapp still computes penalties in float32; the bare loop does not",
    )
    parser.add_argument("--torch-python", help="an interpreter that has PyTorch")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


def main() -> None:
    """Measures the chosen cases and prints their tables."""
    options = parsed()
    keras.config.set_dtype_policy(options.precision)
    threads = os.cpu_count()
    torch = Torch(options.torch_python, threads) if options.torch_python else None
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    if torch:
        versions += f", PyTorch {torch.about['version']} (float32, {threads} threads)"
    print(f"{versions}; {options.precision}; medians of {options.rounds} rounds.\n")
    tables = []
    for name in options.case or CASES:
        tables.append(measured_case(name, options, torch))
        print(markdown(tables[-1]), flush=True)
    if torch:
        for setting, reason in torch.about["refused"].items():
            print(f"PyTorch could not run {setting}: {reason}")
        torch.close()
    if options.json:
        about = {"versions": versions, "precision": options.precision, "rounds": options.rounds}
        options.json.write_text(json.dumps(about | {"tables": tables}, indent=2) + "\n")


if __name__ == "__main__":
    main()
