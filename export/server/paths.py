"""The paths of version 1: TF Serving's, and beside them those for people."""

import functools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from ganapp.export.server.context import Context
from ganapp.export.server.errors import InvalidArgument

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
LARGEST_VERSION = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which model a path means, and what is asked of it.

    Args:
        name: of the model.
        version: or `None` for the one that is served.
        label: or `None`.
        verb: the last part of the path, e.g. `"predict"`.
    """

    name: str
    version: int | None = None
    label: str | None = None
    verb: str = ""

    @property
    def model(self) -> tuple[str, int | None, str | None]:
        """Name, version and label: the arguments of a lease."""
        return self.name, self.version, self.label


Handler = Callable[[Context, Request, Target], Awaitable[Response]]


class Endpoint:
    """A method, an ending of the path and what answers it.

    Args:
        method: HTTP method.
        ending: what follows the model in the path: `":predict"`, `"/metadata"`, `""`.
        handler: what answers.
    """

    def __init__(self, method: str, ending: str, handler: Handler) -> None:
        self.method = method
        self.ending = ending
        self.handler = handler
        # Without regard to case, as TF Serving reads them.
        self.pattern = re.compile(_MODEL + re.escape(ending), re.IGNORECASE | re.ASCII)

    def target(self, method: str, path: str) -> Target | None:
        """What a path as it was sent (percent-encoded) means, or `None` if it is not of this kind.

        Raises:
            InvalidArgument: if the version is no number that 64 bits hold.
        """
        found = self.pattern.fullmatch(path) if method == self.method else None
        if found is None:
            return None
        digits, label = found["version"], found["label"]
        if digits is not None and (len(digits) > 19 or int(digits) > LARGEST_VERSION):
            raise InvalidArgument(
                f"Expected a version of at most {LARGEST_VERSION}. Received: {digits[:40]}"
            )
        return Target(
            name=unquote(found["name"]),
            version=int(digits) if digits else None,
            label=unquote(label) if label else None,
            verb=self.ending.lstrip(":/").lower(),
        )

    def template(self, target: Target) -> str:
        """The path with its variable parts as placeholders: a name for figures and documents."""
        which = "/versions/{version}" if target.version is not None else ""
        which = "/labels/{label}" if target.label is not None else which
        return f"/v1/models/{{name}}{which}{self.ending}"


def dispatcher(context: Context, endpoints: list[Endpoint]) -> Callable:
    """The ASGI application of version 1; anything unknown is a malformed request (400)."""

    @functools.lru_cache(maxsize=64)  # most requests ask the same as those before
    def found(method: str, path: str) -> tuple[Handler, Target, str]:
        for endpoint in endpoints:
            target = endpoint.target(method, path)
            if target is not None:
                return endpoint.handler, target, endpoint.template(target)
        raise InvalidArgument(f"Malformed request: {method} {path[:200]}")

    async def application(scope, receive, send) -> None:
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.split(b"?")[0].decode("latin-1")
        handler, target, scope["state"]["template"] = found(scope["method"], path)
        response = await handler(context, Request(scope, receive, send), target)
        await response(scope, receive, send)

    return application
