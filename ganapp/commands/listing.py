"""What there is: runs, presets, members to combine."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.common import RunArgument, console
from ganapp.errors import UserError

app = typer.Typer()
presets_app = typer.Typer(help="List the presets, or show one to copy.", no_args_is_help=False)
app.add_typer(presets_app, name="presets")


@app.command()
def show(run: RunArgument) -> None:
    """Show a finished run: its main figures and where everything is."""
    from ganapp.listing import overview

    overview(run, console)


@presets_app.callback(invoke_without_command=True)
def presets(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the presets."""
    from ganapp.preset_list import print_presets

    if context.invoked_subcommand is None:
        print_presets(console, as_json=as_json)
    elif as_json:
        raise UserError("`presets --json` is for the list; `presets show` prints TOML.")


@presets_app.command("show")
def show_preset(name: Annotated[str, typer.Argument(help="The preset's name.")]) -> None:
    """Print a preset's TOML, to copy and change."""
    from ganapp.loading import preset_path

    print(preset_path(name).read_text(encoding="utf-8"), end="")


@app.command("list")
def list_members(
    family: Annotated[
        str,
        typer.Argument(
            help="objectives, terms, augmentations, weightings, constraints, priors, networks, "
            "data, features or baselines."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List what can be combined, with formula, paper and options."""
    from ganapp.listing import FAMILIES, FORMER, print_members

    if family not in FAMILIES:
        now = FORMER.get(family)
        hint = f" What was {family!r} is now {now}." if now else ""
        raise UserError(f"`list` knows {', '.join(FAMILIES)}.{hint} Received: {family!r}")
    from ganapp.quiet import quiet_stderr

    with quiet_stderr():  # the members' modules import TensorFlow
        from ganapp.catalogue import members_of
    print_members(members_of(family), console, as_json=as_json)


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = Path("runs"),
) -> None:
    """List the runs in a folder with their main figures."""
    from ganapp.listing import runs_table

    table = runs_table(folder)
    console.print(table if table.row_count else f"There are no runs in {folder}.")
