"""What networks are like, and the checks that two of them and a prior make a GAN."""

import math
from collections.abc import Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.batches import packed_shape
from ganapp.models.companions import ENCODER, Companion
from ganapp.models.contracts import Objective, Optimizer, Prior
from ganapp.models.layers import (
    ClassColumn,
    MinibatchDiscrimination,
    MinibatchStandardDeviation,
    ReconstructionScore,
)
from ganapp.models.rules import Combination, refuse
from ganapp.models.tensors import (
    EXAMPLE,
    LABEL,
    LATENT,
    SCORES,
    Tensors,
    all_layers,
    apply,
    input_names,
    input_shapes,
)
from ganapp.training.registry import find_objective

SIDE = 16  # of probes of networks for images of any size
PROBES, SCALE = 64, 100.0
RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "log_sigmoid": (-math.inf, 0.0),
    "log_softmax": (-math.inf, 0.0),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
}
# A score squashed by one of these can no longer be any number. (What a rectifier cuts off is lost,
# too, but some energies are made so.)
BOUNDED = frozenset(RANGES) - {"relu", "relu6", "softplus"}
# Layers that move values about, or choose or average some of them.
PASSING = (
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.Identity,
    keras.layers.Dropout,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.Cropping2D,
)
Shapes = dict[str, tuple[int | None, ...] | None]


def check_networks(
    generator: keras.Model,
    discriminator: keras.Model,
    prior: Prior,
    packing: int = 1,
    *,
    encoded: bool = False,
) -> tuple[tuple[int, ...], int, Shapes]:
    """Refuses networks that do not fit each other; builds those that are not built yet.

    Args:
        generator, discriminator, prior, packing: as of the GAN.
        encoded: whether an encoder says the latents of real examples, which the discriminator may
            then take.

    Returns:
        The shape of an example, the number of classes that the generator takes, and the
        observations that the networks take, with the shape of one where a network says it.

    Raises:
        ValueError: the networks share variables, or one does not take what the other makes.
    """
    if packing < 1:
        raise ValueError(f"`packing` must be at least 1. Received: packing={packing}")
    taken = {
        "generator": input_shapes(generator, LATENT),
        "discriminator": input_shapes(discriminator, EXAMPLE),
    }
    sizes = getattr(prior, "sizes", None) or {LATENT: prior.size}
    _check_names(taken, sizes, encoded)
    _check_shapes_are_known(taken, (*sizes, EXAMPLE))
    classes = _check_classes(taken, packing)
    conditions = _conditions(taken, sizes)
    beside_x = (conditions.keys() | sizes.keys()) & taken["discriminator"].keys()
    if packing > 1 and beside_x:
        raise ValueError(
            "`packing` must be 1 where `discriminator` takes observations or latents: a pack has "
            f"several. Received: packing={packing} with {', '.join(map(repr, sorted(beside_x)))}"
        )
    beside = _zero_inputs(conditions, classes)
    latents = {name: tf.zeros((1, size)) for name, size in sizes.items()}
    dimensions = ", ".join(map(str, sizes.values()))
    expectation = f"`generator` must take latents of the prior's size {dimensions}"
    for name, each in latents.items():
        _check_shape(generator, taken["generator"][name], each, expectation)
    outputs = _call_probe(generator, beside | latents, LATENT, EXAMPLE, expectation)
    if EXAMPLE not in outputs:
        raise ValueError(
            f"`generator` must name one of its outputs {EXAMPLE!r}, the example. "
            f"Received: {', '.join(map(repr, outputs))}"
        )
    shape = tuple(outputs[EXAMPLE].shape[1:])
    judged = packed_shape(shape, packing)
    together = f" in packs of {packing}" if packing > 1 else ""
    x = tf.zeros((1, *judged))
    expectation = f"`discriminator` must take what `generator` makes{together}, {judged}"
    _check_shape(discriminator, taken["discriminator"][EXAMPLE], x, expectation)
    given = beside | latents | {EXAMPLE: x}
    scores = _call_probe(discriminator, given, EXAMPLE, SCORES, expectation)
    if SCORES not in scores:
        raise ValueError(
            f"`discriminator` must name one of its outputs {SCORES!r}. "
            f"Received: {', '.join(map(repr, scores))}"
        )
    shared = {id(v) for v in generator.variables} & {id(v) for v in discriminator.variables}
    if shared:
        raise ValueError(
            "`generator` and `discriminator` must not share variables: each would undo the "
            f"other's update. Received: {len(shared)} shared variables"
        )
    return shape, classes, conditions


