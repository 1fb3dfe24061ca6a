"""The gap where it is known, and originals that stay as they were."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import linear_networks, mlp_networks
from scipy.stats import norm

from ganapp.training.constraints import SpectralNorm
from ganapp.training.diagnostics.divergences import integrated_jensen_shannon, regular_cells
from ganapp.training.diagnostics.duality import copy_network, duality_gap
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.objectives import OBJECTIVES, WGAN, Minimax
from ganapp.training.optimizers import OptimizerConfig, adam

SGD = OptimizerConfig(name="sgd", learning_rate=0.1)


@keras.saving.register_keras_serializable("tests")
class Constant(keras.layers.Layer):
    """theta, whatever the latent."""

    def build(self, shape):
        self.theta = self.add_weight(name="theta", shape=(1,), initializer="zeros")

    def call(self, latents):
        return 0.0 * latents[:, :1] + self.theta


def dirac(theta, psi):
    """G = theta, D = psi x; the data are 0, so wgan's value is -psi theta."""
    z, x = keras.Input((1,)), keras.Input((1,))
    generator = keras.Model(z, Constant()(z))
    discriminator = keras.Model(x, keras.layers.Dense(1, use_bias=False)(x))
    generator.set_weights([np.array([theta])])
    discriminator.set_weights([np.array([[psi]])])
    return generator, discriminator


def zeros(count=20):
    return {"real": np.zeros((count, 1)), "latents": np.zeros((count, 1))}


def snapshot(*networks):
    return [np.copy(weights) for network in networks for weights in network.get_weights()]


@pytest.mark.parametrize(("theta", "psi"), [(0.5, -0.3), (-1.0, 0.0), (0.0, 0.0)])
def test_the_bilinear_game(theta, psi):
    """n steps of size h end at psi - n h theta and theta + n h psi: gap n h (theta^2 + psi^2)."""
    networks = dirac(theta, psi)
    found = duality_gap(*networks, objective=WGAN(), steps=7, optimizer=SGD, **zeros())
    assert found.value == pytest.approx(-psi * theta, abs=1e-6)
    assert found.worst_case == pytest.approx(-psi * theta + 0.7 * theta**2, abs=1e-5)
    assert found.best_response == pytest.approx(-psi * theta - 0.7 * psi**2, abs=1e-5)
    assert found.gap == pytest.approx(0.7 * (theta**2 + psi**2), abs=1e-5)
    assert (found.steps, found.trained, found.judged) == (7, 10, 10)


def test_what_the_copies_could_gain_is_undecided_where_they_overshoot():
    """A huge rate throws both copies past every better player: a gap of 0 would be a lie."""
    networks = dirac(0.5, -0.3)
    options = {"objective": WGAN(), "steps": 1, "value": lambda r, f: -tf.square(f - 0.1) * f * f}
    found = duality_gap(*networks, **options, optimizer=SGD, **zeros())
    assert found.overshot == ()
    lost = duality_gap(
        *networks,
        **options,
        optimizer=OptimizerConfig(name="sgd", learning_rate=100.0),
        **zeros(),
    )
    assert "discriminator" in lost.overshot
    assert lost.worst_case == lost.value


def test_the_gap_has_the_error_of_its_examples():
    networks = mlp_networks()
    random = np.random.default_rng(1)
    errors = [
        duality_gap(
            *networks,
            objective=Minimax(),
            steps=20,
            real=random.normal(size=(count, 2)),
            latents=random.normal(size=(count, 3)),
        ).standard_error
        for count in (200, 3200)
    ]
    assert 0 < errors[1] < errors[0] / 2


def test_another_value_and_optimizer():
    """Adam goes about its rate each step under a constant gradient; here of twice the value."""
    networks = dirac(0.5, -0.3)
    found = duality_gap(
        *networks,
        objective=Minimax(),
        value=lambda real, fake: 2.0 * (real - fake),
        steps=10,
        optimizer=adam(0.01, 0.0, 0.999),
        **zeros(),
    )
    assert found.gap == pytest.approx(2 * 0.1 * (0.5 + 0.3), rel=1e-2)


