"""The server as a Ray Serve application: replicas of it on one machine or many.

`serve run ganapp.export.deploy.ray_serve:application models=/srv/models replicas=2`, with what
requirements-ray.txt names. Every replica watches the folder, which must be at the same path on
every machine, and batches what it is sent.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganapp.export.server.app import Server
from ganapp.export.server.batching import Batching
from ganapp.export.server.context import Limits
from ganapp.export.server.serve import Settings, make_server

DEFAULTS = {"models": "", "replicas": 2, "engine": "litert", "poll_seconds": 2.0}


def application(arguments: dict[str, Any]) -> Any:
    """Builds the application (`ray.serve.Application`) that `serve run` starts.

    Args:
        arguments: `models` (an export or a folder of models), and if wanted `replicas` (2),
            `engine` ("litert"), `poll_seconds` (2) and the parameters of `Batching`. The command
            line gives text.

    Raises:
        ValueError: naming an argument that is missing or unknown.
    """
    from ray import serve

    settings, batching = read(arguments)
    build = builder(**settings, batching=batching)
    # Ray must not queue more than a replica would take: what is too much is refused there.
    deployment = serve.deployment(serve.ingress(build)()).options(
        name="ganapp",
        num_replicas=int(arguments.get("replicas", DEFAULTS["replicas"])),
        max_ongoing_requests=Limits().requests,
    )
    return deployment.bind()


def read(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """What a replica is built with, and its parameters of `Batching`."""
    known = {*DEFAULTS, *Batching.__dataclass_fields__}
    if unknown := sorted(set(arguments) - known):
        raise ValueError(
            f"`arguments` may be {', '.join(sorted(known))}. Received: {', '.join(unknown)}"
        )
    given = DEFAULTS | arguments
    if not Path(given["models"]).is_absolute():
        raise ValueError(
            "`models` must be the absolute path of a folder, for replicas run elsewhere. "
            f"Received: models={str(given['models'])!r}"
        )
    settings = {
        "models": str(given["models"]),
        "engine": given["engine"],
        "poll_seconds": float(given["poll_seconds"]),
    }
    return settings, {key: int(given[key]) for key in given if key not in DEFAULTS}


def builder(
    *, models: str, engine: str, poll_seconds: float, batching: dict[str, int]
) -> Callable[[], Server]:
    """A function that makes a replica's ASGI application, where the replica runs."""

    def build() -> Server:
        settings = Settings(engine=engine, batching=batching, poll_seconds=poll_seconds)
        return make_server(Path(models), settings)

    return build
