"""What there is to combine: every family's members, told by the members themselves."""

import inspect
import typing
from collections.abc import Mapping
from typing import Any

from ganapp.plugins import FAMILIES, options_model

LEFT_TO_OTHER_TABLES = (
    "discriminator_steps",
    "penalties",
    "constraint",
    "stabilisers",
    "generator_optimizer",
    "discriminator_optimizer",
    "head",
)
# As people ask for them; `networks` are two families that share most names.
LISTS: dict[str, tuple[str, ...]] = {
    "objectives": ("objective",),
    "penalties": ("penalty",),
    "constraints": ("constraint",),
    "stabilisers": ("stabiliser",),
    "priors": ("prior",),
    "networks": ("generator", "discriminator"),
    "data": ("data",),
    "baselines": ("baseline",),
    "features": ("features",),
}
SETTINGS = {
    "objective": "objective.name={name}",
    "penalty": "objective.penalties.{name}.weight=…",
    "constraint": "objective.constraint.name={name}",
    "stabiliser": "objective.stabilisers.{name}={{}}",
    "prior": "generator.prior.name={name}",
    "generator": "generator.network={name}",
    "discriminator": "discriminator.network={name}",
    "data": "data.source={name}",
    "baseline": 'evaluation.baselines=["{name}"]',
    "features": "evaluation.features={name}",
}
COMBINES = {
    "objective": "any network, prior, penalty, constraint, stabiliser and data",
    "penalty": "any objective",
    "constraint": "any objective; functional or sequential discriminators",
    "stabiliser": "any objective",
    "prior": "any generator",
    "generator": "any objective and prior",
    "discriminator": "any objective",
    "data": "any objective",
    "baseline": "any data",
    "features": "any data",
}


def members_of(listed: str) -> list[dict[str, Any]]:
    """Every member of a list: name, kind, what it is, formula, paper, options and combinations.

    Args:
        listed: a key of `LISTS`.
    """
    return [
        _described(family, name, member)
        for family in LISTS[listed]
        for name, member in FAMILIES[family].items()
    ]


def _described(family: str, name: str, member: Any) -> dict[str, Any]:
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


def _reference(member: Any) -> str:
    """The paper: what the member says, or its module, as those of networks do."""
    if hasattr(member, "reference"):
        return member.reference
    documentation = inspect.getdoc(inspect.getmodule(member)) or ""
    _, _, after = documentation.partition("\nReference: ")
    return " ".join(after.partition("\n\n")[0].split()).removesuffix(".")


def _options(family: str, name: str) -> dict[str, Any]:
    model = options_model(family, name, LEFT_TO_OTHER_TABLES)
    return {
        key: "required" if field.is_required() else _plain(field.get_default())
        for key, field in model.model_fields.items()
    }


def _plain(value: Any) -> Any:
    known = value is None or isinstance(value, bool | int | float | str)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value if known else str(value)


def _combinations(family: str, member: Any) -> str:
    limits = []
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
        signed = [name for name, s in FAMILIES["stabiliser"].items() if s.by_score_sign]
        limits.append(f"not {', '.join(signed)}, for 0 does not divide real from generated scores")
    if getattr(member, "relativistic", False):
        ratio = "known but for a factor" if member.log_ratio_but_for_a_constant else "none"
        limits.append(f"scores are relative; density ratio: {ratio}")
    made = typing.get_type_hints(member).get("return") if family == "data" else None
    if any(getattr(kind, "clips", False) for kind in (made, *typing.get_args(made))):
        return "any baseline for clips (`python -m ganapp baseline`); no network makes clips yet"
    return "; ".join([COMBINES[family], *limits])
