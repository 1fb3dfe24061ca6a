"""The models in a folder: found, loaded, swapped for newer versions, and unloaded.

As with TF Serving's default policy, the highest version of a model is served: a new one is loaded
and run once before it takes over, and the old one is closed when the last request that uses it has
been answered. Which versions lie there is `scanning`'s, which are wanted `versions`'.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from ganapp.export.layout import labels as labels_in
from ganapp.export.server import scanning
from ganapp.export.server.batching import Batching, Hooks
from ganapp.export.server.engines import ENGINES
from ganapp.export.server.errors import InvalidArgument, NotFound, Unavailable
from ganapp.export.server.scanning import Found
from ganapp.export.server.servable import SAMPLES_LIMIT, Servable
from ganapp.export.server.versions import Entry, State, Versions, VersionStatus

logger = logging.getLogger(__name__)

Labels = dict[str, int]


class Repository:
    """The models under a folder; used from one event loop.

    Args:
        root: an export, a folder of models, a model (the folder of its versions) or a version
            folder; links that lead out of it, or of a model's folder, are not followed.
        engine: a key of `ganapp.export.server.engines.ENGINES`.
        batching: how requests are gathered.
        poll_seconds: between looks at the folder; 0 looks once.
        num_threads: of the engine, within one batch.
        samples_limit: most samples of one request.
        hooks: given a model's name and version, who is told of its batches.

    Raises:
        ValueError: there is no such engine.
        NotADirectoryError: `root` is no folder.
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
        if engine not in ENGINES:
            raise ValueError(
                f"`engine` must be one of {', '.join(ENGINES)}. Received: engine={engine!r}"
            )
        self.root = scanning.layout(Path(root), lambda sentence: None).root  # said when it looks
        self.poll_seconds = poll_seconds
        self._options = {"engine": engine, "batching": batching, "num_threads": num_threads}
        self._options["samples_limit"] = samples_limit
        self._hooks = hooks or (lambda name, version: Hooks())
        self._models: dict[str, Versions] = {}
        self._said: set[str] = set()
        self._relied_on: set[str] = set()  # models that were there at first or have served since
        self._first_look = True
        self._one_at_a_time = asyncio.Lock()
        self._poller: asyncio.Task | None = None

    async def start(self) -> None:
        """Loads what is there and begins to look for changes; what cannot be loaded is no error."""
        await self.refresh(patient=False)
        if self.poll_seconds > 0:
            self._poller = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Unloads everything, each version when its last request is answered."""
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
        async with self._one_at_a_time:
            await asyncio.gather(*(versions.close() for versions in self._models.values()))

    def models(self) -> dict[str, dict[int, State]]:
        """States of all known versions by model, highest version first."""
        return {
            name: {each.version: each.state for each in self.status(name)} for name in self._models
        }

    def relied_on(self) -> dict[str, dict[int, State]]:
        """Those of `models` that were there at the first look or have served since.

        One that came later and cannot be loaded is nobody's yet, and no reason to take the others
        away from those who ask for them.
        """
        return {name: of for name, of in self.models().items() if name in self._relied_on}

    def status(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """States of a model's versions, highest first.

        Raises:
            NotFound: there is no such model or version.
        """
        if name not in self._models:
            raise NotFound(f"Could not find any versions of model {name[:200]}")
        entries = self._models[name].entries
        if version is not None and version not in entries:
            raise NotFound(f"Could not find version {version} of model {name}")
        numbers = sorted(entries, reverse=True) if version is None else [version]
        return [entries[number].status for number in numbers]

    def servable(self, name: str, version: int | None = None, label: str | None = None) -> Servable:
        """A version that a swap may close: for what it says of itself; see `lease`."""
        return self._entry(name, version, label).servable

    @contextlib.contextmanager
    def lease(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Iterator[Servable]:
        """A version that is not closed within the block.

        Args:
            name: of the model.
            version: the highest one if `None`.
            label: stands for a version instead.

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

    async def refresh(self, *, patient: bool = True) -> None:
        """Looks at the folder once and loads and unloads what has changed.

        Args:
            patient: whether new content that cannot be loaded is tried once more at the next look.
        """
        async with self._one_at_a_time:
            try:
                found, labels = await asyncio.to_thread(self._look)
            except OSError as error:  # e.g. a network drive that is away: what is loaded stays
                self._say({f"{self.root} could not be read: {error}"})
                return
            for name in sorted(set(found) | set(self._models)):
                if name not in self._models:
                    self._models[name] = Versions(self._loader(name))
                versions = self._models[name]
                versions.labels = labels.get(name, versions.labels)
                await versions.update(found.get(name, {}), patient=patient)
                if not versions.entries:
                    del self._models[name]
                if self._first_look or versions.latest() is not None:
                    self._relied_on.add(name)
            self._relied_on &= set(self._models)
            self._first_look = False

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self.poll_seconds)
            try:
                await self.refresh()
            except Exception:  # one bad look must not end the looking
                logger.exception("looking at %s failed", self.root)

    def _look(self) -> tuple[dict[str, dict[int, Found]], dict[str, Labels]]:
        said: set[str] = set()
        there, found, labels = scanning.layout(self.root, said.add), {}, {}
        for name, folder in there.models.items():
            if versions := scanning.versions(folder, said.add):
                found[name] = versions
            try:
                labels[name] = labels_in(folder)
            except ValueError as error:
                said.add(f"labels of {name} stay as they were: {error}")
        if there.alone is not None and (one := scanning.complete(there.alone)) is not None:
            found[one.name] = {one.number: one}
        self._say(said)
        return found, labels

    def _say(self, sentences: set[str]) -> None:
        """Logs what the last look did not find: folders are looked at every few seconds."""
        for sentence in sorted(sentences - self._said):
            logger.warning("%s", sentence)
        self._said = sentences

    def _loader(self, name: str) -> Callable[[Found, int], Servable]:
        def load(found: Found, version: int) -> Servable:
            hooks = self._hooks(name, version)
            return Servable.open(
                found.folder, name=name, version=version, hooks=hooks, **self._options
            )

        return load

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