def check_shares(shares: Sequence[float] | None, classes: int) -> tuple[float, ...]:
    if shares is None:
        return (1 / classes,) * classes if classes else ()
    shares = tuple(float(share) for share in shares)
    if len(shares) != classes or not classes or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(
            f"`class_shares` must be {classes} numbers above 0 of sum 1, one for each class that "
            f"the networks take. Received: {shares}"
        )
    return shares


def check_encoder(
    encoder: Companion,
    latents: dict[str, int],
    shape: tuple[int, ...],
    classes: int,
    conditions: Shapes,
) -> None:
    """Refuses an encoder that cannot say the latents which the discriminator judges.

    Args:
        encoder: the companion.
        latents: size of each of them by name.
        shape, classes, conditions: what `check_networks` gave.
    """
    if encoder.trained_with != "generator":
        raise ValueError(
            f"The companion {ENCODER!r} must be trained with the generator where `discriminator` "
            f"judges latents. Received: trained_with={encoder.trained_with!r}"
        )
    given = _zero_inputs(conditions, classes) | {EXAMPLE: tf.zeros((1, *shape))}
    expectation = f"The companion {ENCODER!r} must take examples of shape {shape}"
    found = _call_probe(encoder.network, given, encoder.takes, encoder.gives, expectation)
    sizes = {name: tuple(each.shape[1:]) for name, each in found.items()}
    if any(sizes.get(name) != (size,) for name, size in latents.items()):
        raise ValueError(
            f"The companion {ENCODER!r} must give the latents that `discriminator` takes, "
            f"{', '.join(f'{name!r} of size {size}' for name, size in latents.items())}. "
            f"Received: {', '.join(f'{name!r} of shape {size}' for name, size in sizes.items())}"
        )


def _check_names(taken: dict[str, Shapes], latents: Iterable[str], encoded: bool) -> None:
    owned = {"generator": (*latents,), "discriminator": (EXAMPLE,)}
    for network, own in owned.items():
        names = taken[network].keys()
        (others,) = (each for other, each in owned.items() if other != network)
        if encoded and network == "discriminator":
            others = ()
        if set(own) - names or names & set(others):
            raise ValueError(
                f"`{network}` must take {', '.join(map(repr, own))}, and may take 'label' and "
                f"observations of the data beside it; {', '.join(map(repr, others))} is the other "
                "network's. Name the inputs of a network with several of them, by "
                "`keras.Input(shape, name=...)` or by the keys of a dict. "
                f"Received: {', '.join(map(repr, names))}"
            )


def _check_shapes_are_known(taken: dict[str, Shapes], others: Iterable[str]) -> None:
    for network, shapes in taken.items():
        silent = [name for name, shape in shapes.items() if shape is None and name not in others]
        if silent:
            raise ValueError(
                f"`{network}` must say the shapes of its inputs, and a subclass says them once it "
                "has been called: call it on a row of each, "
                f"`{network}({{{', '.join(f'{name!r}: ...' for name in shapes)}}})`. "
                f"Received: {', '.join(map(repr, silent))} of unknown shape"
            )


