"""LiteRT beside onnxruntime and PyTorch: `python -m benchmarks.runtimes --export DIR`.

The same generator with the same weights, float32, on the same number of threads: LiteRT and
onnxruntime as the server runs them, and, given `--torch-python`, PyTorch eager, rebuilt layer by
layer from the export's model.keras. All must give the same samples (1e-3, an eighth of a grey
level). Every round gives each of them a short turn, of which the quickest call counts, and ratios
are medians of the ratios within a round: so whatever else the machine does falls on all alike.
Processor time is summed over threads. On a busy machine `--threads 1` says more than two that wait
for each other.

Use: python -m benchmarks.runtimes --export DIR [--torch-python FILE] [--threads N] [--json FILE]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.running import markdown
from ganapp.export.server.engines import Engine, open_engine
from ganapp.export.server.spec import ServingSpec

BATCHES = {1: 40, 16: 12, 64: 6}  # calls in a turn
TOLERANCE = 1e-3  # PyTorch sums some convolutions otherwise, 9e-5; other weights differ by 1
FIRST = "litert"
Turn = Callable[[np.ndarray, int], list[list[float]]]


class Torch:
    """PyTorch's side, in a process of its own.

    Args:
        interpreter: a Python that has PyTorch.
        model: the generator as `.keras`.
        folder: for what is handed over.
        threads: of an operation.
    """

    def __init__(self, interpreter: str, model: Path, folder: Path, threads: int) -> None:
        self.folder = folder
        write_layers(model, folder)
        script = Path(__file__).with_name("runtimes_torch.py")
        self.process = subprocess.Popen(
            [interpreter, str(script), str(folder), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = self._answer()

    def generate(self, setting: str, z: np.ndarray) -> np.ndarray:
        """Latents float32 `(n, size)` -> samples float32 `(n, height, width, channels)`."""
        self._ask(setting, z, samples=str(self.folder / "samples.npy"))
        return np.load(self.folder / "samples.npy")

    def turn(self, setting: str, z: np.ndarray, calls: int) -> list[list[float]]:
        """Seconds of each call by the wall clock and of the processors."""
        return self._ask(setting, z, calls=calls)["seconds"]

    def close(self) -> None:
        """Lets the process end."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _ask(self, setting: str, z: np.ndarray, **request: object) -> dict:
        path = self.folder / "latents.npy"
        np.save(path, z)
        line = json.dumps(request | {"setting": setting, "latents": str(path)})
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("PyTorch's process ended; its own message is above.")
        return json.loads(line)


def write_layers(model: Path, folder: Path) -> None:
    """Writes what the generator is made of, layer by layer, and its weights."""
    from ganapp.screen import quiet_stderr

    with quiet_stderr():
        import keras

        generator = keras.models.load_model(model, compile=False)
    layers = [each for each in generator.layers if type(each).__name__ != "InputLayer"]
    described = [
        {
            "kind": type(each).__name__,
            "options": {k: v for k, v in each.get_config().items() if is_plain(v)},
            "weights": len(each.weights),
        }
        for each in layers
    ]
    weights = {
        f"{number}_{place}": np.asarray(keras.ops.convert_to_numpy(weight), np.float32)
        for number, each in enumerate(layers)
        for place, weight in enumerate(each.weights)
    }
    (folder / "layers.json").write_text(json.dumps(described))
    np.savez(folder / "weights.npz", **weights)


def is_plain(value: object) -> bool:
    """Whether JSON holds an option as it is."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)


def timed(engine: Engine, z: np.ndarray, calls: int) -> list[list[float]]:
    """Seconds of each call by the wall clock and of the processors."""
    engine.generate({"z": z})  # the one before may have left the caches cold
    found = []
    for _ in range(calls):
        clock, work = time.perf_counter(), time.process_time()
        engine.generate({"z": z})
        found.append([time.perf_counter() - clock, time.process_time() - work])
    return found


def measured(turns: dict[str, Turn], z: np.ndarray, calls: int, rounds: int) -> dict:
    """Seconds a call `(rounds, 2)` by the clock and of the processors: the least of each turn.

    Other processes only add: a library whose threads wait for each other by spinning, as PyTorch's
    OpenMP does, takes tens of milliseconds for a call whenever one of them is not running.
    """
    found: dict[str, list] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            seconds = np.array(turn(z, calls))
            found[name].append(seconds.min(axis=0))
    return {name: np.array(values) for name, values in found.items()}


def check_equal(made: dict[str, np.ndarray], kept: np.ndarray) -> None:
    """Ends the run unless all give the samples that the Keras generator gave at the export."""
    differences = {name: float(np.abs(samples - kept).max()) for name, samples in made.items()}
    for name, difference in differences.items():
        print(f"Largest difference of {name} to Keras: {difference:.1e}.")
    for name, difference in differences.items():
        if not difference <= TOLERANCE:
            raise SystemExit(f"{name} must be within {TOLERANCE:g} of Keras.")


def table(turns: dict[str, Turn], z: np.ndarray, rounds: int) -> dict:
    """Measures and prints; returns the figures by batch and runtime."""
    lines = [["batch", "runtime", "ms", "CPU ms", "time by LiteRT's", "CPU by LiteRT's"]]
    figures: dict[int, dict] = {}
    for batch, calls in BATCHES.items():
        results = measured(turns, z[:batch], calls, rounds)
        for name, seconds in results.items():
            wall, processor = 1e3 * np.median(seconds, axis=0)
            ratios = np.median(seconds / results[FIRST], axis=0)
            figures.setdefault(batch, {})[name] = [wall, processor, *ratios]
            cells = [f"{wall:.3f}", f"{processor:.3f}", *(f"{ratio:.2f}" for ratio in ratios)]
            lines.append([str(batch), name, *cells])
    print(markdown(lines, left=2), flush=True)
    return figures


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--export", type=Path, required=True, help="with litert, onnx and keras")
    parser.add_argument("--torch-python", help="an interpreter that has PyTorch")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    folder = next(iter(sorted(options.export.glob("models/*/*"))), None)
    if folder is None:
        sys.exit(f"`--export` must be what `ganapp export` wrote. Received: {options.export}")
    spec = ServingSpec.read(folder)
    with np.load(folder / "assets.extra" / "reference.npz") as reference:
        kept_z, kept = reference["z"], reference["samples"]
    engines = {n: open_engine(n, spec, num_threads=options.threads) for n in (FIRST, "onnx")}
    turns: dict[str, Turn] = {n: lambda *a, e=e: timed(e, *a) for n, e in engines.items()}
    made = {name: engine.generate({"z": kept_z}) for name, engine in engines.items()}
    torch = None
    with tempfile.TemporaryDirectory() as scratch:
        if options.torch_python and shutil.which(options.torch_python):
            model = folder / spec.artefacts["keras"]
            torch = Torch(options.torch_python, model, Path(scratch), options.threads)
            for setting in torch.about["settings"]:
                name = f"PyTorch {torch.about['version']} eager, {setting}"
                turns[name] = lambda *a, s=setting: torch.turn(s, *a)
                made[name] = torch.generate(setting, kept_z)
        else:
            print("Without PyTorch: name an interpreter that has it with `--torch-python`.")
        print(f"{options.threads} threads; load {os.getloadavg()[0]:.1f}; {options.rounds} rounds.")
        check_equal(made, kept)
        z = np.random.default_rng(0).normal(size=(64, spec.latent.size)).astype(np.float32)
        figures = table(turns, z, options.rounds)
        if torch is not None:
            torch.close()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
