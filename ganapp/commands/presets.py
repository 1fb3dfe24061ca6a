"""`ganapp presets` and `ganapp presets show`: the presets, read from their files alone."""

import json
import re
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ganapp.commands.options import JsonOption
from ganapp.config.presets import PRESETS, preset_names, preset_path, read_toml
from ganapp.errors import UserError
from ganapp.runs import Json
from ganapp.screen import console

SMALLEST_BLOCK = 3
CITATION = re.compile(r"\s*\(([^()]*arXiv:[\d.]+)\)")

app = typer.Typer(help="List the presets, or show one to copy.", no_args_is_help=False)


@app.callback(invoke_without_command=True)
def presets(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the presets."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise UserError("`presets --json` is for the list; `presets show` prints TOML.")
        return
    presets = described_presets()
    if as_json:
        console.print_json(json.dumps(presets, ensure_ascii=False))
        return
    roots = [preset for preset in presets if preset["variant_of"] is None]
    console.print(Text("Presets", style="bold"))
    console.print(_table(roots))
    console.print()
    for root in roots:
        variants = [each for each in presets if each["variant_of"] == root["name"]]
        if variants:
            heading = Text(f"{root['name']} with another objective", style="bold")
            console.print(heading, Text(", its settings those of the paper"), sep="")
        for block in _blocks(variants, root["name"]):
            console.print(_table(block))
            console.print()
    console.print("`train NAME` trains one, `presets show NAME` prints one to copy.")


@app.command("show")
def show_preset(
    name: Annotated[str, typer.Argument(help="The preset's name.", autocompletion=preset_names)],
) -> None:
    """Print a preset's TOML, to copy and change."""
    print(preset_path(name).read_text(encoding="utf-8"), end="")


def described_presets() -> list[Json]:
    """Every preset by name: what it is, its paper, data, networks, objective, and of which other
    preset it is a variant (`None` for one that stands alone).
    """
    names = preset_names()
    return [_described(name, names) for name in names]


def _described(name: str, names: list[str]) -> Json:
    path = PRESETS / f"{name}.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    header = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    tables, paper = read_toml(path), CITATION.search(header)
    # `digits-wgan-gp` is a variant of `digits`; `stacked-digits`, of nothing.
    whole = [other for other in names if name.startswith(f"{other}-")]
    return {
        "name": name,
        "summary": CITATION.sub("", lines[0].removeprefix("# ")),
        "reference": paper.group(1) if paper else "",
        "data": tables["data"]["source"],
        "generator": tables["generator"]["network"],
        "discriminator": tables["discriminator"]["network"],
        "objective": tables["objective"]["name"],
        "variant_of": min(whole, key=len, default=None),
    }


def _blocks(variants: list[Json], root: str) -> list[list[Json]]:
    """Variants whose names go on with the same word in a block of their own, the others first.

    A block is as wide as its own longest name, so that few descriptions fold at 80 columns.
    """
    words = [each["name"].removeprefix(f"{root}-").partition("-")[0] for each in variants]
    common = [word for word in dict.fromkeys(words) if words.count(word) >= SMALLEST_BLOCK]
    blocks: dict[str, list] = {"": [], **{word: [] for word in common}}
    for word, each in zip(words, variants, strict=True):
        blocks[word if word in common else ""].append(each)
    return [block for block in blocks.values() if block]


def _table(presets: list[Json]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for preset in presets:
        table.add_row(f"  {preset['name']}", preset["summary"])
    return table
