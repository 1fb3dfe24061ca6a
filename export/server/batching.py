"""Micro-batching: rows of requests that wait at the same time are run together.

The parameters are TF Serving's (`batching_parameters_file`), and so is what they do: a batch
starts when a thread is free and either it is full or its oldest rows have waited for the
timeout; a request of more rows than a batch takes is split. With the default timeout of 0 a
lone request never waits for company, and under load batches grow while the threads are busy.
"""

import asyncio
import collections
import concurrent.futures
import dataclasses
import math
import time
from collections.abc import Callable

import numpy as np

from ganapp.export.server.engines import count_rows
from ganapp.export.server.errors import DeadlineExceeded, Overloaded, ServerError, Unavailable
from ganapp.export.server.spec import Arrays

Run = Callable[[Arrays], np.ndarray]
ANSWERS_A_TURN = 8  # answers that are handed out before the event loop looks at all else
MEMORY = 0.8  # share of the old value in the running mean of seconds a row


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batching:
    """Parameters of batching; `ValueError` names one that is out of range."""

    max_batch_size: int = 64  # most rows of a batch; 1 turns gathering off
    batch_timeout_micros: int = 0  # for which rows may wait for company while a thread is free
    max_enqueued_batches: int = 64  # most full batches that wait; beyond them requests are refused
    num_batch_threads: int = 1  # batches that run at the same time

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), int(field.name != "batch_timeout_micros")
            if value < least:
                raise ValueError(
                    f"`{field.name}` must be at least {least}. Received: {field.name}={value}"
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hooks:
    """Functions that count batches; called on the event loop, so they must be quick."""

    # There is a queue, from the first request on; given what says how many rows wait in it.
    on_open: Callable[[Callable[[], int]], None] = lambda depth: None
    on_batch: Callable[[int], None] = lambda size: None  # rows of a batch that is started
    on_close: Callable[[], None] = lambda: None  # there will be no more batches, and nothing waits


@dataclasses.dataclass(eq=False)
class QueuedRequest:
    """Rows of a request that wait for a batch, and the future of their answer."""

    inputs: Arrays  # by name, rows `(n, ...)`
    future: asyncio.Future  # of what the engine makes of them, `(n, ...)`
    since: float  # when they came, as `time.monotonic()` counts
    deadline: float = math.inf  # likewise, after which they are not run any more
    taken: int = 0  # how many of them are in a batch already, or need none
    # of the answer, by first row
    parts: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.size = count_rows(self.inputs)

    @property
    def remaining(self) -> int:
        return self.size - self.taken

    def receive(self, start: int, rows: np.ndarray) -> None:
        """Keeps the answer to the rows from `start` on; the last one completes the future."""
        if len(rows) < self.size:
            self.parts[start] = rows
            if sum(map(len, self.parts.values())) < self.size:
                return
            rows = np.concatenate([self.parts[at] for at in sorted(self.parts)])
        if not self.future.done():
            self.future.set_result(rows)

    def fail(self, error: ServerError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


Part = tuple[QueuedRequest, int, int]  # rows [start, stop) of a request


class Batcher:
    """Runs rows of many requests together; used from one event loop.

    `run` makes of inputs by name, rows `(n, ...)`, as many rows, in threads of the batcher,
    `num_batch_threads` at a time. What it makes of a row may not depend on the others.
    """

    def __init__(
        self, run: Run, parameters: Batching | None = None, hooks: Hooks | None = None
    ) -> None:
        self.parameters, self.hooks = parameters or Batching(), hooks or Hooks()
        self._run = run
        self._pool = concurrent.futures.ThreadPoolExecutor(
            self.parameters.num_batch_threads, thread_name_prefix="batch"
        )
        self._queue: collections.deque[QueuedRequest] = collections.deque()
        self._rows = 0  # that wait
        self._running = self._answering = 0  # batches in a thread, and those handed out
        self._seconds_per_row = 0.0
        self._closing = self._flushing = False
        self._idle = asyncio.Event()
        self._wake: asyncio.Handle | None = None
        self._open = False

    @property
    def depth(self) -> int:
        return self._rows

    @property
    def capacity(self) -> int:
        return self.parameters.max_batch_size * self.parameters.max_enqueued_batches

    async def submit(self, inputs: Arrays, deadline: float | None = None) -> np.ndarray:
        """Runs rows of inputs by name, `(n, ...)`, in whatever company, at least one.

        A caller that is cancelled takes its waiting rows out of the queue. After the `deadline`, as
        `time.monotonic()` counts, no row is run any more; whoever does not want to wait for a
        thread or a batch that is running has to end the wait.

        Raises:
            Overloaded: the queue is full.
            DeadlineExceeded: it passed before the rows were run.
            Unavailable: the batcher is closed.
            ServerError: `run` failed (500).
        """
        self.admit(count_rows(inputs), deadline)
        if not self._open:  # not sooner: what fails its warm-up has none
            self._open = True
            self.hooks.on_open(lambda: self._rows)
        future = asyncio.get_running_loop().create_future()
        request = QueuedRequest(
            inputs, future, time.monotonic(), math.inf if deadline is None else deadline
        )
        self._queue.append(request)
        self._count(request.size)
        self._pump_soon()
        try:
            return await future
        finally:
            self._drop(request)

    def admit(self, rows: int, deadline: float | None = None) -> None:
        """Refuses what `submit` would refuse now; a queue with nothing in it takes any number."""
        if self._closing:
            raise Unavailable("The model is being unloaded: try again.")
        if deadline is not None and deadline <= time.monotonic():
            raise _deadline_passed()
        if self._rows and self._rows + rows > self.capacity:
            seconds = math.ceil(self._rows * self._seconds_per_row)
            raise Overloaded(
                f"The queue is full: {self._rows} of {self.capacity} samples wait; try later.",
                retry_after=max(1, seconds),
            )

    def flush(self) -> None:
        self._flushing = True
        self._pump_soon()

    async def close(self) -> None:
        """Finishes what was accepted, accepts nothing more and ends the threads."""
        self._closing = True
        while self._running or self._rows or self._answering:
            self._idle.clear()
            self._pump()
            await self._idle.wait()
        self._pool.shutdown(wait=False)
        self.hooks.on_close()

    def _count(self, change: int) -> None:
        if change:
            self._rows += change
        if not (self._rows or self._running or self._answering):
            self._idle.set()

    def _drop(self, request: QueuedRequest) -> None:
        self._count(-request.remaining)
        request.taken = request.size

    def _pump_soon(self, delay: float = 0.0) -> None:
        """Looks at the queue after the callbacks that are due: they may bring company."""
        if isinstance(self._wake, asyncio.TimerHandle):
            self._wake.cancel()
        elif self._wake is not None and not delay:
            return  # put off by every newcomer it would come late or, under load, never
        loop = asyncio.get_running_loop()
        self._wake = loop.call_later(delay, self._pump) if delay else loop.call_soon(self._pump)

    def _pump(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        while self._rows and self._running < self.parameters.num_batch_threads:
            delay = self._due()
            if delay > 0:
                self._pump_soon(delay)
                return
            if parts := self._take():
                self._start(parts)

    def _due(self) -> float:
        while not self._queue[0].remaining:  # answered late or abandoned
            self._queue.popleft()
        if self._rows >= self.parameters.max_batch_size or self._closing or self._flushing:
            return 0.0
        limit = self.parameters.batch_timeout_micros / 1e6
        return limit - (time.monotonic() - self._queue[0].since)

    def _take(self) -> list[Part]:
        """Rows of the next batch; none, if all that waited had waited too long."""
        parts, room, now = [], self.parameters.max_batch_size, time.monotonic()
        while room and self._queue:
            request = self._queue[0]
            if request.remaining and request.deadline <= now:
                self._drop(request)
                request.fail(_deadline_passed())
            start = request.taken
            request.taken = min(request.size, start + room)
            if request.taken > start:
                parts.append((request, start, request.taken))
                room -= request.taken - start
            if not request.remaining:
                self._queue.popleft()
        return parts

    def _start(self, parts: list[Part]) -> None:
        size = sum(stop - start for _, start, stop in parts)
        self._running += 1
        self._count(-size)
        self.hooks.on_batch(size)
        self._pool.submit(self._work, parts, asyncio.get_running_loop())

    def _work(self, parts: list[Part], loop: asyncio.AbstractEventLoop) -> None:
        try:
            begin = time.perf_counter()
            result = self._run(_batch_inputs(parts))
            each = (time.perf_counter() - begin) / len(result)
            self._seconds_per_row = MEMORY * (self._seconds_per_row or each) + (1 - MEMORY) * each
        except BaseException as error:  # whatever it is, it is told to those who asked
            loop.call_soon_threadsafe(self._finish, parts, error)
        else:
            loop.call_soon_threadsafe(self._finish, parts, result)

    def _finish(self, parts: list[Part], result: np.ndarray | BaseException) -> None:
        self._running -= 1
        self._answering += 1
        self._pump()
        self._give_answers(parts, result)

    def _give_answers(self, parts: list[Part], result: np.ndarray | BaseException) -> None:
        """Gives answers a few at a time: writing them all would keep the next batch waiting."""
        now, later = parts[:ANSWERS_A_TURN], parts[ANSWERS_A_TURN:]
        if isinstance(result, BaseException):
            for request, _, _ in now:
                request.fail(_engine_failure(result))
        else:
            for request, start, stop in now:
                request.receive(start, result[: stop - start])
                result = result[stop - start :]
        if later:
            asyncio.get_running_loop().call_soon(self._give_answers, later, result)
        else:
            self._answering -= 1
            self._count(0)


def _batch_inputs(parts: list[Part]) -> Arrays:
    found = {}
    for name in parts[0][0].inputs:
        rows = [request.inputs[name][start:stop] for request, start, stop in parts]
        found[name] = rows[0] if len(rows) == 1 else np.concatenate(rows)
    return found


def _deadline_passed() -> DeadlineExceeded:
    return DeadlineExceeded("The deadline passed before the answer was ready: ask for less.")


def _engine_failure(error: BaseException) -> ServerError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    refusal = ServerError(f"The model could not be run: {reason}")
    refusal.__cause__ = error
    return refusal
