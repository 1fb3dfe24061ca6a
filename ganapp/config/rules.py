"""The configuration as the rules on combinations (`ganapp.models.rules`) see it."""

from typing import Any

from ganapp.config.former_settings import EXTENSIONS
from ganapp.config.members import FAMILIES
from ganapp.models import rules
from ganapp.models.rules import Combination


def refuse(config: Any, *, kind: str | None = None) -> None:
    """Refuses what cannot work.

    Args:
        config: the configuration.
        kind: of the data, once it is known.

    Raises:
        ValueError: with the sentence of the first rule that is broken.
    """
    rules.refuse(combination_of(config, kind=kind))


def warnings(config: Any, *, kind: str) -> list[str]:
    """Sentences about what may work but is known to fail often.

    Args:
        config: the configuration.
        kind: of the data, `"image"` or `"vector"`.
    """
    return rules.advice(combination_of(config, kind=kind))


def combination_of(config: Any, *, kind: str | None) -> Combination:
    """What a configuration combines."""
    discriminator, condition = config.discriminator, config.generator.condition
    network = FAMILIES["discriminator"][discriminator.network]
    normalisation = discriminator.options.get("normalisation")
    comparison = discriminator.options.get("minibatch", "none")
    return Combination(
        configured=True,
        objective=_objective(config.objective),
        discriminator=discriminator.network,
        batch_layers=(normalisation,) if normalisation == "batch" else (),
        comparing_layers=() if comparison == "none" else (comparison,),
        reconstructs=getattr(network, "reconstructs", False),
        packing=discriminator.packing,
        batch_size=config.training.batch_size,
        told_classes="" if condition == "none" else f"generator.condition={condition!r}",
        untold_classes=_untold_clusters(config),
        kind=kind,
        data=f"data.source={config.data.source!r}, which holds no images",
    )


def _objective(section: Any) -> Any:
    """The objective of the `objective` table; annealed options run over one update."""
    return section.build(
        **{
            table: tuple(each.build() for each in getattr(section, table).values())
            for table in EXTENSIONS
        },
        constraint=section.constraint.build(),
    )


def _untold_clusters(config: Any) -> str:
    count, parts = config.data.clusters, (config.generator, config.discriminator)
    told = any(part.condition != "none" for part in parts)
    classified = any(each.classifies for each in config.objective.terms.values())
    return f"clusters={count} alone" if count and not told and not classified else ""
