"""Peak memory of judging many samples: `python -m benchmarks.evaluation_memory --count 50000`.

Trains a tiny generator of coloured pictures for a few steps and runs `evaluate` on it in a process
of its own. Prints rows of a Markdown table; the pixels of all samples as float32 stand beside.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.running import ROOT, markdown

MEBIBYTE = 2**20
SETTINGS = "benchmarks/evaluation_memory.toml"


def pictures(count: int, side: int) -> np.ndarray:
    """Smooth random colours: uint8 `(count, side, side, 3)`."""
    generator = np.random.default_rng(0)
    coarse = generator.random((count, side // 8, side // 8, 3), np.float32)
    fine = coarse.repeat(8, axis=1).repeat(8, axis=2)
    return (230 * fine + 25 * generator.random(fine.shape, np.float32)).astype(np.uint8)


def run(*arguments: str) -> None:
    """A command of ganapp in a process of its own."""
    subprocess.run([sys.executable, "-m", "ganapp", *arguments], cwd=ROOT, check=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=50_000, help="generated samples")
    parser.add_argument("--real", type=int, default=1_500, help="real examples")
    parser.add_argument("--side", type=int, default=64, help="pixels, a multiple of 8")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "pictures.npz"
        np.savez(data, images=pictures(asked.real, asked.side))
        run("train", SETTINGS, "--data", str(data), "--run", str(folder / "run"))
        trained = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        began = time.perf_counter()
        run("evaluate", str(folder / "run"), "--set", f"evaluation.samples={asked.count}")
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    pixels = asked.count * asked.side**2 * 3 * 4 / MEBIBYTE
    head = [
        "samples",
        "peak of training, MiB",
        "peak of evaluate, MiB",
        "pixels as float32, MiB",
        "s",
    ]
    row = [asked.count, trained // 1024, peak // 1024, round(pixels), round(seconds)]
    print(markdown([head, [f"{value:,}" for value in row]], left=0))


if __name__ == "__main__":
    main()
