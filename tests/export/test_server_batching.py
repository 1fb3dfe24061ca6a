"""Micro-batching with a function that can be held up."""

import asyncio
import random
import threading
import time

import numpy as np
import pytest
from batching_case import rows, run, start

from ganapp.export.server.batching import Batching, Hooks
from ganapp.export.server.errors import Overloaded


def test_rows_that_wait_are_run_together():
    async def test(batcher, function):
        (first,) = await start(batcher, rows(0))
        others = await start(batcher, *(rows(value, value + 0.5) for value in range(1, 20)))
        assert batcher.depth == 38
        function.gate.set()
        np.testing.assert_array_equal(await first, rows(0))
        for value, answer in enumerate(await asyncio.gather(*others), start=1):
            np.testing.assert_array_equal(answer, 2 * rows(value, value + 0.5))
        assert function.sizes == [1, 16, 16, 6]

    run(test, held=True, max_batch_size=16)


def test_a_request_larger_than_a_batch_is_split():
    async def test(batcher, function):
        z = rows(*range(11))
        np.testing.assert_array_equal(await batcher.submit(z), 2 * z)
        assert function.sizes == [4, 4, 3]

    run(test, max_batch_size=4, max_enqueued_batches=1)  # an empty queue takes any number


def test_a_batch_of_one_is_no_batching():
    async def test(batcher, function):
        await asyncio.gather(*(batcher.submit(rows(value)) for value in range(5)))
        assert function.sizes == [1] * 5

    run(test, max_batch_size=1)


def test_rows_wait_for_company_as_long_as_told():
    async def test(batcher, function):
        begin = time.monotonic()
        first = asyncio.create_task(batcher.submit(rows(1)))
        await asyncio.sleep(0.02)
        await asyncio.gather(first, batcher.submit(rows(2)))
        assert function.sizes == [2]
        assert time.monotonic() - begin >= 0.2
        begin = time.monotonic()
        await batcher.submit(rows(1, 2, 3, 4))  # a full batch does not wait
        assert time.monotonic() - begin < 0.2

    run(test, max_batch_size=4, batch_timeout_micros=200_000)


def test_a_server_that_stops_waits_for_no_company():
    async def test(batcher, function):
        waiting = asyncio.create_task(batcher.submit(rows(1)))
        await asyncio.sleep(0.01)
        assert function.batches == []
        batcher.flush()
        for last in (waiting, batcher.submit(rows(2))):
            async with asyncio.timeout(5):
                await last
        assert function.batches == [[1], [2]]

    run(test, max_batch_size=4, batch_timeout_micros=60_000_000)


def test_newcomers_do_not_put_a_batch_off():
    async def test(batcher, function):
        async def come(turn):
            for _ in range(turn):
                await asyncio.sleep(0)
            depths.append(batcher.depth)
            await batcher.submit(rows(turn))

        depths = []
        # In every turn of the loop somebody comes before the batcher gets to look at its queue.
        await asyncio.gather(*map(come, reversed(range(8))))
        assert max(depths) < 4

    run(test, num_batch_threads=8)


def test_a_full_queue_refuses():
    async def test(batcher, function):
        running = await start(batcher, rows(0, 0))
        waiting = await start(batcher, rows(1, 1), rows(2, 2))
        with pytest.raises(Overloaded, match="4 of 4 samples wait") as caught:
            await batcher.submit(rows(3))
        assert caught.value.status == 429
        assert caught.value.retry_after >= 1
        function.gate.set()
        assert len(await asyncio.gather(*running, *waiting)) == 3
        np.testing.assert_array_equal(await batcher.submit(rows(3)), rows(6))

    run(test, held=True, max_batch_size=2, max_enqueued_batches=2)


def test_batches_run_at_the_same_time():
    async def test(batcher, function):
        both = threading.Barrier(2)
        batcher._run = lambda inputs: (both.wait(10), 2 * inputs["z"])[1]
        await asyncio.gather(batcher.submit(rows(1)), batcher.submit(rows(2)))

    run(test, max_batch_size=1, num_batch_threads=2)


def test_hooks_are_told():
    batches, queues, closed = [], [], []

    async def test(batcher, function):
        assert not queues
        tasks = await start(batcher, rows(0), rows(1, 2, 3))
        (depth,) = queues
        assert depth() == 2  # two are being run
        function.gate.set()
        await asyncio.gather(*tasks)
        assert depth() == 0
        assert not closed

    run(
        test,
        held=True,
        max_batch_size=2,
        hooks=Hooks(
            on_open=queues.append,
            on_batch=batches.append,
            on_close=lambda: closed.append(len(batches)),
        ),
    )
    assert batches == [2, 2]
    assert closed == [2]  # once, after the last row


def test_every_answer_is_its_own_in_any_traffic():
    chance = random.Random(5)

    async def client(batcher, value):
        await asyncio.sleep(chance.random() * 0.05)
        z = rows(*(value + k / 64 for k in range(chance.randint(1, 30))))
        task = asyncio.create_task(batcher.submit(z))
        if chance.random() < 0.2:
            await asyncio.sleep(chance.random() * 0.005)
            task.cancel()
        try:
            np.testing.assert_array_equal(await task, 2 * z)
        except asyncio.CancelledError:
            return 0
        return 1

    async def test(batcher, function):
        answered = sum(await asyncio.gather(*(client(batcher, value) for value in range(300))))
        assert answered >= 200
        assert batcher.depth == 0
        assert max(function.sizes) <= 7

    run(test, max_batch_size=7, max_enqueued_batches=10_000, num_batch_threads=2)


@pytest.mark.parametrize(
    "parameters", [{"max_batch_size": 0}, {"batch_timeout_micros": -1}, {"num_batch_threads": 0}]
)
def test_parameters_out_of_range_are_named(parameters):
    with pytest.raises(ValueError, match=rf"`{next(iter(parameters))}` must be at least"):
        Batching(**parameters)
