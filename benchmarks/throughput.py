"""How fast a training step is: `python -m benchmarks.throughput`.

Times `GAN.fit`, a bare hand-written `tf.function` loop of the same step and, given
`--torch-python`, PyTorch, side by side: every round gives each of them a short turn, so whatever
else the machine does falls on all alike. Medians over rounds are printed, and ratios are medians of
the ratios within a round. The rate of the matrix product, taken in the same rounds, is the
yardstick.

Use: python -m benchmarks.throughput [--case NAME]... [--torch-python FILE] [--json FILE]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganapp.quiet import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_stderr():
    import keras
    import tensorflow as tf

    from benchmarks.throughput_bare import BareStep, floating_operations
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

    def turn(self, case: str, setting: str, steps: int) -> float:
        """Seconds a step, over `steps` of them."""
        request = {"case": case, "setting": setting, "steps": steps}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()["seconds"]

    def close(self) -> None:
        """Lets the process end."""
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("PyTorch's process ended; its own message is above.")
        return json.loads(line)


Turns = dict[str, Callable[[], float]]


def contenders(name: str, case: Case, torch: Torch | None, *, quick: bool) -> tuple[Turns, dict]:
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
    for torch_case, setting in torch.about["settings"] if torch else ():
        if torch_case == name:
            row = f"PyTorch, {setting}"
            turns[row] = lambda s=setting: torch.turn(name, s, case.steps)
            # PyTorch keeps no average, so the row to beat it is the one without.
            baselines[row] = f"ganapp fit, EMA {'on' if quick else 'off'}, 1 a call"
    return turns, baselines


def measured(turns: Turns, rates: dict[str, Rate], rounds: int) -> dict[str, list[float]]:
    """What every turn said in every round; the first round, which compiles, is dropped."""
    results: dict[str, list[float]] = {row: [] for row in [*rates, *turns]}
    for number in range(rounds + 1):
        show(f"round {number} of {rounds}")
        for row, rate in rates.items():
            results[row].append(rate.turn())
        for row, turn in turns.items():
            results[row].append(turn())
    show("")
    return {row: values[1:] for row, values in results.items()}


def show(message: str) -> None:
    """Progress on a terminal's standard error; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r{message:<40}\r", end="", file=sys.stderr, flush=True)


def report(case: Case, results: dict, baselines: dict, work: float) -> dict[str, Any]:
    """The figures of one table."""
    matrix, convolution = (statistics.median(results[k]) for k in (MATRIX, CONVOLUTION))
    rows = []
    for name in results.keys() - {MATRIX, CONVOLUTION}:
        seconds, other = results[name], baselines.get(name)
        ratios = [a / b for a, b in zip(seconds, results[other], strict=True)] if other else []
        shares = [work / s / m for s, m in zip(seconds, results[MATRIX], strict=True)]
        rows.append(
            {
                "setting": name,
                "milliseconds": 1e3 * statistics.median(seconds),
                "examples_per_second": case.batch / statistics.median(seconds),
                "gigaflops": work / statistics.median(seconds) / 1e9,
                "of_matrix_product": statistics.median(shares),
                "compared_with": other,
                "ratio": statistics.median(ratios) if other else None,
            }
        )
    rows.sort(key=lambda row: list(results).index(row["setting"]))
    return {
        "title": case.title,
        "batch": case.batch,
        "gflop_per_step": work / 1e9,
        "matrix_product_gigaflops": matrix / 1e9,
        "convolution_gigaflops": convolution / 1e9,
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
        "| setting | ms a step | examples/s | GFLOP/s | of matrix product | time |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for row in table["rows"]:
        compared = f"{row['ratio']:.3f} of {row['compared_with']}" if row["ratio"] else ""
        lines.append(
            f"| {row['setting']} | {row['milliseconds']:.2f} | {row['examples_per_second']:,.0f} "
            f"| {row['gigaflops']:.0f} | {row['of_matrix_product']:.0%} | {compared} |"
        )
    return "\n".join(lines) + "\n"


def measured_case(name: str, options: argparse.Namespace, torch: Torch | None) -> dict[str, Any]:
    """Builds, times and reports one case."""
    case = CASES[name]
    step = BareStep(case, ema=False)
    real = tf.zeros((case.batch, *step.discriminator.input_shape[1:]))
    work = floating_operations(step, real)
    if (
        torch
        and torch.about["parameters"]
        != [
            sum(v.shape.num_elements() for v in network.trainable_variables)
            for network in (step.generator, step.discriminator)
        ]
        and name != "ring"
    ):
        raise SystemExit("PyTorch's networks are not those of the other contenders.")
    dtype = "bfloat16" if options.precision == "mixed_bfloat16" else "float32"
    rates = {kind: Rate(kind, dtype) for kind in (MATRIX, CONVOLUTION)}
    turns, baselines = contenders(name, case, torch, quick=options.quick)
    return report(case, measured(turns, rates, options.rounds), baselines, work)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="with the moving average only")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
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