def _conditions(taken: dict[str, Shapes], latents: Iterable[str]) -> Shapes:
    """Observations of both networks; shapes that both give agree."""
    found: Shapes = {}
    for shapes in taken.values():
        for name, shape in shapes.items():
            if name in (EXAMPLE, LABEL, *latents):
                continue
            if found.get(name) not in (None, shape) and shape is not None:
                raise ValueError(
                    f"`generator` and `discriminator` must take one {name!r}. "
                    f"Received: shapes {found[name]} and {shape}"
                )
            found[name] = shape if shape is not None else found.get(name)
    return found


def _zero_inputs(conditions: Shapes, classes: int) -> Tensors:
    """A row of zeros for all that the networks take beside latents and examples."""
    shapes = {name: shape for name, shape in conditions.items() if shape is not None}
    if classes:
        shapes[LABEL] = (classes,)
    return {n: tf.zeros((1, *(side or SIDE for side in shape))) for n, shape in shapes.items()}


def check_trainable(network: keras.Model) -> None:
    if not network.trainable_variables:
        raise ValueError(
            f"{network.name!r} has nothing to train. The GAN updates each of its two networks by "
            "itself and needs none of them frozen: leave out `trainable = False`. Received: "
            f"trainable={network.trainable} and {len(network.variables)} variables"
        )


def resolve_objective(objective: Objective | str) -> Objective:
    if isinstance(objective, str):
        return find_objective(objective)
    if isinstance(objective, type) or not hasattr(objective, "discriminator_loss"):
        raise ValueError(
            "`objective` must be an objective such as `ganapp.training.objectives.Hinge()`, or the "
            f"name of one such as 'hinge'. Received: {objective!r}"
        )
    return objective


def _check_classes(taken: dict[str, Shapes], packing: int) -> int:
    classes, of_discriminator = (
        (shapes[LABEL] or (0,))[-1] if LABEL in shapes else 0 for shapes in taken.values()
    )
    refuse(Combination(packing=packing, told_classes=f"{classes} classes" if classes else ""))
    if of_discriminator and of_discriminator != classes:
        raise ValueError(
            "`discriminator` must take labels of as many classes as the generator takes. "
            f"Received: {of_discriminator} and {classes}"
        )
    return classes


