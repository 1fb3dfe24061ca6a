"""`ganapp serve`: a server for what was exported."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.errors import UserError
from ganapp.screen import say, warn

LONGEST = 3600  # seconds; longer waits are mistakes, and `inf` is no time to wait for


def serve(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="An export, or a folder of models in it.")
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 takes any that is free.")
    ] = 8501,
    host: Annotated[
        str, typer.Option(help="Address; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    engine: Annotated[
        str, typer.Option(help="What runs the generator: litert, onnx or saved_model.")
    ] = "litert",
    max_batch_size: Annotated[int, typer.Option(min=1, help="Most samples run together.")] = 64,
    batch_timeout_micros: Annotated[
        int, typer.Option(min=0, max=LONGEST * 10**6, help="Wait for company, microseconds.")
    ] = 0,
    max_enqueued_batches: Annotated[
        int, typer.Option(min=1, help="Full batches that may wait (429).")
    ] = 64,
    num_batch_threads: Annotated[
        int, typer.Option(min=1, help="Batches run at the same time.")
    ] = 1,
    deadline: Annotated[
        float, typer.Option(min=0.01, max=LONGEST, help="Seconds until an answer is due (504).")
    ] = 30.0,
    max_samples: Annotated[
        int, typer.Option(min=1, help="Most samples of a request (400).")
    ] = 1024,
    max_body_bytes: Annotated[
        int, typer.Option(min=1, help="Longest body of a request (413).")
    ] = 16 * 2**20,
    poll: Annotated[
        float, typer.Option(min=0.1, max=LONGEST, help="Seconds between looks for new versions.")
    ] = 2.0,
    drain: Annotated[
        float,
        typer.Option(min=0.0, max=LONGEST, help="Seconds not ready but serving, after SIGTERM."),
    ] = 1.0,
) -> None:
    """Serve an export: TF Serving's REST API, Open Inference Protocol v2, and a page to look at."""
    if not folder.is_dir():
        raise UserError(f"`DIR` must be a folder that `ganapp export` wrote. Received: {folder}")
    from ganapp.export.server.context import Limits
    from ganapp.export.server.errors import StartError
    from ganapp.export.server.serve import Settings
    from ganapp.export.server.serve import serve as serve_folder

    limits = Limits(deadline=deadline, samples=max_samples, body_bytes=max_body_bytes)
    batching = {
        "max_batch_size": max_batch_size,
        "batch_timeout_micros": batch_timeout_micros,
        "max_enqueued_batches": max_enqueued_batches,
        "num_batch_threads": num_batch_threads,
    }
    try:
        settings = Settings(
            host=host,
            port=port,
            engine=engine,
            batching=batching,
            poll_seconds=poll,
            limits=limits,
            drain_seconds=drain,
        )
        serve_folder(folder, settings, on_ready=say, on_warning=warn)
    except StartError as error:
        raise UserError(str(error)) from error
