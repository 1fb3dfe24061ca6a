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
from ganapp.plugins import named_plugins
from ganapp.runs import Json
from ganapp.screen import console, start_tensorflow

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
    "figures": (),  # of metrics, which have no options
}
# Of a family: the setting that chooses a member, and what one can be combined with.
USES = {
    "objective": (
        "objective.name={name}",
        "any network, prior, term, augmentation, weighting, constraint and data",
    ),
    "term": ("objective.terms.{name}.weight=…", "any objective"),
    "augmentation": ("objective.augmentations.{name}={{}}", "any objective"),
    "weighting": ("objective.weightings.{name}={{}}", "any objective"),
    "constraint": (
        "objective.constraint.name={name}",
        "any objective; functional or sequential discriminators",
    ),
    "prior": ("generator.prior.name={name}", "any generator"),
    "generator": ("generator.network={name}", "any objective and prior"),
    "discriminator": ("discriminator.network={name}", "any objective"),
    "data": ("data.source={name}", "any objective"),
    "baseline": ('evaluation.baselines=["{name}"]', "any data"),
    "features": ("evaluation.features={name}", "any data"),
}
BETTER = {
    "higher": "higher is better",
    "lower": "lower is better",
    "one": "1 is best",
    "half": "0.5 is best",
}
WHEN = {
    "always": "in every report and along the training",
    "end": "in every report",
    "request": "in a report that asks for it",
}
NEEDS = {
    None: "any data that have it",
    "paths": "continuous latents",
    "labels": "generators that are told a class",
    "conditional": "generators that are given observations",
    "codes": "generators with codes",
}
FORMER = {"penalties": "'terms'", "stabilisers": "'terms', 'augmentations' and 'weightings'"}


def list_members(
    family: Annotated[
        str,
        typer.Argument(
            help="objectives, terms, augmentations, weightings, constraints, priors, networks, "
            "data, features, figures or baselines."
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
        heading = member["name"]
        if len(LISTS[family]) > 1:
            heading += f" ({member['kind']})"
        console.print(Text(heading, style="bold"), Text(f"  {member['summary']}"), sep="")
        options = ", ".join(f"{key} = {value}" for key, value in member["options"].items())
        table = Table.grid(padding=(0, 1, 0, 0))  # a long formula goes on below its beginning
        table.add_column(style="dim", no_wrap=True)
        table.add_column()
        for name, text in (
            ("formula", member["formula"]),
            ("paper", member["reference"]),
            ("options", options),
            ("combines", member["combines"]),
            ("use", f"--set {member['set']}"),
            ("plugin", member["plugin"]),
        ):
            if text:
                table.add_row(name, Text(text))
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
        console.print()


def members_of(listed: str) -> list[Json]:
    """Every member of a list of `LISTS`: name, kind, summary, formula, paper, options, limits."""
    start_tensorflow()  # the members' modules import it
    from ganapp.config.members import FAMILIES

    if listed == "figures":
        return _described_figures()
    return [
        _described(family, name, member)
        for family in LISTS[listed]
        for name, member in FAMILIES[family].items()
    ]


def _described(family: str, name: str, member: Callable) -> Json:
    from ganapp.config.members import LEFT_TO_OTHER_TABLES, options_model

    fields = options_model(family, name, LEFT_TO_OTHER_TABLES).model_fields
    return {
        "name": name,
        "kind": family,
        "summary": (inspect.getdoc(member) or "").partition("\n")[0],
        "formula": getattr(member, "formula", ""),
        "reference": _reference(member),
        "options": {
            key: "required" if field.is_required() else _plain(field.get_default())
            for key, field in fields.items()
        },
        "set": USES[family][0].format(name=name),
        "combines": _combinations(family, member),
        "plugin": _plugin_of(member),
    }


def _described_figures() -> list[Json]:
    """Every figure of a report; those of known modes are of two metrics, and stand here once."""
    from ganapp.config.schema import choosing_figures
    from ganapp.training.evaluation.metrics import METRICS

    metrics = {key: metric for metric in reversed(METRICS) for key in metric.figures}
    choosing = choosing_figures()
    return [
        {
            "name": key,
            "kind": "figure",
            "summary": f"{figure.name or key.replace('_', ' ')}, {BETTER[figure.better]}",
            "formula": "",
            "reference": "",
            "options": {},
            "set": f"evaluation.metric={key}"
            if key in choosing
            else f'evaluation.figures=["{key}"]',
            "combines": f"{NEEDS[metrics[key].needs]}; {WHEN[metrics[key].when]}",
            "plugin": _plugin_of(metrics[key].compute),
        }
        for key, figure in METRICS.figures.items()
    ]


def _plugin_of(member: Callable) -> str:
    """The file of the user's in which it is written; empty for ganapp's own."""
    return next((p.name for p in named_plugins() if p.module == member.__module__), "")


def _reference(member: Callable) -> str:
    """The paper: what the member says, or its module, as those of networks do."""
    if hasattr(member, "reference"):
        return member.reference
    documentation = inspect.getdoc(inspect.getmodule(member)) or ""
    _, _, after = documentation.partition("\nReference: ")
    return " ".join(after.partition("\n\n")[0].split()).removesuffix(".")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _combinations(family: str, member: Callable) -> str:
    from ganapp.training.augmentations import AUGMENTATIONS

    limits = []
    if family == "term":
        limits.append(f"in the loss of the {' and the '.join(member.players)}")
    for trait, limit in (
        ("per_example_gradient", "not with batch normalisation in the discriminator"),
        ("needs_density", "whose density is known"),
        ("images_only", "images only"),
        (
            "by_score_sign",
            "scores must be above 0 for real examples: no critics, relative scores, energies",
        ),
        ("energy", "best with the discriminator network 'autoencoder'"),
    ):
        if getattr(member, trait, False):
            limits.append(limit)
    if family == "objective" and not member().score_sign_means_real:
        signed = [name for name, s in AUGMENTATIONS.items() if s.by_score_sign]
        limits.append(f"not {', '.join(signed)}, for 0 does not divide real from generated scores")
    if getattr(member, "relativistic", False):
        ratio = "known but for a factor" if member.log_ratio_but_for_a_constant else "none"
        limits.append(f"scores are relative; density ratio: {ratio}")
    return "; ".join([USES[family][1], *limits])
