"""Weight clipping, and constraints that leave things alone."""

import keras
import numpy as np
import pytest
from case import tiny_gan, train, weights

from ganapp.training.constraints import CONSTRAINTS, Unconstrained, WeightClip
from ganapp.training.objectives import WGAN


def largest(gan, part):
    return max(np.abs(array).max() for array in weights(gan)[part])


def test_weights_are_within_the_limit_after_every_update():
    limit = 0.02
    gan = tiny_gan(
        WGAN(constraint=WeightClip(limit=limit), discriminator_steps=2),
        optimizer=lambda: keras.optimizers.SGD(10.0),
    )
    assert largest(gan, "discriminator") > limit
    for _ in range(2):
        train(gan, 1)
        assert largest(gan, "discriminator") == pytest.approx(limit, rel=1e-6)
    assert largest(gan, "generator") > limit  # only the critic is clipped


def test_clipping_leaves_what_is_within():
    gan = tiny_gan(WGAN(constraint=WeightClip(limit=1e3), discriminator_steps=1))
    before = weights(gan)["discriminator"]
    for variable, value in gan.objective.constraint.after_update(gan.discriminator):
        variable.assign(value)
    for a, b in zip(weights(gan)["discriminator"], before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_limit_must_be_positive(limit):
    with pytest.raises(ValueError, match="`limit` must be above 0"):
        WeightClip(limit=limit)


def test_contract():
    network = tiny_gan().discriminator
    assert Unconstrained().prepare(network) is network
    assert Unconstrained().before_update(network) == Unconstrained().after_update(network) == []
    for name, constraint in CONSTRAINTS.items():
        assert constraint().name == name
        assert name == "none" or "arXiv:" in constraint().reference
