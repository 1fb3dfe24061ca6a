"""`ganapp baseline`: what something simple makes of the same data."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.common import console, runner

app = typer.Typer()


@app.command()
def baseline(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The baseline; `list baselines` names them.")
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A preset or TOML file (its data and evaluation), a data source, or source:path.",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="An option of the baseline, or data.… and evaluation.…; may be repeated.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder [default: runs/baseline-<name>-<data>-<NNNN>]."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Fit a baseline on data, judge its samples and write the same report as a run's."""
    runner().baseline(
        name, data, overrides=settings or [], out=out, as_json=as_json, console=console
    )
