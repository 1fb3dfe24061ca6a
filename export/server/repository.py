"""The models in a folder: found, loaded, swapped for newer versions, and unloaded.

As with TF Serving's default policy, the highest version of a model is served: a new one is
loaded and run once before it takes over, and the old one is closed when the last request that
uses it has been answered. Half-written folders are left alone.
"""

import asyncio
import contextlib
import dataclasses
import enum
import functools
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ganapp.export.layout import EXTRA, MODELS, may_be_served
from ganapp.export.layout import labels as read_labels
from ganapp.export.server.batching import Batching, Hooks
from ganapp.export.server.engines import check_engine
from ganapp.export.server.errors import InvalidArgument, NotFound, Unavailable
from ganapp.export.server.servable import SAMPLES_LIMIT, Servable
from ganapp.export.server.spec import BrokenVersion, IncompleteVersion, ServingSpec

NUMBER = re.compile(r"[0-9]{1,18}")  # int64, as TF Serving's versions
MOST_FILES = 10_000  # of a version folder; more are no export

logger = logging.getLogger(__name__)

Warn = Callable[[str], None]
Labels = dict[str, int]
Fingerprint = tuple[tuple[str, int, int, int], ...]  # path, size, time and inode


@dataclasses.dataclass(frozen=True)
class VersionFolder:
    """A version folder with every file that its serving.json lists."""

    folder: Path  # resolved
    fingerprint: Fingerprint  # of its files: another one means other content
    name: str  # of the model, as exported; that of the folder if serving.json is broken


def read_models(root: Path, warn: Warn = logger.warning) -> dict[str, Path]:
    """The folders of models, of their versions, in a model, a folder of models or an export.

    `warn` is given what is left out, and why.
    """
    if any((folder / EXTRA).is_dir() for folder in _numbered(root).values()):
        return {root.name: root}
    folder = root / MODELS if (root / MODELS).is_dir() else root
    if not _within(root, folder, warn):
        return {}
    children = sorted(child for child in folder.iterdir() if may_be_served(child.name))
    return {
        child.name: child for child in children if child.is_dir() and _within(folder, child, warn)
    }


def read_versions(model: Path, warn: Warn = logger.warning) -> dict[int, VersionFolder]:
    """The complete version folders of a model; half-written ones are left out.

    `warn` is given links out of the folder: what they name could be another model's version.
    """
    found = {}
    for number, folder in _numbered(model).items():
        if _within(model, folder, warn) and (one := read_version(folder)) is not None:
            found[number] = one
    return found


def read_version(folder: Path) -> VersionFolder | None:
    """A version folder if all its files are there, whatever is in them."""
    try:
        name = ServingSpec.read(folder).name
    except (IncompleteVersion, OSError):
        return None
    except BrokenVersion:
        name = ""  # why is reported when it is loaded
    try:
        fingerprint = _fingerprint(folder)
    except OSError:  # it is being deleted
        return None
    return VersionFolder(
        folder.resolve(), fingerprint, name if may_be_served(name) else folder.name
    )


def _numbered(folder: Path) -> dict[int, Path]:
    children = [child for child in folder.iterdir() if NUMBER.fullmatch(child.name)]
    return {int(child.name): child for child in sorted(children) if child.is_dir()}


def _within(parent: Path, folder: Path, warn: Warn) -> bool:
    if folder.resolve().is_relative_to(parent.resolve()):
        return True
    warn(f"{folder} is a link that leads out of {parent}: not served")
    return False


def _fingerprint(folder: Path) -> Fingerprint:
    entries = []
    for parent, _, names in os.walk(folder):  # follows no links
        for name in names:
            path = os.path.join(parent, name)
            status = os.stat(path, follow_symlinks=False)
            entries.append((path, status.st_size, status.st_mtime_ns, status.st_ino))
        if len(entries) > MOST_FILES:
            break
    return tuple(sorted(entries))


