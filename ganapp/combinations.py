"""What theory forbids to combine, and what it advises against: one rule, one sentence."""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Rule:
    """A combination that is refused, or warned about.

    Args:
        broken: of the configuration; what came, for the end of the sentence, or `None`.
        sentence: what is wrong and what to do instead.
        fatal: refuse rather than warn.
        kinds: of data, for which a warning holds.
    """

    broken: Callable[[Any], str | None]
    sentence: str
    fatal: bool = True
    kinds: tuple[str, ...] = ("image", "vector")


def refuse(config: Any) -> None:
    """Refuses what cannot work.

    Raises:
        ValueError: with the sentence of the first rule that is broken.
    """
    for rule in RULES:
        received = rule.broken(config) if rule.fatal else None
        if received:
            raise ValueError(f"{rule.sentence} Received: {received}")


def warnings(config: Any, *, kind: str) -> list[str]:
    """Sentences about what may work but is known to fail often.

    Args:
        config: the configuration.
        kind: of the data, `"image"` or `"vector"`.
    """
    rules = [rule for rule in RULES if not rule.fatal and kind in rule.kinds]
    found = [(rule, rule.broken(config)) for rule in rules]
    return [f"{rule.sentence} Received: {received}" for rule, received in found if received]


def _gradient_penalties(config: Any) -> list[str]:
    from ganapp.plugins import FAMILIES

    members = FAMILIES["penalty"]
    return [name for name in config.objective.penalties if members[name].per_example_gradient]


def _batch_normalised(config: Any) -> str | None:
    penalties = _gradient_penalties(config)
    if penalties and config.discriminator.options.get("normalisation") == "batch":
        return f"'batch' with {', '.join(penalties)}"
    return None


def _minibatch_layer(config: Any) -> str | None:
    penalties = _gradient_penalties(config)
    layer = config.discriminator.options.get("minibatch", "none")
    return f"{layer!r} with {', '.join(penalties)}" if penalties and layer != "none" else None


def _lazy(config: Any) -> str | None:
    return ", ".join(n for n, p in config.objective.penalties.items() if p.options["interval"] > 1)


def _objective(config: Any) -> Any:
    from ganapp.plugins import FAMILIES

    return FAMILIES["objective"][config.objective.name]


def _energy_without_autoencoder(config: Any) -> str | None:
    if not _objective(config).energy or _reconstructs(config):
        return None
    return f"{config.discriminator.network!r} with {config.objective.name!r}"


def _autoencoder_without_energy(config: Any) -> str | None:
    energy = _objective(config).energy
    return f"{config.objective.name!r}" if _reconstructs(config) and not energy else None


def _reconstructs(config: Any) -> bool:
    from ganapp.plugins import FAMILIES

    network = FAMILIES["discriminator"][config.discriminator.network]
    return getattr(network, "reconstructs", False)


def _adaptive(config: Any) -> list[str]:
    """Stabilisers that go by the sign of the scores."""
    from ganapp.plugins import FAMILIES

    members = FAMILIES["stabiliser"]
    return [name for name in config.objective.stabilisers if members[name].by_score_sign]


def _adaptive_to_energies(config: Any) -> str | None:
    if not _adaptive(config):
        return None
    if _objective(config).energy:
        return f"{config.objective.name!r}"
    return f"{config.discriminator.network!r}" if _reconstructs(config) else None


def _adaptive_to_unsigned_scores(config: Any) -> str | None:
    if not _adaptive(config) or config.objective.build().score_sign_means_real:
        return None
    return f"{config.objective.name!r}"


def _clipped_and_penalised(config: Any) -> str | None:
    from ganapp.plugins import FAMILIES

    penalties, name = _gradient_penalties(config), config.objective.constraint.name
    clipped = FAMILIES["constraint"][name].replaces_gradient_penalties
    return f"{name!r} with {', '.join(penalties)}" if clipped and penalties else None


def _odd_packs(config: Any) -> str | None:
    size, batch = config.discriminator.packing, config.training.batch_size
    return f"{batch} with packing={size}" if batch % size else None


def _packs_of_classes(config: Any) -> str | None:
    told = config.generator.condition
    size = config.discriminator.packing
    return f"{size} with generator.condition={told!r}" if size > 1 and told != "none" else None


def _untold_clusters(config: Any) -> str | None:
    count, parts = config.data.clusters, (config.generator, config.discriminator)
    told = any(part.condition != "none" for part in parts)
    classified = any(each.classifies for each in config.objective.stabilisers.values())
    return f"clusters={count} alone" if count and not told and not classified else None


RULES = (
    Rule(
        _batch_normalised,
        "`discriminator.normalisation` must be 'none' or 'layer' under a gradient penalty, whose "
        "gradient of one example does not exist when a batch is normalised together.",
    ),
    Rule(
        _odd_packs,
        "`training.batch_size` must be a multiple of `discriminator.packing`.",
    ),
    Rule(
        _packs_of_classes,
        "`discriminator.packing` must be 1 when the generator is told classes: a pack would mix "
        "them, and has one score for all.",
    ),
    Rule(
        _untold_clusters,
        "`data.clusters` makes classes that nobody is told; add `--set "
        "generator.condition=concatenation --set discriminator.condition=projection`.",
    ),
    Rule(
        _adaptive_to_energies,
        "`objective.stabilisers.adaptive_augment` augments more while real images score above 0, "
        "and minus an energy or a reconstruction error never does; use `--set "
        "'objective.stabilisers.diff_augment={}'`.",
    ),
    Rule(
        _adaptive_to_unsigned_scores,
        "`objective.stabilisers.adaptive_augment` takes scores above 0 for real, which those of "
        "this objective are not (a critic's and relative scores have no zero of their own, others "
        "have it elsewhere); use `--set 'objective.stabilisers.diff_augment={}'`, or an objective "
        "such as `--set objective.name=non_saturating`.",
        fatal=False,
    ),
    Rule(
        _minibatch_layer,
        "`discriminator.minibatch` makes a score depend on other examples, so a gradient penalty "
        "also counts their influence; 'none' is what the penalties' papers assume.",
        fatal=False,
    ),
    Rule(
        _lazy,
        "`interval` above 1 (a lazy penalty) fails on points and tables, where the discriminator "
        "moves too far between two penalties; use interval=1.",
        fatal=False,
        kinds=("vector",),
    ),
    Rule(
        _energy_without_autoencoder,
        "`discriminator.network` should be 'autoencoder' for an energy-based objective, whose "
        "score is minus a reconstruction error.",
        fatal=False,
    ),
    Rule(
        _autoencoder_without_energy,
        "`objective.name` should be 'ebgan' or 'began' for the network 'autoencoder', whose scores "
        "are never positive.",
        fatal=False,
    ),
    Rule(
        _clipped_and_penalised,
        "`objective.constraint` 'weight_clip' bounds the slopes that a gradient penalty is there "
        "to bound; one of the two is enough.",
        fatal=False,
    ),
)