def test_the_worst_discriminator_finds_the_divergence():
    """Two Gaussians of one width: a linear D is optimal, and the value is -log 4 + 2 JSD."""
    z, x = keras.Input((1,)), keras.Input((1,))
    generator = keras.Model(z, keras.layers.Dense(1)(z))
    discriminator = keras.Model(x, keras.layers.Dense(1)(x))
    generator.set_weights([np.ones((1, 1)), np.array([1.5])])
    discriminator.set_weights([np.zeros((1, 1)), np.zeros(1)])
    random = np.random.default_rng(0)
    found = duality_gap(
        generator,
        discriminator,
        objective=Minimax(),
        real=random.normal(size=(8000, 1)),
        latents=random.normal(size=(8000, 1)),
        steps=300,
        batch_size=500,
        optimizer=adam(0.05, 0.9, 0.999),
    )
    divergence = integrated_jensen_shannon(
        lambda p: norm.logpdf(p[:, 0]),
        lambda p: norm.logpdf(p[:, 0], 1.5),
        regular_cells(-10.0, 12.0, 500),
    )
    assert found.worst_case == pytest.approx(-np.log(4) + 2 * divergence, abs=0.04)
    # D = 1/2 gives the generator nothing to do.
    assert found.best_response == found.value == pytest.approx(-np.log(4), abs=1e-5)
    # The data themselves: nothing to tell apart either.
    generator.set_weights([np.ones((1, 1)), np.zeros(1)])
    perfect = duality_gap(
        generator,
        discriminator,
        objective=Minimax(),
        real=random.normal(size=(8000, 1)),
        latents=random.normal(size=(8000, 1)),
        steps=100,
        optimizer=adam(0.01, 0.9, 0.999),
    )
    assert abs(perfect.gap) < 0.03 < found.gap / 5


@pytest.mark.parametrize("name", ["relativistic_average", "began"])
def test_originals_are_left_alone_and_the_same_seed_finds_the_same(name):
    networks = mlp_networks(normalisation="layer")
    SpectralNorm().prepare(networks[1])
    before = snapshot(*networks)
    random = np.random.default_rng(1)
    examples = {"real": random.normal(size=(90, 2)), "latents": random.normal(size=(90, 3))}
    options = {"objective": OBJECTIVES[name](), "steps": 5, "batch_size": 16, **examples}
    first, second = (duality_gap(*networks, **options) for _ in range(2))
    assert first == second
    assert np.isfinite(first.gap)
    for old, new in zip(before, snapshot(*networks), strict=True):
        np.testing.assert_array_equal(old, new)


def test_copies_share_nothing():
    for network in mlp_networks():
        copy = copy_network(network)
        x = tf.random.stateless_normal((4, network.input_shape[1]), (0, 0))
        np.testing.assert_array_equal(copy(x), network(x))
        assert not {id(v) for v in copy.variables} & {id(v) for v in network.variables}


def test_what_cannot_be_copied_is_said():
    class Own(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.dense = keras.layers.Dense(units)

        def call(self, x):
            return self.dense(x)

    own = Own(1)
    own(np.zeros((1, 2), np.float32))
    with pytest.raises(NotComputable, match="functional or sequential"):
        copy_network(own)


def test_bad_arguments_are_refused():
    networks, few = linear_networks(), {"real": np.zeros((3, 2)), "latents": np.zeros((3, 3))}
    with pytest.raises(ValueError, match="same number of rows, at least 4"):
        duality_gap(*networks, objective=WGAN(), **few)
    with pytest.raises(ValueError, match="`steps` and `batch_size`"):
        duality_gap(*dirac(0, 0), objective=WGAN(), steps=0, **zeros())
