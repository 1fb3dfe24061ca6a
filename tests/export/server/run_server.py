"""A server process before a fake model: `run_server.py FOLDER SECONDS_A_REQUEST SECONDS_TO_END`."""

import asyncio
import sys
from pathlib import Path

from server_case import FakeRepository, Model

from ganapp.export.server.app import Server
from ganapp.export.server.context import Limits
from ganapp.export.server.serve import Settings, free_address, run

LIMITS = Limits(body_bytes=100_000, deadline=2.0)


class SlowToEnd(FakeRepository):
    """Takes its time to put its models away, and says when it begins to."""

    async def stop(self):
        if seconds := float(sys.argv[3]):
            print("Putting models away.", flush=True)
            await asyncio.sleep(seconds)
        await super().stop()


def main() -> None:
    model = Model("digits", Path(sys.argv[1]))
    model.delay = float(sys.argv[2])
    app = Server(SlowToEnd(model), LIMITS)
    settings = Settings(limits=LIMITS, idle_seconds=0.5, drain_seconds=0.5)
    address = free_address("127.0.0.1", 0)
    asyncio.run(run(app, address, settings, lambda sentence: print(sentence, flush=True)))


if __name__ == "__main__":
    main()
