"""DataSpec: there and back, in units and in JSON."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.training.data import DataSpec

finite = st.floats(-1e3, 1e3, width=32)
texts = st.text(max_size=10)
common = {"name": texts, "held_out": st.integers(0, 99), "description": texts, "licence": texts}
common["examples"] = st.none() | st.integers(1, 10**9)
common["classes"] = st.lists(texts, max_size=3).map(tuple)
shapes = st.lists(st.integers(1, 9), max_size=3).map(tuple)
common["conditions"] = st.dictionaries(st.sampled_from(["frames", "mask"]), shapes)


@st.composite
def vectors(draw):
    size = draw(st.integers(1, 4))
    mean = tuple(draw(finite) for _ in range(size))
    scale = tuple(draw(st.floats(0.125, 100.0, width=32)) for _ in range(size))
    fields = {key: draw(value) for key, value in common.items()}
    return DataSpec(kind="vector", shape=(size,), mean=mean, scale=scale, **fields)


images = st.builds(
    DataSpec, kind=st.just("image"), shape=st.tuples(*[st.integers(1, 9)] * 3), **common
)


@settings(max_examples=40, deadline=None)
@given(spec=vectors() | images)
def test_json_round_trip(spec):
    assert DataSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec


def test_what_earlier_versions_wrote_has_no_conditions():
    spec = DataSpec(name="x", kind="image", shape=(8, 8, 1), examples=1, held_out=0)
    fields = json.loads(json.dumps(spec.as_dict()))
    del fields["conditions"]
    assert DataSpec.from_dict(fields) == spec
    assert spec.conditions == {}


@settings(max_examples=20, deadline=None)
@given(spec=vectors() | images, seed=st.integers(0, 99))
def test_the_transform_says_what_to_user_units_does(spec, seed):
    model = np.random.default_rng(seed).uniform(-1.1, 1.1, (5, *spec.shape)).astype(np.float32)
    transform = json.loads(json.dumps(spec.transform))
    if spec.kind == "image":
        assert transform == {"levels": True}
        expected = np.clip(np.round((model + np.float32(1)) * np.float32(127.5)), 0, 255)
    else:
        mean, scale = (np.asarray(transform[name], np.float32) for name in ("mean", "scale"))
        expected = model * scale + mean
    np.testing.assert_allclose(spec.to_user_units(model), expected, rtol=1e-6, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(spec=vectors(), seed=st.integers(0, 99))
def test_vector_units_round_trip(spec, seed):
    user = np.random.default_rng(seed).normal(size=(5, *spec.shape)) * spec.scale + spec.mean
    model = spec.to_model_units(user)
    size = np.abs(spec.mean) + spec.scale
    np.testing.assert_allclose(spec.to_user_units(model), user, rtol=1e-5, atol=1e-5 * size.max())
    np.testing.assert_allclose(model, (user - spec.mean) / spec.scale, rtol=1e-3, atol=1e-2)


def test_image_units_round_trip():
    spec = DataSpec(name="x", kind="image", shape=(16, 16, 1), examples=1, held_out=0)
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    model = spec.to_model_units(levels)
    assert model.dtype == tf.float32
    assert (float(tf.reduce_min(model)), float(tf.reduce_max(model))) == (-1.0, 1.0)
    user = spec.to_user_units(model)
    assert user.dtype == tf.uint8
    np.testing.assert_array_equal(user, levels)
    beyond = spec.to_user_units(tf.constant([-1.5, 1.5]))  # clipped, not wrapped around
    np.testing.assert_array_equal(beyond, [0, 255])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "sound", "shape": (2,)}, r"`kind` must be one of .* Received: kind='sound'"),
        ({"kind": "image", "shape": (2, 2)}, r"`shape` of an image .* Received: shape=\(2, 2\)"),
        ({"kind": "vector", "shape": (2,), "mean": (0.0,)}, r"`mean` and `scale` .* 2 coordinates"),
        (
            {"kind": "image", "shape": (8, 8, 1), "conditions": {"z": (2,)}},
            r"`conditions` must have other names than .* Received: z",
        ),
    ],
)
def test_wrong_fields_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        DataSpec(name="x", examples=1, held_out=0, **fields)
