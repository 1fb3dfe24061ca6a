"""How long the costly parts of an evaluation take: `python -m benchmarks.evaluation`.

Prints rows of a Markdown table. Features are random: what a network takes to make them is not here.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from ganapp.training.evaluation.features.spaces import FeatureStatistics
from ganapp.training.evaluation.metrics.frechet_distance import frechet_distance, statistics_moments
from ganapp.training.evaluation.metrics.kernel_distance import kernel_distance
from ganapp.training.evaluation.metrics.precision_recall import compare_neighbours

BATCH = 1000


def streamed_frechet(count: int, dimension: int) -> float:
    """Fréchet distance of two sets whose features come batch by batch and are never held."""
    sides = []
    for seed in (0, 1):
        generator, found = np.random.default_rng(seed), FeatureStatistics(dimension)
        for start in range(0, count, BATCH):
            rows = min(BATCH, count - start)
            found.update(generator.random((rows, dimension), np.float32))
        sides.append(statistics_moments(found))
    return frechet_distance(*sides)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=2048)
    asked = parser.parse_args()
    count, dimension = asked.count, asked.dimension
    first, second = (
        np.random.default_rng(seed).random((count, dimension), np.float32) for seed in (0, 1)
    )
    rows = {
        "Fréchet distance, streamed": lambda: streamed_frechet(count, dimension),
        "kernel distance with interval": lambda: kernel_distance(first, second),
        "precision, recall, density, coverage": lambda: compare_neighbours(first, second),
    }
    print(f"| {count:,} features of {dimension:,} | seconds |")
    print("| --- | ---: |")
    for name, work in rows.items():
        print(f"| {name} | {timed(work):.1f} |", flush=True)


if __name__ == "__main__":
    main()
