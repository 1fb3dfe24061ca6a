"""One model's versions: which are wanted, and how one takes over from another."""

import asyncio
import dataclasses
import enum
import logging
from collections.abc import Callable, Mapping

from ganapp.export.server.scanning import Found
from ganapp.export.server.servable import Servable
from ganapp.export.server.spec import BrokenVersion

logger = logging.getLogger(__name__)


class State(enum.StrEnum):
    """TF Serving's states of a version."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """What is known of a version.

    Args:
        version: its number.
        state: see `State`.
        error_code: `"OK"`, or TensorFlow's name of what is wrong with its files.
        error_message: the sentence to that.
    """

    version: int
    state: State
    error_code: str = "OK"
    error_message: str = ""


@dataclasses.dataclass(eq=False)
class Entry:
    """A version and the requests that use it.

    Args:
        found: the content it is about.
        status: see `VersionStatus`.
        servable: while it is loaded.
        leases: requests that use it.
        idle: set when the last of them ends.
    """

    found: Found
    status: VersionStatus
    servable: Servable | None = None
    leases: int = 0
    idle: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    def become(self, state: State, error: BaseException | None = None) -> None:
        """Notes a new state, and why if something is wrong."""
        code, message = "OK", ""
        if error is not None:
            broken = isinstance(error, BrokenVersion)
            code, message = "FAILED_PRECONDITION" if broken else "INTERNAL", str(error)
        self.status = VersionStatus(self.status.version, state, code, message)

    def release(self) -> None:
        """Ends one request's use."""
        self.leases -= 1
        if not self.leases:
            self.idle.set()

    @property
    def available(self) -> bool:
        """Whether requests may use it."""
        return self.status.state == State.AVAILABLE


class Versions:
    """The versions of one model; used from one event loop.

    The highest one that can be loaded is wanted, and those that a label names. What is served goes
    on until what takes its place is ready.

    Args:
        load: opens the folder of a version; called in a thread.
    """

    def __init__(self, load: Callable[[Found, int], Servable]) -> None:
        self.entries: dict[int, Entry] = {}
        self.labels: dict[str, int] = {}
        self._load = load
        self._seen: dict[int, Found] = {}
        self._broken: dict[int, Found] = {}  # content that could not be loaded: not tried again
        self._closing: set[asyncio.Task] = set()

    def latest(self) -> Entry | None:
        """The highest version that is served."""
        served = [number for number, entry in self.entries.items() if entry.available]
        return self.entries[max(served)] if served else None

    async def update(self, found: Mapping[int, Found], *, patient: bool) -> None:
        """Loads what is new and wanted, then unloads what is no longer.

        What is served is unloaded after two looks without it: where a version is replaced in place
        one look may fall between the two renames.

        Args:
            found: complete folders by number.
            patient: whether content that cannot be loaded, and that the last update did not see, is
                tried once more by the next: its files may still be growing.
        """
        seen = dict(found)
        found = seen | self._just_gone(seen)
        tried: set[int] = set()
        while (number := self._next(found, tried)) is not None:
            tried.add(number)
            lenient = patient and self._seen.get(number) != found[number]
            await self._open(number, found[number], lenient)
        wanted = self._wanted(found, tried)
        for number, entry in list(self.entries.items()):
            if entry.available and number not in wanted:
                self.retire(entry)
            elif number not in found and entry.servable is None:
                del self.entries[number]
        self._seen = seen
        self._broken = {n: of for n, of in self._broken.items() if found.get(n) == of}

    def retire(self, entry: Entry) -> None:
        """Gives a version to nobody any more and closes it when its last request is answered."""
        if entry.available:
            entry.become(State.UNLOADING)
            task = asyncio.create_task(self._close(entry))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Retires all versions and waits for their last requests."""
        for entry in self.entries.values():
            self.retire(entry)
        await asyncio.gather(*self._closing)

    def _just_gone(self, found: Mapping[int, Found]) -> dict[int, Found]:
        """What is served and was there at the last look, but is not now."""
        return {
            number: entry.found
            for number, entry in self.entries.items()
            if entry.available and number in self._seen and number not in found
        }

    def _next(self, found: Mapping[int, Found], tried: set[int]) -> int | None:
        """The first wanted version whose content is not loaded yet."""
        for number in self._wanted(found, tried):
            entry = self.entries.get(number)
            current = entry is not None and entry.available and entry.found == found[number]
            if not current and self._may_try(number, found, tried):
                return number
        return None

    def _wanted(self, found: Mapping[int, Found], tried: set[int]) -> list[int]:
        """The highest number that is or may be served, then those with labels."""
        good = [
            number
            for number in sorted(found, reverse=True)
            if self._may_try(number, found, tried)
            or (number in self.entries and self.entries[number].available)
        ]
        labelled = set(self.labels.values())
        return good[:1] + [number for number in good[1:] if number in labelled]

    def _may_try(self, number: int, found: Mapping[int, Found], tried: set[int]) -> bool:
        return number not in tried and self._broken.get(number) != found[number]

    async def _open(self, number: int, found: Found, lenient: bool) -> None:
        old = self.entries.get(number)
        # Other content under a number that is served: the old entry stays until it is replaced.
        serving = old is not None and old.available
        entry = Entry(found, VersionStatus(number, State.LOADING))
        if not serving:
            self.entries[number] = entry
        try:
            entry.servable = await asyncio.to_thread(self._load, found, number)
        except Exception as error:  # whatever is wrong with it, the other versions go on
            self._refuse(old if serving else entry, found, error, lenient)
            return
        entry.become(State.AVAILABLE)
        self.entries[number] = entry
        if serving:
            self.retire(old)

    def _refuse(self, entry: Entry, found: Found, error: Exception, lenient: bool) -> None:
        if lenient:
            if not entry.available:
                entry.become(State.START)
            return
        self._broken[entry.status.version] = found
        entry.become(State.AVAILABLE if entry.available else State.END, error)
        logger.warning("%s is not served: %s", found.folder, error)

    async def _close(self, entry: Entry) -> None:
        while entry.leases:
            entry.idle.clear()
            await entry.idle.wait()
        servable, entry.servable = entry.servable, None
        await servable.close()
        entry.become(State.END)
