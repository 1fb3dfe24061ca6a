"""A server process before a fake model: `run_server.py FOLDER SECONDS_A_REQUEST SECONDS_TO_END`."""

import asyncio
import contextlib
import sys
from pathlib import Path

from server_case import FakeRepository, Model

from ganapp.export.server.app import make_app
from ganapp.export.server.limits import Limits
from ganapp.export.server.serve import Settings, listen, run
from ganapp.export.server.slow_clients import Patience

PATIENCE = Patience(
    header_seconds=0.5, header_bytes=4000, body_seconds=0.5, write_seconds=0.7, idle_seconds=2
)
LIMITS = Limits(body_bytes=100_000, deadline=5.0)


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
    app = make_app(SlowToEnd(model), LIMITS)
    settings = Settings(port=0, patience=PATIENCE, limits=LIMITS, drain_seconds=0.5)
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        asyncio.run(run(app, listener, settings, lambda sentence: print(sentence, flush=True)))


if __name__ == "__main__":
    main()
