"""A port that lets in who has knocked, and nobody else."""

import asyncio
import contextlib
import socket
import sys

import pytest
import uvicorn

from ganapp.export.server import newcomers
from ganapp.export.server.newcomers import ignore_newcomers
from ganapp.export.server.stopping import GracefulServer


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["4", "6"])
def listener(request):
    family, address = request.param
    with socket.socket(family) as listening:
        try:
            listening.bind((address, 0))
        except OSError as error:
            pytest.skip(f"this machine has no {address}: {error}")
        listening.listen(8)
        yield listening


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can do it")
def test_who_has_knocked_is_let_in_and_nobody_else(listener):
    address = listener.getsockname()[:2]
    with socket.create_connection(address, timeout=5) as early:
        assert ignore_newcomers(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(address, timeout=0.2)
        early.sendall(b"asked before")
        with listener.accept()[0] as connection:
            assert connection.recv(100) == b"asked before"
            connection.sendall(b"answered")
            assert early.recv(100) == b"answered"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can do it")
@pytest.mark.parametrize("forced", [False, True])
def test_a_port_that_closes_takes_all_who_have_knocked(listener, forced):
    server = GracefulServer(uvicorn.Config(None, log_config=None), None, 0.0)
    server.servers, server.force_exit = [], forced
    address = listener.getsockname()[:2]

    async def come_late():
        await asyncio.sleep(0.05)
        with contextlib.closing(socket.socket(listener.family)) as late:
            late.setblocking(False)
            async with asyncio.timeout(0.1):
                await asyncio.get_running_loop().sock_connect(late, address)

    async def close():
        closing = asyncio.create_task(server._close_ports([listener]))
        late = await asyncio.gather(come_late(), return_exceptions=True)
        return await closing, late[0]

    listener.setblocking(False)
    with socket.create_connection(address, timeout=5) as early:
        taken, late = asyncio.run(close())
        assert [each.getpeername()[:2] for each in taken] == [early.getsockname()[:2]]
        # Whoever is told to stop for the second time waits for nobody.
        assert isinstance(late, type(None) if forced else TimeoutError)
    for each in taken:
        each.close()


def test_systems_that_cannot_say_so(monkeypatch, listener):
    monkeypatch.setattr(newcomers, "_ATTACH_FILTER", 12345)
    assert not ignore_newcomers(listener)
    monkeypatch.setattr(sys, "platform", "win32")
    assert not ignore_newcomers(listener)
    socket.create_connection(listener.getsockname()[:2], timeout=5).close()