def _check_shape(
    network: keras.Model, expected: tuple | None, given: tf.Tensor, expectation: str
) -> None:
    if expected is None and network.built:  # a sequential or subclassed one that was called
        expected = getattr(network, "input_shape", None)
        expected = expected[1:] if isinstance(expected, tuple) else None
    if expected is None:
        return
    shape = tuple(given.shape[1:])
    fits = len(expected) == len(shape) and all(
        a in (None, b) for a, b in zip(expected, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{expectation}. Received: a network for inputs of shape {expected}")


def _call_probe(
    network: keras.Model, tensors: Tensors, takes: str, gives: str, expectation: str
) -> Tensors:
    # Called, because a subclassed network has no shapes to ask for before that.
    try:
        return apply(network, tensors, takes=takes, gives=gives)
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{expectation}. Received: {network.name!r}, which says: {reason}"
        ) from error


def check_recompilation(before: Objective | None, after: Objective) -> None:
    if before is not None and before.constraint != after.constraint:
        raise ValueError(
            "The constraint of an earlier `compile` stays in the discriminator; make a new GAN. "
            f"Received: {after.constraint.name!r} after {before.constraint.name!r}"
        )


def check_compilation(
    replicas: int,
    jit_compile: bool,
    generator_optimizer: Optimizer,
    discriminator_optimizer: Optimizer,
) -> None:
    if jit_compile and replicas > 1:
        raise ValueError(
            "`jit_compile` works on one device only: XLA under a distribution strategy leaks "
            f"or crashes in Keras 3. Received: jit_compile=True on {replicas} replicas"
        )
    pair = generator_optimizer, discriminator_optimizer
    if isinstance(pair[0], keras.optimizers.Optimizer) and pair[0] is pair[1]:
        raise ValueError(
            "`generator_optimizer` and `discriminator_optimizer` must be two instances: each "
            f"keeps moments of its own network. Received: {generator_optimizer!r} twice"
        )


def combination_of(
    generator: keras.Model,
    discriminator: keras.Model,
    objective: Objective,
    classes: int,
    shape: tuple[int, ...],
    packing: int,
) -> Combination:
    """The combination of a GAN's networks, before a constraint changes one, and its objective."""
    layers = all_layers(discriminator)

    def names(*kinds: type) -> tuple[str, ...]:
        return tuple(layer.name for layer in layers if isinstance(layer, kinds))

    heeded = (
        LABEL in input_names(discriminator, EXAMPLE)
        or any(each.classifies for each in objective.terms)
        # Its rows say their class.
        or any(isinstance(each, ClassColumn) for each in all_layers(generator))
    )
    activation = final_activation(discriminator)
    graph = getattr(discriminator, "outputs", None)
    alone = input_names(discriminator, EXAMPLE) == (EXAMPLE,)
    squashed = not graph and alone and looks_squashed(discriminator, packed_shape(shape, packing))
    return Combination(
        objective=objective,
        discriminator=discriminator.name,
        # A frozen one goes by its moving statistics, each example by itself.
        batch_layers=tuple(
            each.name
            for each in layers
            if isinstance(each, keras.layers.BatchNormalization) and each.trainable
        ),
        comparing_layers=names(MinibatchDiscrimination, MinibatchStandardDeviation),
        divided_layers=names(keras.layers.SpectralNormalization),
        reconstructs=bool(names(ReconstructionScore)),
        score_activation=activation if activation in BOUNDED else None,
        squashed_scores=f"{discriminator.name!r}" if squashed else "",
        packing=packing,
        told_classes=f"{classes} classes" if classes else "",
        unheeded_classes="" if heeded or not classes else f"{classes} classes",
        kind="image" if len(shape) == 3 else "vector",
        data=f"examples of shape {shape}",
    )


def final_activation(network: keras.Model) -> str | None:
    """The name of the activation that `scores` or `x` come from; `None` where none is known."""
    outputs = getattr(network, "outputs", None)
    if not outputs:
        return None
    structure = getattr(network, "output", None) if len(outputs) > 1 else None
    if isinstance(structure, dict):
        return _activation_of(structure.get(SCORES, structure.get(EXAMPLE, outputs[0])))
    return _activation_of(outputs[0])


def looks_squashed(discriminator: keras.Model, shape: tuple[int, ...]) -> bool:
    """Whether a discriminator of examples of a shape alone seems to end in a sigmoid or softmax.

    Raw scores of examples as large as this leave [0, 1] far behind.
    """
    examples = SCALE * tf.random.stateless_normal((PROBES, *shape), seed=(0, 0))
    scores = apply(discriminator, {EXAMPLE: examples}, takes=EXAMPLE, gives=SCORES)[SCORES]
    scores = np.asarray(scores)
    # A last layer that starts with zeros gives nothing but zeros.
    return bool(scores.min() >= 0 and scores.max() <= 1 and np.ptp(scores) > 0)


def _activation_of(tensor: keras.KerasTensor) -> str | None:
    operation = tensor._keras_history.operation  # Keras has no public way from a tensor to it
    if isinstance(operation, keras.Model):
        return final_activation(operation)
    name = _name(getattr(operation, "layer", operation))  # a wrapper has the layer within
    if name in RANGES:
        return name
    moves_only = isinstance(operation, PASSING) or (
        isinstance(operation, keras.layers.Activation) and name == "linear"
    )
    return _activation_of(operation.input) if moves_only else None


def _name(operation: keras.Operation) -> str:
    """Of a layer its activation, of a function (`keras.ops.tanh`, `Lambda(tf.tanh)`) itself."""
    function = getattr(operation, "activation", None) or getattr(operation, "function", None)
    if callable(function):
        return getattr(function, "__name__", type(function).__name__).lower()
    return {"relu6": "relu6", "logsoftmax": "log_softmax"}.get(
        type(operation).__name__.lower(), type(operation).__name__.lower()
    )
