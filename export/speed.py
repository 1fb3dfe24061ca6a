"""How fast artefacts are, measured side by side in the same minute. Needs no TensorFlow."""

import statistics
from collections.abc import Mapping
from typing import Any

from ganapp.export.workers import Worker

BATCHES = (1, 16, 64)
ROUNDS = 5  # each format has a turn in each, so that a busy moment of the machine meets all
SECONDS = 0.06  # of a turn with one batch size


def measure(
    workers: Mapping[str, Worker], size: int, *, rounds: int = ROUNDS, seconds: float = SECONDS
) -> dict[str, dict[str, Any]]:
    """Times every artefact, one at a time.

    Args:
        workers: by name of the format, each with its artefact loaded.
        size: of a latent.
        rounds: how often each has a turn at each batch size.
        seconds: of a turn; a slow call is made once in it.

    Returns:
        by name: `latency_ms` (median milliseconds of a call, by batch size) and
        `samples_per_second` (at the batch size where that is largest).
    """
    calls: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for batch in BATCHES:
            for name, worker in workers.items():
                calls.setdefault((name, batch), []).extend(
                    worker.milliseconds(batch, size, seconds)
                )
    medians = {key: statistics.median(times) for key, times in calls.items()}
    return {
        name: {
            "latency_ms": {str(batch): medians[name, batch] for batch in BATCHES},
            "samples_per_second": max(1e3 * batch / medians[name, batch] for batch in BATCHES),
        }
        for name in workers
    }
