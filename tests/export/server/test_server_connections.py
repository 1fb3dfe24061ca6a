"""The clock of a connection, and its answers in one write."""

import asyncio
import types

import pytest
import uvicorn
from uvicorn.server import ServerState

from ganapp.export.server.clock import Clock
from ganapp.export.server.one_packet import OnePacket
from ganapp.export.server.slow_clients import PatientProtocol

HEAD, BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"{}"


class Time:
    """An event loop's time, that moves when it is told to."""

    def __init__(self):
        self.now, self.timers, self.made = 0.0, [], 0

    def time(self):
        return self.now

    def call_at(self, when, function):
        timer = types.SimpleNamespace(when=lambda: when, function=function)
        timer.cancel = lambda: self.timers.remove(timer)
        self.timers.append(timer)
        self.made += 1
        return timer

    def call_soon(self, function):
        return self.call_at(self.now, function)

    def pass_until(self, moment):
        while due := [timer for timer in self.timers if timer.when() <= moment]:
            first = min(due, key=lambda timer: timer.when())
            self.timers.remove(first)
            self.now = max(self.now, first.when())
            first.function()
        self.now = moment


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def clock(time):
    return Clock(time)


def test_a_clock_goes_off_once_and_on_time(time, clock):
    late = []
    clock.start(5.0, lambda: late.append(time.now))
    time.pass_until(4.9)
    assert clock.running
    assert not late
    time.pass_until(20.0)
    assert late == [5.0]
    assert not clock.running
    assert not time.timers


def test_a_clock_that_is_set_again_needs_no_other_timer(time, clock):
    late = []
    for second in range(100):
        time.pass_until(second)
        clock.start(10.0, lambda: late.append(("again", time.now)))
        clock.stop()
        clock.start(10.0, lambda: late.append(("last", time.now)))
    assert time.made < 15
    time.pass_until(200.0)
    assert late == [("last", 109.0)]


def test_a_clock_may_be_set_to_an_earlier_time(time, clock):
    late = []
    clock.start(10.0, lambda: late.append("first"))
    clock.start(1.0, lambda: late.append(time.now))
    time.pass_until(30.0)
    assert late == [1.0]
    assert not time.timers


@pytest.mark.parametrize("end", [Clock.stop, Clock.close])
def test_a_clock_that_is_stopped_does_not_go_off(time, clock, end):
    late = []
    clock.start(10.0, lambda: late.append(1))
    end(clock)
    assert not clock.running
    assert len(time.timers) == (end is Clock.stop)
    time.pass_until(30.0)
    assert not late
    clock.start(10.0, lambda: late.append(time.now))
    time.pass_until(50.0)
    assert late == [40.0]


def test_what_is_late_may_set_its_clock_again(time, clock):
    late = []

    def again():
        late.append(time.now)
        if len(late) < 3:
            clock.start(2.0, again)

    clock.start(2.0, again)
    time.pass_until(30.0)
    assert late == [2.0, 4.0, 6.0]


class Written(asyncio.Transport):
    """A transport that remembers."""

    def __init__(self):
        super().__init__()
        self.writes, self.closed = [], False

    def write(self, data):
        assert not self.closed
        self.writes.append(bytes(data))

    def close(self):
        self.closed = True

    def abort(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def get_write_buffer_size(self):
        return 7


@pytest.fixture
def written():
    return Written()


@pytest.fixture
def transport(written, time):
    return OnePacket(written, time)


def test_head_and_body_leave_together(written, transport, time):
    transport.write(HEAD)
    assert not written.writes
    assert transport.get_write_buffer_size() == len(HEAD) + 7
    transport.write(BODY)
    assert written.writes == [HEAD + BODY]
    assert transport.get_write_buffer_size() == 7
    transport.write(memoryview(BODY))
    time.pass_until(1.0)
    assert written.writes == [HEAD + BODY, BODY]


def test_a_long_body_is_not_copied(written, transport, time):
    body = bytes(2**20)
    transport.write(HEAD)
    transport.write(body)
    time.pass_until(1.0)
    assert written.writes == [HEAD, body]


def test_a_head_whose_body_takes_its_time_does_not_wait_for_it(written, transport, time):
    transport.write(HEAD)
    time.pass_until(0.0)
    assert written.writes == [HEAD]
    transport.write(BODY)
    assert written.writes == [HEAD, BODY]


def test_a_head_without_a_body_leaves_before_the_connection_ends(written, transport, time):
    transport.write(HEAD)
    transport.close()
    time.pass_until(1.0)
    assert written.writes == [HEAD]
    assert written.closed


def test_a_client_that_waits_to_go_on_is_told_at_once(written, transport):
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert len(written.writes) == 1


def test_an_aborted_connection_gets_nothing_more(written, transport, time):
    transport.write(HEAD)
    transport.abort()
    time.pass_until(1.0)
    assert written.closed
    assert not written.writes


def test_a_lost_connection_leaves_nothing_in_the_event_loop(written, time):
    config = uvicorn.Config(lambda: None, ws="none", lifespan="off", log_config=None)
    protocol = PatientProtocol(config=config, server_state=ServerState(), app_state={}, _loop=time)
    protocol.connection_made(written)
    assert time.timers
    protocol.connection_lost(None)
    assert not time.timers
