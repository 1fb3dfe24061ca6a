"""The command line. Nothing heavy is imported until a command needs it."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from ganapp.commands.baseline import baseline
from ganapp.errors import UserError
from ganapp.runs import open_run

app = typer.Typer(
    name="ganapp",
    help="Train, judge and ship generators: any objective x any network x any prior on any data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
presets_app = typer.Typer(help="List the presets, or show one to copy.", no_args_is_help=False)
app.add_typer(presets_app, name="presets")
app.command()(baseline)

# Piped output has no width of its own; tables are not folded to 80 columns then. Paths may hold
# square brackets, which are no markup.
console = Console(width=None if sys.stdout.isatty() else 120, markup=False)

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The run directory.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated."),
]
CheckpointOption = Annotated[
    str,
    typer.Option("--checkpoint", help="Which generator: 'best' by the run's metric, or 'last'."),
]


@app.command()
def train(
    preset: Annotated[
        str, typer.Argument(metavar="PRESET_OR_TOML", help="A preset's name or a TOML file.")
    ],
    run: Annotated[
        Path | None, typer.Option("--run", help="Run directory [default: runs/<preset>-<NNNN>].")
    ] = None,
    overrides: SetOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Validate and show the plan, then stop.")
    ] = False,
) -> None:
    """Train a GAN, then evaluate it and write its report."""
    from ganapp.loading import config_path, read_toml

    read_toml(config_path(preset))  # what is cheap to find out is said before TensorFlow loads
    code = _runner().train(
        preset, directory=run, overrides=overrides or [], dry_run=dry_run, console=console
    )
    raise typer.Exit(code)


@app.command()
def resume(
    run: RunArgument,
    config: Annotated[
        str | None,
        typer.Option("--config", help="A preset or TOML file that must equal the run's own."),
    ] = None,
    overrides: SetOption = None,
) -> None:
    """Continue a run to its configured end, exactly as if it had never stopped."""
    open_run(run)
    code = _runner().resume(run, preset_or_file=config, overrides=overrides or [], console=console)
    raise typer.Exit(code)


@app.command()
def sample(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", help="File ending in .npz, .png or .gif.")],
    count: Annotated[int, typer.Option("--count", help="How many samples.")] = 64,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same file.")] = 0,
    truncation: Annotated[
        float,
        typer.Option(
            "--truncation",
            metavar="A",
            help="1 draws from the prior; below it, latents shrink towards the likeliest (0).",
        ),
    ] = 1.0,
    classes: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="CLASS",
            help="Name or number of a class, or 'all' for --count of each, a row per class.",
        ),
    ] = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Draw samples from a trained generator into a file."""
    open_run(run)
    _check_checkpoint(checkpoint)
    _runner().sample(
        run,
        count=count,
        seed=seed,
        truncation=truncation,
        classes=classes,
        out=out,
        which=checkpoint,
        console=console,
    )


@app.command()
def evaluate(
    run: RunArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Judge a run's best and last generator, with floor and baseline beside every figure."""
    open_run(run)
    _runner().evaluate(run, console=console, as_json=as_json)


@app.command()
def export(
    run: RunArgument,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="saved_model or litert; may be repeated [default: both]."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder [default: RUN/export].")] = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Export a trained generator; every artefact is verified in a fresh process."""
    open_run(run)
    _check_checkpoint(checkpoint)
    chosen = formats or ["saved_model", "litert"]
    _runner().export(run, formats=chosen, out=out, which=checkpoint, console=console)


@app.command()
def diagnose(
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="The run directory.")] = None,
    dirac: Annotated[
        bool,
        typer.Option("--dirac", help="Draw every objective on the one-parameter game instead."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Picture of --dirac, .png [default: dirac.png]."),
    ] = None,
    objectives: Annotated[
        list[str] | None,
        typer.Option("--objective", help="Of --dirac; may be repeated [default: all]."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Of RUN; print as JSON.")] = False,
) -> None:
    """Say why a run fails: theory against what was learnt, and alarms with a remedy each."""
    if dirac == (run is not None):
        raise UserError("`diagnose` takes either a run directory or --dirac.")
    if dirac and as_json:
        raise UserError("`--json` is for a run; `diagnose --dirac` draws a picture.")
    if dirac:
        _runner().dirac(objectives or [], out=out or Path("dirac.png"), console=console)
        return
    if objectives or out is not None:
        raise UserError("`--objective` and `--out` are for `diagnose --dirac`, not for a run.")
    open_run(run)
    _runner().diagnose(run, console=console, as_json=as_json)


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
            help="objectives, penalties, constraints, stabilisers, priors, networks, data, "
            "baselines."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List what can be combined, with formula, paper and options."""
    from ganapp.listing import FAMILIES, print_members

    if family not in FAMILIES:
        raise UserError(f"`list` knows {', '.join(FAMILIES)}. Received: {family!r}")
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


def _runner():
    """The composition root; its import takes seconds, which only commands that need it spend."""
    from ganapp.quiet import quiet_stderr

    with quiet_stderr():
        from ganapp import runner
    return runner


def _check_checkpoint(which: str) -> None:
    if which not in ("best", "last"):
        raise UserError(f"`--checkpoint` must be 'best' or 'last'. Received: {which!r}")


def main() -> None:
    """Runs the command line; the user's mistakes end in one sentence and exit code 2."""
    try:
        app()
    except UserError as error:
        _fail(str(error))
    except OSError as error:  # a full disk, a missing permission
        _fail(f"{error.filename or 'A file'} cannot be read or written: {error.strerror or error}.")


def _fail(sentence: str) -> NoReturn:
    Console(stderr=True).print(f"[red]Error:[/] {escape(sentence)}", soft_wrap=True)
    sys.exit(2)