class State(enum.StrEnum):
    """TF Serving's states of a version."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """State of a version, and what is wrong with it."""

    version: int  # its number
    state: State
    error_code: str = "OK"  # `"OK"`, or TensorFlow's name of what is wrong with its files
    error_message: str = ""  # the sentence to that


@dataclasses.dataclass(eq=False)
class Entry:
    """A version and the requests that use it."""

    found: VersionFolder  # the content it is about
    status: VersionStatus
    servable: Servable | None = None  # while it is loaded
    leases: int = 0  # requests that use it
    idle: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)  # when they end

    def set_state(self, state: State, error: BaseException | None = None) -> None:
        code, message = "OK", ""
        if error is not None:
            broken = isinstance(error, BrokenVersion)
            code, message = "FAILED_PRECONDITION" if broken else "INTERNAL", str(error)
        self.status = VersionStatus(self.status.version, state, code, message)

    def release(self) -> None:
        self.leases -= 1
        if not self.leases:
            self.idle.set()

    @property
    def available(self) -> bool:
        return self.status.state == State.AVAILABLE


class Versions:
    """The versions of one model; used from one event loop.

    The highest one that can be loaded is wanted, and those that a label names. What is served goes
    on until what takes its place is ready. `load` opens the folder of a version, in a thread.
    """

    def __init__(self, load: Callable[[VersionFolder, int], Servable]) -> None:
        self.entries: dict[int, Entry] = {}
        self.labels: dict[str, int] = {}
        self._load = load
        self._seen: dict[int, VersionFolder] = {}
        self._broken: dict[int, VersionFolder] = {}  # could not be loaded: not tried again
        self._closing: set[asyncio.Task] = set()

    def latest(self) -> Entry | None:
        served = [number for number, entry in self.entries.items() if entry.available]
        return self.entries[max(served)] if served else None

    async def update(self, found: Mapping[int, VersionFolder], *, retry: bool) -> None:
        """Loads what is new and wanted of complete folders by number, then unloads what is not.

        What is served is unloaded after two looks without it: where a version is replaced in place
        one look may fall between the two renames. With `retry` content that cannot be loaded, and
        that the last update did not see, is tried once more by the next: its files may still be
        growing.
        """
        seen = dict(found)
        missing_once = {
            number: entry.found
            for number, entry in self.entries.items()
            if entry.available and number in self._seen and number not in seen
        }
        found, tried = seen | missing_once, set[int]()
        while (number := self._next(found, tried)) is not None:
            tried.add(number)
            retry_later = retry and self._seen.get(number) != found[number]
            await self._open(number, found[number], retry_later)
        wanted = self._wanted(found, tried)
        for number, entry in list(self.entries.items()):
            if entry.available and number not in wanted:
                self.retire(entry)
            elif number not in found and entry.servable is None:
                del self.entries[number]
        self._seen = seen
        self._broken = {n: of for n, of in self._broken.items() if found.get(n) == of}

    def retire(self, entry: Entry) -> None:
        """Stops giving out a version and closes it when its last request is answered."""
        if entry.available:
            entry.set_state(State.UNLOADING)
            task = asyncio.create_task(self._close(entry))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        for entry in self.entries.values():
            self.retire(entry)
        await asyncio.gather(*self._closing)

    def _next(self, found: Mapping[int, VersionFolder], tried: set[int]) -> int | None:
        """The first wanted version whose content is not loaded yet."""
        for number in self._wanted(found, tried):
            entry = self.entries.get(number)
            current = entry is not None and entry.available and entry.found == found[number]
            if not current and number not in tried and self._broken.get(number) != found[number]:
                return number
        return None

    def _wanted(self, found: Mapping[int, VersionFolder], tried: set[int]) -> list[int]:
        """The highest number that is or may be served, then those with labels."""
        good = [
            number
            for number in sorted(found, reverse=True)
            if (number not in tried and self._broken.get(number) != found[number])
            or (number in self.entries and self.entries[number].available)
        ]
        labelled = set(self.labels.values())
        return good[:1] + [number for number in good[1:] if number in labelled]

    async def _open(self, number: int, found: VersionFolder, retry_later: bool) -> None:
        old = self.entries.get(number)
        # Other content under a number that is served: the old entry stays until it is replaced.
        serving = old is not None and old.available
        entry = Entry(found, VersionStatus(number, State.LOADING))
        if not serving:
            self.entries[number] = entry
        try:
            entry.servable = await asyncio.to_thread(self._load, found, number)
        except Exception as error:  # whatever is wrong with it, the other versions go on
            if not retry_later:
                self._broken[number] = found
                logger.warning("%s is not served: %s", found.folder, error)
                if serving:
                    old.set_state(State.AVAILABLE, error)
                else:
                    entry.set_state(State.END, error)
            elif not serving:
                entry.set_state(State.START)
            return
        entry.set_state(State.AVAILABLE)
        self.entries[number] = entry
        if serving:
            self.retire(old)

    async def _close(self, entry: Entry) -> None:
        while entry.leases:
            entry.idle.clear()
            await entry.idle.wait()
        servable, entry.servable = entry.servable, None
        await servable.close()
        entry.set_state(State.END)


class Repository:
    """The models under a folder; used from one event loop.

    Args:
        root: an export, a folder of models, a model (the folder of its versions) or a version
            folder; links that lead out of it, or of a model's folder, are not followed.
        engine: a key of `ganapp.export.server.engines.ENGINES` (else `ValueError`).
        batching: how requests are gathered.
        poll_seconds: between looks at the folder; 0 looks once.
        num_threads: of the engine, within one batch.
        samples_limit: most samples of one request.
        hooks: given a model's name and version, the functions that count its batches.
    """

    def __init__(
        self,
        root: Path | str,
        engine: str = "litert",
        batching: Batching | None = None,
        poll_seconds: float = 1.0,
        *,
        num_threads: int = 1,
        samples_limit: int = SAMPLES_LIMIT,
        hooks: Callable[[str, int], Hooks] | None = None,
    ) -> None:
        check_engine(engine)
        self.root = Path(root).resolve()
        if not self.root.is_dir():
            raise NotADirectoryError(f"`root` must be a folder. Received: root={self.root}")
        self.poll_seconds = poll_seconds
        self._options = {"engine": engine, "batching": batching, "num_threads": num_threads}
        self._options["samples_limit"] = samples_limit
        self._hooks = hooks or (lambda name, version: Hooks())
        self._models: dict[str, Versions] = {}
        self._logged: set[str] = set()
        self._required: set[str] = set()  # models that were there at first or have served since
        self._first_look = True
        self._refreshing = asyncio.Lock()
        self._poller: asyncio.Task | None = None

    async def start(self) -> None:
        """Loads what is there and begins to look for changes; what cannot be loaded is no error."""
        await self.refresh(retry=False)
        if self.poll_seconds > 0:
            self._poller = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Unloads everything, each version when its last request is answered."""
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
        async with self._refreshing:
            await asyncio.gather(*(versions.close() for versions in self._models.values()))

    def flush(self) -> None:
        for versions in self._models.values():
            for entry in versions.entries.values():
                if entry.available:
                    entry.servable.flush()

    def models(self) -> dict[str, dict[int, State]]:
        """States of all known versions by model, highest version first."""
        return {
            name: {each.version: each.state for each in self.status(name)} for name in self._models
        }

    def required_models(self) -> dict[str, dict[int, State]]:
        """Those of `models` that were there at the first look or have served since.

        One that came later and cannot be loaded does not make the server unready for the others.
        """
        return {name: of for name, of in self.models().items() if name in self._required}

    def status(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """States of a model's versions, highest first; 404 without such a model or version."""
        if name not in self._models:
            raise NotFound(f"Could not find any versions of model {name[:200]}")
        entries = self._models[name].entries
        if version is not None and version not in entries:
            raise NotFound(f"Could not find version {version} of model {name}")
        numbers = sorted(entries, reverse=True) if version is None else [version]
        return [entries[number].status for number in numbers]

    @contextlib.contextmanager
    def lease(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Iterator[Servable]:
        """A version that is not closed within the block: the highest, or that of a number or label.

        Raises:
            NotFound: there is none that is served.
            InvalidArgument: there is no such label, or both a version and a label are given.
            Unavailable: it is being loaded.
        """
        entry = self._entry(name, version, label)
        entry.leases += 1
        try:
            yield entry.servable
        finally:
            entry.release()

    async def refresh(self, *, retry: bool = True) -> None:
        """Looks at the folder once and loads and unloads what has changed.

        With `retry` new content that cannot be loaded is tried once more at the next look.
        """
        async with self._refreshing:
            try:
                found, labels = await asyncio.to_thread(self._read_folder)
            except OSError as error:  # e.g. a network drive that is away: what is loaded stays
                self._log_new({f"{self.root} could not be read: {error}"})
                return
            for name in sorted(set(found) | set(self._models)):
                if name not in self._models:
                    self._models[name] = Versions(functools.partial(self._load, name))
                versions = self._models[name]
                versions.labels = labels.get(name, versions.labels)
                await versions.update(found.get(name, {}), retry=retry)
                if not versions.entries:
                    del self._models[name]
                if self._first_look or versions.latest() is not None:
                    self._required.add(name)
            self._required &= set(self._models)
            self._first_look = False

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self.poll_seconds)
            try:
                await self.refresh()
            except Exception:  # one bad look must not end the looking
                logger.exception("looking at %s failed", self.root)

    def _read_folder(self) -> tuple[dict[str, dict[int, VersionFolder]], dict[str, Labels]]:
        warnings: set[str] = set()
        found: dict[str, dict[int, VersionFolder]] = {}
        labels: dict[str, Labels] = {}
        alone = (self.root / EXTRA).is_dir()  # the root is a version folder itself
        if alone and (one := read_version(self.root)) is not None:
            found[one.name] = {int(self.root.name) if NUMBER.fullmatch(self.root.name) else 1: one}
        for name, folder in ({} if alone else read_models(self.root, warnings.add)).items():
            if versions := read_versions(folder, warnings.add):
                found[name] = versions
            try:
                labels[name] = read_labels(folder)
            except ValueError as error:
                warnings.add(f"labels of {name} stay as they were: {error}")
        self._log_new(warnings)
        return found, labels

    def _log_new(self, sentences: set[str]) -> None:
        """Logs what the last look did not find: folders are looked at every few seconds."""
        for sentence in sorted(sentences - self._logged):
            logger.warning("%s", sentence)
        self._logged = sentences

    def _load(self, name: str, found: VersionFolder, version: int) -> Servable:
        hooks = self._hooks(name, version)
        return Servable.open(found.folder, name=name, version=version, hooks=hooks, **self._options)

    def _entry(self, name: str, version: int | None, label: str | None) -> Entry:
        versions = self._models.get(name)
        if label is not None:
            if version is not None:
                raise InvalidArgument("`version` and `label` must not both be given.")
            if versions is None or label not in versions.labels:
                raise InvalidArgument(f"Unrecognized servable version label: {label[:200]}")
            version = versions.labels[label]
        request = (
            f"Latest({name[:200]})" if version is None else f"Specific({name[:200]}, {version})"
        )
        if versions is None:
            raise NotFound(f"Servable not found for request: {request}")
        entry = versions.latest() if version is None else versions.entries.get(version)
        if entry is not None and entry.available:
            return entry
        of = versions.entries.values() if version is None else filter(None, [entry])
        if any(each.status.state in (State.START, State.LOADING) for each in of):
            raise Unavailable(f"Servable is being loaded: {request}: try again.")
        raise NotFound(f"Servable not found for request: {request}")
