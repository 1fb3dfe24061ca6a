"""What tests of repositories share: running one, and asking it."""

import asyncio

import numpy as np

from ganapp.export.server.repository import Repository

Z = np.ones((1, 5), np.float32)


def run(root, test, **options):
    """Calls `await test(repository)` with a repository that looks when it is told to."""

    async def within():
        repository = Repository(root, **({"poll_seconds": 0} | options))
        await repository.start()
        try:
            async with asyncio.timeout(30):
                await test(repository)
        finally:
            await repository.stop()

    asyncio.run(within())


def states(repository, name="digits"):
    return {each.version: str(each.state) for each in repository.status(name)}


def served(repository, **which):
    with repository.lease("digits", **which) as servable:
        return servable.version


async def settled(repository, expected):
    """Waits for closing, which goes on after a swap."""
    while states(repository) != expected:
        await asyncio.sleep(0.005)
