"""The networks and the prior of a run, with or without classes."""

import inspect

import keras
import numpy as np

from ganapp.config.schema import Config
from ganapp.models.batches import packed_shape
from ganapp.models.networks import GENERATORS
from ganapp.models.tensors import EXAMPLE, LABEL, LATENT, input_shapes
from ganapp.training.data import DataSpec, Source
from ganapp.training.priors import Prior

UNCONDITIONAL = "none"


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
    section, options = config.generator, _head(config, spec)
    layers = {name: part.first_layer() for name, part in prior.parts.items()}
    layers = {name: layer for name, layer in layers.items() if layer is not None}
    inputs = {name: (size,) for name, size in prior.sizes.items()} | {
        name: layer.compute_output_shape((None, prior.sizes[name]))[1:]
        for name, layer in layers.items()
    }
    inputs |= dict(spec.conditions)
    if is_told_classes(config):
        inputs[LABEL] = (len(spec.classes),)
        options["condition"] = section.condition
        if spec.label_start is not None:
            options["class_start"] = spec.label_start
    network = section.build(inputs, spec.shape, **options)
    return _with_first_layers(network, layers, prior.sizes)


def _with_first_layers(
    network: keras.Model, layers: dict[str, keras.layers.Layer], sizes: dict[str, int]
) -> keras.Model:
    """The network behind layers of some of its inputs, which are of the `sizes` given."""
    if not layers:
        return network
    inputs = {
        name: keras.Input((sizes[name],) if name in layers else shape, name=name)
        for name, shape in input_shapes(network, LATENT).items()
    }
    values = {name: layers[name](x) if name in layers else x for name, x in inputs.items()}
    if isinstance(network.input, dict):
        return keras.Model(inputs, network(values), name=network.name)
    return keras.Model(*inputs.values(), network(*values.values()), name=network.name)


def make_discriminator(config: Config, spec: DataSpec) -> keras.Model:
    """The discriminator of examples as `spec` has them, in packs or of a class if asked."""
    section, classes = config.discriminator, len(spec.classes)
    options: dict[str, object] = {"condition": section.condition}
    inputs = {EXAMPLE: packed_shape(spec.shape, section.packing)} | dict(spec.conditions)
    if spec.partly_labelled:
        options["class_start"] = spec.label_start
    if section.condition != UNCONDITIONAL or spec.partly_labelled:
        inputs[LABEL] = (classes,)
    if _classifies(config):
        options["heads"] = {"class_logits": classes}
    return section.build(inputs, **options)


def _head(config: Config, spec: DataSpec) -> dict[str, object]:
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
    return any(member.classifies for member in config.objective.terms.values())


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
            "'objective.terms.auxiliary_classifier={}'`. "
            f"Received: generator.condition={config.generator.condition!r} alone"
        )
    raise ValueError(
        "`generator.condition` ('concatenation', 'embedding' or 'batch_norm') is needed where the "
        "discriminator looks at the class. Received: generator.condition='none' with "
        f"discriminator.condition={config.discriminator.condition!r}"
    )
