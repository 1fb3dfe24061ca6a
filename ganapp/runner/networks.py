"""The networks and the prior of a run, with or without classes."""

import inspect
from typing import Any

import keras
import numpy as np

from ganapp.config.schema import Config
from ganapp.models.conditions import (
    DISCRIMINATOR_CONDITIONS,
    GENERATOR_CONDITIONS,
    with_class_column,
    with_class_head,
    with_class_mask,
)
from ganapp.models.networks import GENERATORS
from ganapp.models.packing import packed_shape
from ganapp.training.data import DataSpec, Source
from ganapp.training.priors import Conditional, Prior

UNCONDITIONAL = "none"


def make_prior(config: Config, shares: tuple[float, ...]) -> Prior:
    """The latents' distribution, with a class for each where the generator is told one.

    Args:
        config: of the run.
        shares: of each class in the training examples, see `class_shares`.
    """
    base = config.generator.prior.build()
    return Conditional(base=base, shares=shares) if is_told_classes(config) else base


def is_told_classes(config: Config) -> bool:
    """Whether the generator is told which class to make."""
    return config.generator.condition != UNCONDITIONAL


def class_shares(source: Source) -> tuple[float, ...]:
    """Share of each class in the training examples whose label is known.

    Raises:
        ValueError: no labels, one class only, or a class without examples.
    """
    labels = source.training_labels()
    if labels is None or len(known := labels[labels >= 0]) == 0:
        raise ValueError(
            "`generator.condition` needs data with labels; 'none' is for data without. "
            f"Received: data.source={source.spec.name!r}, which has none"
        )
    counts = np.bincount(known, minlength=len(source.spec.classes))
    if len(counts) < 2 or not counts.all():
        empty = ", ".join(map(str, np.flatnonzero(counts == 0)))
        found = f"no examples of class {empty}" if empty else "one class"
        raise ValueError(
            "`generator.condition` needs at least two classes with training examples in each. "
            f"Received: data.source={source.spec.name!r} with {found}"
        )
    return tuple(float(count) for count in counts / counts.sum())


def make_generator(config: Config, prior: Prior, spec: DataSpec) -> keras.Model:
    """The generator for latents of the prior, of examples as `spec` has them."""
    section, classes = config.generator, prior.classes
    head = _head(config, spec)

    def build(size: int) -> keras.Model:
        return section.build(size, spec.shape, **head)

    if not classes:
        return prior.prepare(build(prior.generator_size))
    condition = GENERATOR_CONDITIONS[section.condition]
    network = condition(build, prior.generator_size - classes, classes)
    if spec.label_start is not None:
        network = with_class_column(network, spec.label_start, classes)
    return prior.prepare(network)


def make_discriminator(config: Config, prior: Prior, spec: DataSpec) -> keras.Model:
    """The discriminator of examples as `spec` has them, in packs or of a class if asked."""
    section, shape = config.discriminator, spec.shape
    if section.condition == UNCONDITIONAL:
        network = section.build(packed_shape(shape, section.packing))
    else:
        condition = DISCRIMINATOR_CONDITIONS[section.condition]
        network = condition(section.build, shape, prior.classes)
    if spec.partly_labelled:
        network = with_class_mask(network, spec.label_start, prior.classes)
    return with_class_head(network, prior.classes) if _classifies(config) else network


def _head(config: Config, spec: DataSpec) -> dict[str, Any]:
    """How the generator must end for these data, for networks that can."""
    if not spec.blocks:
        return {}
    able = [n for n, each in GENERATORS.items() if "head" in inspect.signature(each).parameters]
    if config.generator.network not in able:
        raise ValueError(
            f"`generator.network` must be {' or '.join(map(repr, able))} for tables. "
            f"Received: {config.generator.network!r}"
        )
    return {"head": spec.blocks}


def _classifies(config: Config) -> bool:
    return any(member.classifies for member in config.objective.stabilisers.values())


def check_conditions(config: Config, spec: DataSpec) -> None:
    """Refuses classes that one player is told and the other does not look at.

    Raises:
        ValueError: a sentence that names the setting.
    """
    told = is_told_classes(config)
    judged = config.discriminator.condition != UNCONDITIONAL or _classifies(config)
    if spec.partly_labelled and not told:
        raise ValueError(
            "`generator.condition` ('concatenation' or 'embedding') is needed for a table of which "
            f"some rows lack the label {spec.table.label!r}; or leave `data.label` out, and that "
            "column may be empty like any other. Received: generator.condition='none'"
        )
    # Whoever looks at a row that says its class looks at the class.
    if told == judged or (told and spec.label_start is not None):
        return
    if told:
        raise ValueError(
            "`generator.condition` needs a discriminator that looks at the class: set "
            "`--set discriminator.condition=projection`, or `--set "
            "'objective.stabilisers.auxiliary_classifier={}'`. "
            f"Received: generator.condition={config.generator.condition!r} alone"
        )
    raise ValueError(
        "`generator.condition` ('concatenation', 'embedding' or 'batch_norm') is needed where the "
        "discriminator looks at the class. Received: generator.condition='none' with "
        f"discriminator.condition={config.discriminator.condition!r}"
    )
