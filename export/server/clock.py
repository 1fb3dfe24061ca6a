"""A deadline that is set anew all the time and hardly ever reached."""

import asyncio
from collections.abc import Callable


class Clock:
    """Calls a function when time is up; setting it again or stopping it costs next to nothing.

    A timer of the event loop for each setting would be an object, a place in a heap and, once
    cancelled, something to be swept from there: several a request, of which none ever goes off.
    Here one timer stands for all settings, and moves on when it goes off too early.

    Args:
        loop: the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: float | None = None
        self._late: Callable[[], None] = _nothing
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether there is something to be late for."""
        return self._due is not None

    def start(self, seconds: float, late: Callable[[], None]) -> None:
        """Calls `late` in so many seconds, instead of whatever was set before."""
        self._due, self._late = self._loop.time() + seconds, late
        if self._timer is None or self._due < self._timer.when():
            self._set_timer(self._due)

    def stop(self) -> None:
        """Calls nothing."""
        self._due = None

    def close(self) -> None:
        """Stops for good: nothing is left in the event loop."""
        self.stop()
        self._late = _nothing  # whoever owns the clock and is called by it is no longer a cycle
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        when, self._timer = self._timer.when(), None
        if self._due is None:
            return
        if self._due > when:
            self._set_timer(self._due)
        else:
            self.stop()
            self._late()


def _nothing() -> None:
    pass
