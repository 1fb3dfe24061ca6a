"""The orthogonal penalty against numpy, through every kind of linear layer and wrapper."""

import keras
import numpy as np
import pytest
from case import critic_of

from ganapp.models.networks import dcgan_discriminator
from ganapp.training.constraints import SpectralNorm
from ganapp.training.terms import Orthogonal
from ganapp.training.terms.orthogonal import kernel_matrices

LAYERS = {  # a layer, its input, and the axes of its kernel that make it (inputs, outputs)
    "Dense": (lambda: keras.layers.Dense(4), (3,), (0, 1)),
    "Conv1D": (lambda: keras.layers.Conv1D(4, 3), (5, 2), (0, 1, 2)),
    "Conv2D": (lambda: keras.layers.Conv2D(4, 3), (5, 5, 2), (0, 1, 2, 3)),
    "Conv3D": (lambda: keras.layers.Conv3D(4, 3), (5, 5, 5, 2), (0, 1, 2, 3, 4)),
    "Conv1DTranspose": (lambda: keras.layers.Conv1DTranspose(4, 3), (5, 2), (0, 2, 1)),
    "Conv2DTranspose": (lambda: keras.layers.Conv2DTranspose(4, 3), (5, 5, 2), (0, 1, 3, 2)),
    "Conv3DTranspose": (lambda: keras.layers.Conv3DTranspose(4, 3), (5, 5, 5, 2), (0, 1, 2, 4, 3)),
}


def penalty(network):
    value = Orthogonal().per_example(critic_of(network), None, None, None)
    assert value.shape == (1,)
    return value.numpy()[0]


def overlap(matrix):
    """Sum over ordered pairs of different columns, written out."""
    columns = matrix.T.astype(np.float64)
    return sum(
        np.dot(a, b) ** 2 for i, a in enumerate(columns) for j, b in enumerate(columns) if i != j
    )


def test_default_weight_is_the_paper_s():
    assert Orthogonal().weight == 1e-4
    assert not Orthogonal.per_example_gradient


@pytest.mark.parametrize("kind", LAYERS)
def test_kernel_of_a_layer(kind):
    make, shape, axes = LAYERS[kind]
    layer = make()
    network = keras.Sequential([keras.Input(shape), layer])
    kernel = layer.kernel.numpy().transpose(axes).reshape(-1, 4)
    np.testing.assert_array_equal(kernel_matrices(network)[0], kernel)
    assert penalty(network) == pytest.approx(overlap(kernel), rel=1e-5)


def test_filters_at_right_angles_of_any_length_pay_nothing():
    layer = keras.layers.Dense(2)
    network = keras.Sequential([keras.Input((3,)), layer])
    layer.kernel.assign([[3.0, 0.0], [0.0, 5.0], [0.0, 0.0]])
    assert penalty(network) == 0
    layer.kernel.assign([[3.0, 1.0], [0.0, 5.0], [0.0, 0.0]])
    assert penalty(network) == 18  # 3 x 1, squared, for both orders


def test_layers_add_up_and_biases_do_not_count():
    network = dcgan_discriminator({"x": (8, 8, 1)}, channels=(4, 6))
    expected = sum(
        overlap(v.numpy().reshape(-1, v.shape[-1]))
        for v in network.trainable_variables
        if v.name == "kernel"
    )
    assert penalty(network) == pytest.approx(expected, rel=1e-4)
    for variable in network.trainable_variables:
        if variable.name == "bias":
            variable.assign(variable + 1.0)
    assert penalty(network) == pytest.approx(expected, rel=1e-4)


def test_spectral_normalisation_hides_nothing():
    network = dcgan_discriminator({"x": (8, 8, 1)}, channels=(4, 6))
    wrapped = SpectralNorm().prepare(network)
    assert len(kernel_matrices(wrapped)) == len(kernel_matrices(network)) > 1
    assert penalty(wrapped) == pytest.approx(penalty(network), rel=1e-6)


def test_a_shared_layer_counts_once_and_a_nested_one_counts():
    shared = keras.layers.Dense(3)
    x = keras.Input((3,))
    inner = keras.Model(x, shared(keras.activations.relu(shared(x))))
    outer = keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(1)])
    assert [tuple(m.shape) for m in kernel_matrices(outer)] == [(3, 3), (3, 1)]
    assert penalty(outer) == pytest.approx(overlap(shared.kernel.numpy()), rel=1e-5)


def test_a_discriminator_without_linear_layers_is_refused():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0)], name="odd")
    with pytest.raises(ValueError, match=r"`orthogonal` needs.*Received: 'odd' without any"):
        penalty(network)
