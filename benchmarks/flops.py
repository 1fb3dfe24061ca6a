"""Floating operations of a training: what a preset costs, whatever the machine.

    python -m benchmarks.flops                    # every shipped preset that needs no download
    python -m benchmarks.flops digits ring --set training.epochs=10

Multiplications and additions of all convolutions and matrix products, forwards and backwards,
counted in the traced graph of one step; a convolution's zero padding counts, everything else
(activations, normalisation, optimizers) is left out. A penalty with an interval counts with its
share of the steps.
"""

import argparse
import dataclasses
import fractions

from ganapp.screen import quiet_stderr

with quiet_stderr():
    import tensorflow as tf

    from ganapp.config.loading import load_config
    from ganapp.config.presets import preset_names
    from ganapp.models.gan import GAN
    from ganapp.runner.experiment import Experiment, compose


def training_operations(experiment: Experiment) -> float:
    """Floating operations of a whole run."""
    spec = experiment.source.spec
    shape = (experiment.examples_per_step, *spec.shape)
    element = tf.TensorSpec(shape, tf.float32)
    if experiment.gan.classes:
        element = (element, tf.TensorSpec(shape[:1], tf.int32))
    return experiment.total_steps * step_operations(experiment.gan, element)


def step_operations(gan: GAN, element: object) -> float:
    """Floating operations of one training step, the mean over its lazy terms.

    Args:
        gan: compiled.
        element: `tf.TensorSpec` of one element of its dataset, or a pair with the labels.
    """
    given = gan.objective
    try:
        lazy = {term.interval for term in given.terms if term.interval > 1}
        always = [term for term in given.terms if term.interval == 1]
        least = _with_terms(gan, given, always, element)
        found = fractions.Fraction(least)
        for interval in lazy:  # those of one interval share their passes
            due = [
                dataclasses.replace(term, interval=1)
                for term in given.terms
                if term.interval in (1, interval)
            ]
            found += fractions.Fraction(_with_terms(gan, given, due, element) - least, interval)
    finally:
        gan.objective = given
    return float(found)


def _with_terms(gan: GAN, objective: object, terms: list, element: object) -> int:
    gan.objective = dataclasses.replace(objective, terms=tuple(terms))
    return floating_operations(gan.train_step, element)


def floating_operations(step: object, *specs: object) -> int:
    """Floating operations of one call of a function, counted in its graph.

    Args:
        step: what `tf.function` takes.
        specs: `tf.TensorSpec` of its arguments, with known shapes.
    """
    graph = tf.function(step).get_concrete_function(*specs).graph
    return sum(_cost(op) for op in operations(graph, graph.outputs))


def operations(graph: tf.Graph, results: list) -> list:
    """The operations of `graph` that are run: those behind its results and its assignments."""
    open_ends = [tensor.op for tensor in results] + list(graph.control_outputs)
    needed = {}
    while open_ends:
        operation = open_ends.pop()
        if operation.name not in needed:
            needed[operation.name] = operation
            open_ends += [tensor.op for tensor in operation.inputs] + operation.control_inputs
    return list(needed.values())


def _cost(operation: tf.Operation) -> int:
    inputs, result = operation.inputs, operation.outputs[0].shape if operation.outputs else None
    if operation.type == "MatMul":
        inner = inputs[0].shape[0 if operation.get_attr("transpose_a") else 1]
        return 2 * result.num_elements() * inner
    if operation.type in ("BatchMatMul", "BatchMatMulV2"):
        inner = inputs[0].shape[-2 if operation.get_attr("adj_x") else -1]
        return 2 * result.num_elements() * inner
    if operation.type == "Conv2D":
        return 2 * result.num_elements() * inputs[1].shape[:3].num_elements()
    if operation.type == "Conv2DBackpropInput":  # as many as the forward convolution has
        return 2 * inputs[2].shape.num_elements() * inputs[1].shape[:3].num_elements()
    if operation.type == "Conv2DBackpropFilter":
        return 2 * inputs[2].shape.num_elements() * result[:3].num_elements()
    return 0


def main() -> None:
    """Prints a row a preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", metavar="PRESET")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    options = parser.parse_args()
    print("| preset | steps | GFLOP a step | TFLOP |\n|---|---:|---:|---:|")
    for name in options.presets or [name for name in preset_names() if "mnist" not in name]:
        experiment = compose(load_config(name, options.settings))
        work, steps = training_operations(experiment), experiment.total_steps
        print(f"| {name} | {steps:,} | {work / steps / 1e9:.3f} | {work / 1e12:.1f} |", flush=True)


if __name__ == "__main__":
    main()
