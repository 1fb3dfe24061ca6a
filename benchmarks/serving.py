"""What the server bears: `python -m benchmarks.serving --export DIR [--seconds 60]`.

Drives `ganapp serve` processes with wrk (Debian's package) over keep-alive connections that ask for
one sample at a time: gathering requests into batches against running each alone, for every engine
that is asked for, and then more than the queue takes. Servers to be compared run at the same time
and get short turns, one after the other, so that whatever else the machine does falls on all alike.
Processor time of the server says more than answers a second on a busy machine: it is printed beside
them, and so is how much its memory grew.

Use: python -m benchmarks.serving --export DIR [--engine NAME]... [--clients 200] [--json FILE]
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.running import markdown
from benchmarks.serving_load import Load, Server, request_body, serving_file
from ganapp.export.server.engines import open_engine
from ganapp.export.server.spec import ServingSpec
from ganapp.screen import quiet_stderr

ROUNDS = 4
TOGETHER = 64  # rows of a batch at most
HEAD = ["", "answers/s", "CPU ms an answer", "p50 ms", "p99 ms", "rows a batch", "MB", "grew by"]
# Fewer rows may wait than clients ask for, who ask again as soon as they are refused.
OVERLOAD = {"max_batch_size": 8, "max_enqueued_batches": 4}


@contextlib.contextmanager
def servers(export: Path, settings: dict[str, dict]) -> Iterator[dict[str, Server]]:
    """A server for each row, all of them ended at the end."""
    with contextlib.ExitStack() as stack:
        yield {
            row: stack.enter_context(contextlib.closing(Server(export, **options)))
            for row, options in settings.items()
        }


def compared(
    running: dict[str, Server], body: bytes, *, clients: int, seconds: float
) -> dict[str, list[Load]]:
    """The load each server bore in each round, after one that is not counted."""
    found: dict[str, list[Load]] = {row: [] for row in running}
    for number in range(ROUNDS + 1):
        for row, server in running.items():
            load = server.bear(body, clients=clients, seconds=seconds / ROUNDS if number else 2.0)
            if number:
                found[row].append(load)
    return found


def row_of(name: str, loads: list[Load]) -> list[str]:
    """A server's figures as cells; medians over the rounds, but for the memory."""
    middle = {
        field: statistics.median(getattr(load, field) for load in loads)
        for field in ("rate", "processor_milliseconds", "p50", "p99", "rows_a_batch")
    }
    first, last = loads[0].memory_before, loads[-1].memory_after
    return [
        name,
        f"{middle['rate']:,.0f}",
        f"{middle['processor_milliseconds']:.2f}",
        f"{middle['p50']:.0f}",
        f"{middle['p99']:.0f}",
        f"{middle['rows_a_batch']:.1f}",
        f"{last:.0f}",
        f"{last - first:+.1f}",
    ]


def ratios(alone: list[Load], gathered: list[Load]) -> str:
    """How many times the throughput, and for how much of the processor, over all rounds."""
    rate = sum(load.rate for load in gathered) / sum(load.rate for load in alone)
    seconds = [sum(load.processor_seconds for load in loads) for loads in (alone, gathered)]
    answers = [sum(load.statuses.get("200", 0) for load in loads) for loads in (alone, gathered)]
    processor = answers[1] / seconds[1] * seconds[0] / answers[0]
    return f"Batches: {rate:.2f} times the answers/s, {processor:.2f} times per processor second."


def statuses(loads: list[Load]) -> dict[str, int]:
    """How many answers of each status, and what went wrong with connections."""
    total: dict[str, int] = {}
    for load in loads:
        for status, count in load.statuses.items():
            total[status] = total.get(status, 0) + count
    return dict(sorted(total.items()))


def engine_rates(export: Path, engine: str, seconds: float = 2.0) -> tuple[float, float]:
    """Rows a second of the engine without a server, in one thread: one by one, and 64 at once."""
    spec = ServingSpec.read(serving_file(export).parents[1])
    draw = np.random.default_rng(0)
    inputs = {
        each.name: draw.normal(size=(TOGETHER, *each.shape)).astype(np.float32)
        for each in spec.inputs
    }
    with quiet_stderr():
        running = open_engine(engine, spec)
        running.generate(inputs)
    rates = []
    for count in (1, TOGETHER):
        rows = {name: each[:count] for name, each in inputs.items()}
        running.generate(rows)
        begin, calls = time.perf_counter(), 0
        while (passed := time.perf_counter() - begin) < seconds:
            running.generate(rows)
            calls += 1
        rates.append(calls * count / passed)
    running.close()
    return rates[0], rates[1]


def batching(options: argparse.Namespace, engine: str) -> dict:
    """One engine: each request alone, and up to 64 together."""
    settings = {
        f"{engine}, alone": {"engine": engine, "max_batch_size": 1, "max_enqueued_batches": 4096},
        f"{engine}, up to {TOGETHER}": {"engine": engine, "max_batch_size": TOGETHER},
    }
    body = request_body(options.export)
    with servers(options.export, settings) as running:
        starts = ", ".join(f"{server.start_seconds:.2f}" for server in running.values())
        found = compared(running, body, clients=options.clients, seconds=options.seconds)
    print(markdown([HEAD, *(row_of(name, loads) for name, loads in found.items())]))
    print(ratios(*found.values()))
    single, together = engine_rates(options.export, engine)
    bound = together / statistics.median(load.rate for load in found[next(iter(found))])
    print(
        f"The engine without a server, one thread: {single:,.0f} rows/s one by one, "
        f"{together:,.0f} {TOGETHER} at once, which is {bound:.2f} times what `alone` answers."
    )
    print(f"Seconds from the command until it serves: {starts}.")
    print(f"Statuses: { ({name: statuses(loads) for name, loads in found.items()}) }\n", flush=True)
    return {name: [vars(load) for load in loads] for name, loads in found.items()}


def overload(options: argparse.Namespace) -> dict:
    """As many clients as the queue takes, and then many more, of the same server."""
    body = request_body(options.export)
    capacity = OVERLOAD["max_batch_size"] * OVERLOAD["max_enqueued_batches"]
    rows = {"within": capacity, "beyond": options.clients}
    found: dict[str, list[Load]] = {row: [] for row in rows}
    with contextlib.closing(Server(options.export, **OVERLOAD)) as server:
        for _ in range(ROUNDS):
            for row, clients in rows.items():
                seconds = options.seconds / ROUNDS
                found[row].append(server.bear(body, clients=clients, seconds=seconds))
    lines = [["", "clients", "200/s", "refused/s", "statuses"]]
    for row, loads in found.items():
        refused = statistics.median(load.refusals for load in loads)
        good = statistics.median(load.rate for load in loads)
        cells = [f"{rows[row]}", f"{good:,.0f}", f"{refused:,.0f}", str(statuses(loads))]
        lines.append([f"{row} the {capacity} rows that may wait", *cells])
    print(markdown(lines))
    within, beyond = (sum(load.rate for load in loads) for loads in found.values())
    kept = beyond / within
    print(f"Beyond capacity {kept:.0%} of the answers within it are given.\n", flush=True)
    return {name: [vars(load) for load in loads] for name, loads in found.items()}


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--export", type=Path, required=True, help="what `ganapp export` wrote")
    parser.add_argument("--engine", action="append", help="default: litert; may be repeated")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each row")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed to make requests: apt-get install wrk.")
    print(f"{options.clients} clients on {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}.\n")
    measured = {engine: batching(options, engine) for engine in options.engine or ["litert"]}
    measured["overload"] = overload(options)
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
