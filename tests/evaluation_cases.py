"""Small data sets shared by the tests of judgement."""

import types

import numpy as np
from case import small_images
from sklearn.datasets import load_digits

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.features.spaces import FeatureStatistics
from ganapp.training.evaluation.metric import EvaluationData
from ganapp.training.evaluation.metrics.frechet_distance import statistics_moments

SIDE = (-2.0, 0.0, 2.0)
GRID = types.SimpleNamespace(centres=np.array([(x, y) for x in SIDE for y in SIDE]), sigma=0.05)


def digits():
    """800 training and 297 held-out real digits with labels, and their description."""
    pixels, labels = load_digits(return_X_y=True)
    images = np.rint(pixels * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    order = np.random.default_rng(0).permutation(len(images))[:1097]
    images, labels = images[order], labels[order]
    return types.SimpleNamespace(
        spec=small_images(800, 297, "0123456789", name="digits"),
        train=images[:800],
        held_out=images[800:],
        train_labels=labels[:800],
        held_out_labels=labels[800:],
    )


def make_evaluator(spec, **options):
    """An evaluator of these data, with options of both classes."""
    names = ("baseline_components", "figures", "training_figures", "reference")
    own = {name: options.pop(name) for name in names if name in options}
    return Evaluator(EvaluationData(spec, **options), **own)


def moments(features):
    """Mean and covariance of features `(n, d)`."""
    features = np.asarray(features)
    return statistics_moments(FeatureStatistics(features.shape[1]).update(features))


def digit_evaluator(data, *, train=800, held_out=297, **options):
    """An evaluator of the first of these digits."""
    return make_evaluator(
        data.spec,
        train=data.train[:train],
        held_out=data.held_out[:held_out],
        train_labels=data.train_labels[:train],
        held_out_labels=data.held_out_labels[:held_out],
        **options,
    )


def grid_points(seed, count=600, modes=9, sigma=0.05):
    """float32 `(count, 2)` from the first `modes` of the nine modes of `GRID`."""
    generator = np.random.default_rng(seed)
    centres = GRID.centres[generator.integers(modes, size=count)]
    return (centres + sigma * generator.normal(size=(count, 2))).astype(np.float32)


def vector_spec(dimension=2, *, examples=None, classes=(), scale=None):
    """A vector source with mean 0."""
    return DataSpec(
        name="points",
        kind="vector",
        shape=(dimension,),
        examples=examples,
        held_out=600,
        classes=classes,
        mean=(0.0,) * dimension,
        scale=(1.0,) * dimension if scale is None else scale,
    )
