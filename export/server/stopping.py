"""How the server ends: signals, those who are still being answered, and those who wait."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from ganapp.export.server.app import Server
from ganapp.export.server.newcomers import ignore_newcomers

HANDSHAKE_SECONDS = 0.25  # for which connections that are being opened are waited for


class GracefulServer(uvicorn.Server):
    """uvicorn's server, which tells others that it is about to stop, and then exits with 0."""

    def __init__(self, config: uvicorn.Config, app: Server, drain_seconds: float) -> None:
        super().__init__(config)
        self.app = app
        self.drain_seconds = drain_seconds
        self.on_start: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_start()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handles signals until the loop ends; uvicorn's own would raise them again at the end.

        Also after the last answer, while models are put away: a second Ctrl-C does no harm there.
        """
        loop = asyncio.get_running_loop()
        waits = {signal.SIGTERM: self.drain_seconds, signal.SIGINT: 0.0}
        for number, seconds in waits.items():
            loop.add_signal_handler(number, self.stop, seconds)
        yield

    def stop(self, seconds: float) -> None:
        """Is no longer ready at once, and takes no more connections after `seconds`.

        A second call waits for nothing and cuts off what is being answered.
        """
        if self.app.context.stopping:
            self.should_exit = self.force_exit = True
            self._cut_off()
            return
        self.app.context.stopping = True
        hurry(self.app.context.repository)
        asyncio.get_running_loop().call_later(seconds, setattr, self, "should_exit", True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        waiting = await self._close_ports(sockets or [])
        for connection in waiting:
            with contextlib.suppress(OSError):  # whoever has gone meanwhile needs no answer
                await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        if self.force_exit:
            self._cut_off()
        await super().shutdown(sockets)

    async def _close_ports(self, sockets: list[socket.socket]) -> list[socket.socket]:
        """Takes no more connections; returns those that the system had taken in the meantime.

        Closing a port resets them, and with them the requests that are on their way.
        """
        loop = asyncio.get_running_loop()
        if not self.force_exit and all(map(ignore_newcomers, sockets)):
            end = loop.time() + HANDSHAKE_SECONDS
            while loop.time() < end and not self.force_exit:
                await asyncio.sleep(0.01)
        for listener in sockets:
            loop.remove_reader(listener)
        for _ in range(2):  # for asyncio to finish those that it has accepted
            await asyncio.sleep(0)
        waiting = []
        for listener in sockets:
            with contextlib.suppress(OSError):  # none is left, or no more files may be open
                while True:
                    waiting.append(listener.accept()[0])
        for server in self.servers:
            server.close()
        for connection in waiting:
            connection.setblocking(False)
        return waiting

    def _protocol(self) -> asyncio.Protocol:
        """As uvicorn makes one for each connection."""
        return self.config.http_protocol_class(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def _cut_off(self) -> None:
        """Ends the requests under way, on whose leases the repository would wait."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # else a traceback for each
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()


def hurry(repository: Any) -> None:
    """Lets no request wait for company any more, which will hardly come."""
    for name, versions in repository.models().items():
        for version, state in versions.items():
            if str(state) == "AVAILABLE":
                with repository.lease(name, version) as servable:
                    servable.hurry()
