"""`ganapp list`: what can be combined, as the members themselves describe it."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ganapp.commands.options import JsonOption
from ganapp.errors import UserError
from ganapp.runs import Json
from ganapp.screen import console, quiet_stderr

LEFT_TO_OTHER_TABLES = (
    "discriminator_steps",
    "terms",
    "augmentations",
    "weightings",
    "constraint",
    "generator_optimizer",
    "discriminator_optimizer",
    "head",
    "heads",
    "condition",
    "class_start",
)
# The names that `list` takes; `networks` are two families that share most names.
LISTS = {
    "objectives": ("objective",),
    "terms": ("term",),
    "augmentations": ("augmentation",),
    "weightings": ("weighting",),
    "constraints": ("constraint",),
    "priors": ("prior",),
    "networks": ("generator", "discriminator"),
    "data": ("data",),
    "baselines": ("baseline",),
    "features": ("features",),
}
SETTINGS = {
    "objective": "objective.name={name}",
    "term": "objective.terms.{name}.weight=…",
    "augmentation": "objective.augmentations.{name}={{}}",
    "weighting": "objective.weightings.{name}={{}}",
    "constraint": "objective.constraint.name={name}",
    "prior": "generator.prior.name={name}",
    "generator": "generator.network={name}",
    "discriminator": "discriminator.network={name}",
    "data": "data.source={name}",
    "baseline": 'evaluation.baselines=["{name}"]',
    "features": "evaluation.features={name}",
}
FORMER = {"penalties": "'terms'", "stabilisers": "'terms', 'augmentations' and 'weightings'"}
COMBINES = {
    "objective": "any network, prior, term, augmentation, weighting, constraint and data",
    "term": "any objective",
    "augmentation": "any objective",
    "weighting": "any objective",
    "constraint": "any objective; functional or sequential discriminators",
    "prior": "any generator",
    "generator": "any objective and prior",
    "discriminator": "any objective",
    "data": "any objective",
    "baseline": "any data",
    "features": "any data",
}


def list_members(
    family: Annotated[
        str,
        typer.Argument(
            help="objectives, terms, augmentations, weightings, constraints, priors, networks, "
            "data, features or baselines."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """List what can be combined, with formula, paper and options."""
    if family not in LISTS:
        hint = f" What was {family!r} is now {FORMER[family]}." if family in FORMER else ""
        raise UserError(f"`list` knows {', '.join(LISTS)}.{hint} Received: {family!r}")
    members = members_of(family)
    if as_json:
        console.print_json(json.dumps(members, ensure_ascii=False))
        return
    for member in members:
        heading = f"{member['name']}"
        if len({each["kind"] for each in members}) > 1:
            heading += f" ({member['kind']})"
        console.print(Text(heading, style="bold"), Text(f"  {member['summary']}"), sep="")
        options = ", ".join(f"{key} = {value}" for key, value in member["options"].items())
        rows = {"formula": member["formula"], "paper": member["reference"], "options": options}
        rows |= {"combines": member["combines"], "use": f"--set {member['set']}"}
        table = Table.grid(padding=(0, 1, 0, 0))  # a long formula goes on below its beginning
        table.add_column(style="dim", no_wrap=True)
        table.add_column()
        for name, text in rows.items():
            if text:
                table.add_row(name, Text(text))
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
        console.print()


def members_of(listed: str) -> list[Json]:
    """Every member of a list of `LISTS`: name, kind, summary, formula, paper, options, limits."""
    with quiet_stderr():  # the members' modules import TensorFlow
        from ganapp.config.members import FAMILIES

    return [
        _described(family, name, member)
        for family in LISTS[listed]
        for name, member in FAMILIES[family].items()
    ]


def _described(family: str, name: str, member: Callable) -> Json:
    documentation = inspect.getdoc(member) or ""
    return {
        "name": name,
        "kind": family,
        "summary": documentation.partition("\n")[0],
        "formula": getattr(member, "formula", ""),
        "reference": _reference(member),
        "options": _options(family, name),
        "set": SETTINGS[family].format(name=name),
        "combines": _combinations(family, member),
    }


def _reference(member: Callable) -> str:
    """The paper: what the member says, or its module, as those of networks do."""
    if hasattr(member, "reference"):
        return member.reference
    documentation = inspect.getdoc(inspect.getmodule(member)) or ""
    _, _, after = documentation.partition("\nReference: ")
    return " ".join(after.partition("\n\n")[0].split()).removesuffix(".")


def _options(family: str, name: str) -> Json:
    from ganapp.config.members import options_model

    model = options_model(family, name, LEFT_TO_OTHER_TABLES)
    return {
        key: "required" if field.is_required() else _plain(field.get_default())
        for key, field in model.model_fields.items()
    }


def _plain(value: object) -> object:
    known = value is None or isinstance(value, bool | int | float | str)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value if known else str(value)


def _combinations(family: str, member: Callable) -> str:
    from ganapp.training.augmentations import AUGMENTATIONS

    limits = []
    if family == "term":
        limits.append(f"in the loss of the {' and the '.join(member.players)}")
    if getattr(member, "per_example_gradient", False):
        limits.append("not with batch normalisation in the discriminator")
    if getattr(member, "needs_density", False):
        limits.append("whose density is known")
    if getattr(member, "images_only", False):
        limits.append("images only")
    if getattr(member, "by_score_sign", False):
        limits.append(
            "scores must be above 0 for real examples: no critics, relative scores, energies"
        )
    if getattr(member, "energy", False):
        limits.append("best with the discriminator network 'autoencoder'")
    if family == "objective" and not member().score_sign_means_real:
        signed = [name for name, s in AUGMENTATIONS.items() if s.by_score_sign]
        limits.append(f"not {', '.join(signed)}, for 0 does not divide real from generated scores")
    if getattr(member, "relativistic", False):
        ratio = "known but for a factor" if member.log_ratio_but_for_a_constant else "none"
        limits.append(f"scores are relative; density ratio: {ratio}")
    return "; ".join([COMBINES[family], *limits])
