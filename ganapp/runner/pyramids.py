"""What a level of a pyramid loses when it paints upon generated images in place of real ones.

Levels learn from real coarse images and are then given generated ones (Denton et al., 2015,
arXiv:1506.05751): the figures of both are compared, of as many samples and of the same noise.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganapp.config.loading import level_configs
from ganapp.models.batches import one_hot_labels
from ganapp.models.inference import BATCH
from ganapp.models.networks.pyramid import COARSE, level_latent, level_name
from ganapp.models.stages import STAGE, stages
from ganapp.models.tensors import EXAMPLE, LABEL, LATENT, Tensors, apply, input_names
from ganapp.runner.experiment import Experiment, make_evaluator
from ganapp.runs import Json
from ganapp.training.data.levels import at_level
from ganapp.training.evaluation.metrics import METRICS

COLUMNS = ["on real coarse images", "on generated ones", "difference", "its standard error"]
MOST_COARSE = 1000  # real coarse images, and as many generated ones


def coarse_gaps(experiment: Experiment) -> list[Json]:
    """The figures of each level but the coarsest on real and on generated coarse images.

    The samples are those of the averaged generators as they are now, one for each held-out coarse
    image, compared with training images of the level.

    Returns:
        A table of `ganapp.training.evaluation.report.further_tables` for each level.
    """
    config, gan = experiment.config, experiment.gan
    levels = level_configs(config)
    source = experiment.source
    count = min(MOST_COARSE, config.evaluation.samples, source.spec.held_out)
    inputs = gan.inputs(count, seed=config.evaluation.seed)
    made = _in_batches(stages(gan.ema_generator), inputs)
    gaps = []
    for number, each in reversed(list(enumerate(levels[:-1]))):
        of_level = at_level(source, number, coarse=True)
        given = {
            LATENT: inputs[level_latent(number)],
            COARSE: of_level.held_out_observations(count)[COARSE],
        }
        if LABEL in inputs:
            _, labels = of_level.held_out_examples(count)
            given[LABEL] = one_hot_labels(labels, gan.classes)
        network = gan.ema_generator.get_layer(level_name(number))
        names = input_names(network, LATENT)
        drawn = {
            "real": _in_batches(
                functools.partial(apply, network), {name: given[name] for name in names}
            )[EXAMPLE],
            "generated": made[f"{STAGE}{len(levels) - number}"],
        }
        drawn = {k: np.asarray(of_level.spec.to_user_units(x)) for k, x in drawn.items()}
        evaluation = each.evaluation.model_copy(update={"reference": "train"})
        evaluator = make_evaluator(evaluation, of_level, cache=config.data.cache)
        values = {kind: evaluator.evaluate(samples) for kind, samples in drawn.items()}
        errors = [evaluator.standard_errors(samples) for samples in drawn.values()]
        rows = []
        for key, (name, better) in _names().items():
            sides = {kind: found.get(key) for kind, found in values.items()}
            if None in sides.values():
                continue
            known = all(key in found for found in errors)
            error = math.hypot(*(found[key] for found in errors)) if known else None
            real, generated = sides["real"], sides["generated"]
            columns = [real, generated, generated - real, error]
            rows.append({"key": key, "name": name, "better": better, "values": columns})
        height, width, _ = of_level.spec.shape
        title = (
            f"Level {number} ({height} x {width}) on real held-out and on generated coarse images: "
            f"{count:,} samples each, of the same noise, compared with the training data."
        )
        gaps.append({"key": f"level_{number}", "title": title, "columns": COLUMNS, "rows": rows})
    return gaps


def _names() -> dict[str, tuple[str, str]]:
    return {
        key: (figure.name or key.replace("_", " "), figure.better)
        for metric in METRICS
        for key, figure in metric.figures.items()
    }


def _in_batches(network: Callable[[Tensors], Tensors], inputs: Tensors) -> dict[str, np.ndarray]:
    """Outputs of a network by name, a bounded number of rows at a time."""
    count = len(next(iter(inputs.values())))
    parts = [
        network({k: tf.cast(x[start : start + BATCH], tf.float32) for k, x in inputs.items()})
        for start in range(0, count, BATCH)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
