"""A batcher of a function that can be held up."""

import asyncio
import threading

import numpy as np

from ganapp.export.server.batching import Batcher, Batching


class Doubling:
    """Doubles rows, once `gate` is open, and remembers what it was given."""

    def __init__(self, held=False):
        self.batches, self.gate = [], threading.Event()
        if not held:
            self.gate.set()

    def __call__(self, inputs):
        z = inputs["z"]
        assert self.gate.wait(10)
        self.batches.append(z[:, 0].tolist())
        if (z < 0).any():
            raise ValueError("negative\nand a trace")
        return 2 * z

    @property
    def sizes(self):
        return [len(batch) for batch in self.batches]


class OneInput(Batcher):
    """Rows of `z` alone."""

    async def submit(self, z, deadline=None):
        return await super().submit({"z": z}, deadline)


def rows(*values):
    return np.array(values, np.float32)[:, np.newaxis]


def run(test, *, held=False, hooks=None, **parameters):
    """Calls `await test(batcher, function)` and closes the batcher."""

    async def within():
        function = Doubling(held)
        batcher = OneInput(function, Batching(**parameters), hooks)
        try:
            async with asyncio.timeout(20):
                await test(batcher, function)
        finally:
            function.gate.set()
            await batcher.close()

    asyncio.run(within())


async def start(batcher, *submissions, **options):
    """Tasks of submissions, after the first batch has been started."""
    tasks = [asyncio.create_task(batcher.submit(z, **options)) for z in submissions]
    await asyncio.sleep(0.01)
    return tasks
