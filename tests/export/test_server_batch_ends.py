"""How waiting for a batch ends: with an answer for everybody, late, abandoned, failed, closed."""

import asyncio
import time

import numpy as np
import pytest
from batching_case import rows, run, start

from ganapp.export.server.errors import DeadlineExceeded, ServerError, Unavailable


def test_late_rows_are_dropped_and_not_run():
    async def test(batcher, function):
        running = await start(batcher, rows(0))
        (late,) = await start(batcher, rows(1, 1), deadline=time.monotonic() + 0.02)
        (waiting,) = await start(batcher, rows(2), deadline=time.monotonic() + 20)
        await asyncio.sleep(0.03)
        with pytest.raises(DeadlineExceeded):  # refused before it is queued
            await batcher.submit(rows(5), deadline=time.monotonic() - 1)
        function.gate.set()
        with pytest.raises(DeadlineExceeded):
            await late
        await asyncio.gather(*running, waiting)
        assert function.batches == [[0], [2]]
        assert batcher.depth == 0

    run(test, held=True)


def test_rows_of_clients_that_left_are_dropped():
    async def test(batcher, function):
        running = await start(batcher, rows(0))
        left, waiting = await start(batcher, rows(*[1] * 20), rows(2))
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        assert batcher.depth == 1
        function.gate.set()
        await asyncio.gather(*running, waiting)
        assert function.batches == [[0], [2]]

    run(test, held=True, max_batch_size=8)


def test_a_failure_is_told_to_its_batch_alone():
    async def test(batcher, function):
        answers = await asyncio.gather(
            batcher.submit(rows(-1)), batcher.submit(rows(1)), return_exceptions=True
        )
        for answer in answers:
            assert isinstance(answer, ServerError)
            assert (answer.status, str(answer)) == (500, "The model could not be run: negative")
        np.testing.assert_array_equal(await batcher.submit(rows(2)), rows(4))

    run(test)


def test_everybody_in_a_large_batch_is_answered():
    async def test(batcher, function):
        tasks = await start(batcher, rows(0))
        tasks += await start(batcher, *map(rows, range(40)))
        function.gate.set()
        answers = await asyncio.gather(*tasks)
        assert [answer[0, 0] for answer in answers] == [0, *range(0, 80, 2)]
        assert function.sizes == [1, 40]
        bad = [batcher.submit(rows(-1)) for _ in range(40)]
        errors = await asyncio.gather(*bad, return_exceptions=True)
        assert {type(error) for error in errors} == {ServerError}
        assert len(set(map(id, errors))) == 40  # each has its own traceback
        first, *others = [asyncio.create_task(batcher.submit(rows(n))) for n in range(40)]
        await first
        assert not others[-1].done()
        await batcher.close()
        assert all(task.done() for task in others)

    run(test, held=True)


def test_an_engine_that_gives_up_for_good_is_a_failure_too():
    async def test(batcher, function):
        batcher._run = lambda inputs: exec("raise SystemExit(3)")
        with pytest.raises(ServerError, match="could not be run: 3"):
            await batcher.submit(rows(1))

    run(test)


def test_closing_finishes_what_was_accepted():
    async def test(batcher, function):
        tasks = await start(batcher, rows(0), rows(1), rows(2))
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0.01)
        with pytest.raises(Unavailable):
            await batcher.submit(rows(3))
        assert not closing.done()
        function.gate.set()
        await closing
        assert [task.result()[0, 0] for task in tasks] == [0, 2, 4]

    run(test, held=True, max_batch_size=1, batch_timeout_micros=5_000_000)
