"""A prior of several named parts."""

import numpy as np
import pytest
import tensorflow as tf
from prior_case import PRODUCT, SEED, noise_of

from ganapp.training.priors import Normal, Product, Sphere, Uniform

PARTS = PRODUCT.parts


def test_sizes_and_codes_by_name():
    assert PRODUCT.sizes == {"z": 3, "digit": 4, "slant": 2}
    assert (PRODUCT.size, PRODUCT.codes) == (9, ("digit", "slant"))
    assert PRODUCT.first_layer() is None
    mask = {name: part.tolist() for name, part in PRODUCT.continuous_mask.items()}
    assert mask == {"z": [True] * 3, "digit": [False] * 4, "slant": [True] * 2}


def test_every_part_is_drawn_as_its_own_prior_draws():
    drawn = PRODUCT.sample(4000, SEED)
    assert {name: tuple(part.shape) for name, part in drawn.items()} == {
        **{"z": (4000, 3), "digit": (4000, 4), "slant": (4000, 2)}
    }
    for name, part in PRODUCT.draw(4000, SEED).items():
        np.testing.assert_array_equal(part, drawn[name])
        assert np.isfinite(PARTS[name].log_density(part)).all()
    rows = np.concatenate([drawn["z"], drawn["slant"], drawn["digit"][:, :1]], axis=1)
    np.testing.assert_allclose(np.corrcoef(rows.T), np.eye(6), atol=0.06)
    other = PRODUCT.sample(4000, SEED + 1)
    assert all((drawn[name].numpy() != other[name].numpy()).any() for name in PARTS)


def test_another_part_changes_none_of_the_others():
    drawn = PRODUCT.sample(20, SEED)
    more = Product(parts={"angle": Sphere(size=2), **PARTS}).sample(20, SEED)
    for name in PARTS:
        np.testing.assert_array_equal(more[name], drawn[name])
    alone = Product(parts={"slant": PARTS["slant"]})
    np.testing.assert_array_equal(alone.sample(20, SEED)["slant"], drawn["slant"])


def test_parts_of_the_same_prior_are_independent():
    drawn = Product(parts={"z": Normal(size=2), "style": Normal(size=2)}).sample(5000, SEED)
    rows = np.concatenate([drawn["z"], drawn["style"]], axis=1)
    np.testing.assert_allclose(np.corrcoef(rows.T), np.eye(4), atol=0.05)


def test_uniform_numbers_are_shared_out():
    noise = noise_of(PRODUCT, 7)
    assert noise.shape == (7, 4 + 1 + 2)
    made = PRODUCT.from_uniform(noise)
    np.testing.assert_array_equal(made["z"], PARTS["z"].from_uniform(noise[:, :4]))
    np.testing.assert_array_equal(made["digit"], PARTS["digit"].from_uniform(noise[:, 4:5]))
    np.testing.assert_array_equal(made["slant"], PARTS["slant"].from_uniform(noise[:, 5:]))


def test_methods_go_part_by_part():
    start, end = PRODUCT.sample(6, SEED), PRODUCT.sample(6, SEED + 1)
    density = sum(part.log_density(start[name]) for name, part in PARTS.items())
    np.testing.assert_allclose(PRODUCT.log_density(start), density, rtol=1e-6)
    between = PRODUCT.interpolate(start, end, 0.3)
    shrunk = PRODUCT.truncate(start, 0.3)
    centres = PRODUCT.centre(start)
    assert set(between) == set(shrunk) == set(centres) == set(PARTS)
    for name, part in PARTS.items():
        expected = part.interpolate(start[name], end[name], 0.3)
        np.testing.assert_array_equal(between[name], expected)
        np.testing.assert_array_equal(shrunk[name], part.truncate(start[name], 0.3))
        np.testing.assert_array_equal(centres[name], part.centre(start[name]))
    assert PRODUCT.truncates
    assert not Product(parts={"z": Sphere(size=2)}).truncates
    with pytest.raises(ValueError, match=r"`amount` must lie.*Received: amount=2"):
        PRODUCT.truncate(start, 2)


def test_it_can_be_traced():
    @tf.function(input_signature=[tf.TensorSpec((), tf.int32), tf.TensorSpec((2,), tf.int32)])
    def traced(count, seed):
        drawn = PRODUCT.draw(count, seed)
        return drawn, PRODUCT.log_density(drawn), PRODUCT.interpolate(drawn, drawn, 0.5)

    drawn, density, _ = traced(tf.constant(5), SEED)
    for name, part in PRODUCT.sample(5, SEED).items():
        np.testing.assert_allclose(drawn[name], part, rtol=1e-5, atol=1e-6)
    assert density.shape == (5,)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"parts": {}}, r"`parts` must hold at least one prior.*Received: parts=\{\}"),
        *[
            ({"parts": {name: Uniform()}}, rf"`parts` must have names.*called '{name}'")
            for name in ("x", "label", "scores", "a part", "class", "")
        ],
        ({"parts": {"z": PRODUCT}}, r"`parts` must hold priors that are no products.*z=Product"),
        ({"parts": {"z": 62}}, r"`parts` must hold priors that are no products.*z=62"),
        (
            {"parts": {"z": Normal(), "code": Uniform()}, "codes": ("cod",)},
            r"`codes` must name parts, of which there are z, code. Received: 'cod'",
        ),
    ],
)
def test_impossible_products_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Product(**options)


def test_a_part_need_not_be_called_z():
    assert Product(parts={"style": Normal(size=2)}).sizes == {"style": 2}
