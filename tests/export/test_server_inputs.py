"""A server of generators that take more than a latent: a class, observations, codes, clips."""

import re
import shutil

import numpy as np
import pytest
from export_case import to_levels
from named_case import ENGINES, SHAPES, make_bundle, with_codes
from servable_case import answer, ask
from version_case import write_serving

from ganapp.export.layout import read_object
from ganapp.export.server.batching import Batching
from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.servable import Servable
from ganapp.export.server.spec import SERVING, BrokenVersion


@pytest.fixture
def folder(named_folders):
    return lambda name: named_folders / name / "1"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_class_is_an_input_of_its_own(folder, engine):
    bundle, draw = make_bundle("labelled"), {"count": np.array(6), "seed": np.array(3)}
    rows = {"z": np.random.default_rng(0).normal(size=(70, 5)), "label": np.eye(3)[[1] * 70]}
    plain, owls, given = ask(
        folder("labelled"),
        ("sample", draw),
        ("sample", draw | {"class": np.array(2)}),
        ("serving_default", rows),
        engine=engine,
        batching=Batching(max_batch_size=16),
    )
    drawn = bundle.draw(bundle.uniform_noise(6, 3))
    np.testing.assert_allclose(plain["latents"], drawn["z"], atol=1e-5)
    np.testing.assert_array_equal(plain["label"], drawn["label"])
    images = np.int32(to_levels(bundle.generate(drawn)))
    np.testing.assert_allclose(np.int32(plain["samples"]), images, atol=1)
    np.testing.assert_array_equal(owls["label"], np.eye(3)[[2] * 6])
    np.testing.assert_array_equal(owls["latents"], plain["latents"])
    expected = bundle.generate({name: np.float32(each) for name, each in rows.items()})
    np.testing.assert_allclose(given["image"], expected, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_observations_are_given(folder, engine):
    bundle, random = make_bundle("both"), np.random.default_rng(1)
    observed = {
        name: random.uniform(-1, 1, (7, *SHAPES[name])).astype(np.float32)
        for name in ("frames", "speed")
    }
    request = observed | {"seed": np.array(3), "class": np.array(1), "truncation": np.array(0.5)}
    found, pictures = ask(
        folder("both"), ("generate", request), ("generate_png", request), engine=engine
    )
    drawn = bundle.draw(bundle.uniform_noise(7, 3), 1, 0.5)
    np.testing.assert_allclose(found["latents"], drawn["z"], atol=1e-5)
    np.testing.assert_array_equal(found["label"], np.eye(3)[[1] * 7])
    images = np.int32(to_levels(bundle.generate(drawn | observed)))
    np.testing.assert_allclose(np.int32(found["samples"]), images, atol=1)
    assert [each[:4] for each in pictures["image_bytes"]] == [b"\x89PNG"] * 7
    rows = observed | {"z": found["latents"], "label": found["label"]}
    again = answer(folder("both"), "serving_default", rows, engine=engine)["image"]
    np.testing.assert_allclose(np.int32(to_levels(again)), images, atol=1)


def test_requests_of_observations_are_batched_apart(folder):
    """Each gets what its own observations make, in whatever company."""
    random = np.random.default_rng(2)
    frames = random.uniform(-1, 1, (20, *SHAPES["frames"]))
    (whole,) = ask(folder("seen"), ("generate", {"seed": np.array(0), "frames": frames}))
    assert set(whole) == {"samples"}  # nothing is drawn
    parts = ask(
        folder("seen"),
        *(("generate", {"seed": np.array(0), "frames": frames[s : s + 5]}) for s in (0, 5, 10, 15)),
        batching=Batching(max_batch_size=8),
    )
    found = np.concatenate([each["samples"] for each in parts])
    np.testing.assert_array_equal(found, whole["samples"])


def test_a_prior_of_parts_and_clips(folder):
    bundle = make_bundle("coded")
    found = answer(folder("coded"), "sample", {"count": np.array(4), "seed": np.array(1)})
    drawn = bundle.draw(bundle.uniform_noise(4, 1))
    np.testing.assert_allclose(found["code"], drawn["code"], atol=1e-5)
    np.testing.assert_allclose(found["latents"], drawn["z"], atol=1e-5)
    assert found["samples"].shape == (4, 3, 4, 4, 1)
    clips = np.int32(to_levels(bundle.generate(drawn)))
    np.testing.assert_allclose(np.int32(found["samples"]), clips, atol=1)


def test_codes_are_set_by_name_and_the_rest_is_drawn(folder):
    bundle, request = make_bundle("coded"), {"count": np.array(4), "seed": np.array(1)}
    codes = {"shape": np.array(2), "code.0": np.array(0.5)}
    found = answer(folder("coded"), "sample", request | codes)
    drawn = with_codes(bundle.draw(bundle.uniform_noise(4, 1)), 2, 0.5)
    np.testing.assert_allclose(found["latents"], drawn["z"], atol=1e-5)
    np.testing.assert_allclose(found["code"], drawn["code"], atol=1e-5)
    clips = np.int32(to_levels(bundle.generate(drawn)))
    np.testing.assert_allclose(np.int32(found["samples"]), clips, atol=1)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("shape", 3, "`shape` must be a whole number from 0 to 2. Received: shape=3"),
        ("shape", -1, "Received: shape=-1"),
        ("code.1", 0.5, "`code.1` must be a whole number from 0 to 1. Received: code.1=0.5"),
        ("code.0", 3.5, "`code.0` must be a number from -3 to 3. Received: code.0=3.5"),
        ("code.0", float("nan"), "finite"),
        ("tone", 1.0, "Sent extra: {tone}"),
    ],
)
def test_codes_out_of_range_are_refused(folder, name, value, complaint):
    request = {"count": np.array(1), "seed": np.array(1), name: np.array(value)}
    with pytest.raises(InvalidArgument, match=re.escape(complaint)):
        answer(folder("coded"), "sample", request)


def test_rows_of_inputs_must_be_alike(folder):
    rows = {"z": np.zeros((2, 5)), "label": np.zeros((3, 3))}
    with pytest.raises(InvalidArgument, match="Received: 2 of `z`, 3 of `label`"):
        answer(folder("labelled"), "serving_default", rows)
    with pytest.raises(InvalidArgument, match=r"required: {label}"):
        answer(folder("labelled"), "serving_default", {"z": np.zeros((2, 5))})
    with pytest.raises(InvalidArgument, match=r"required: {frames}"):
        answer(folder("seen"), "generate", {"seed": np.array(1)})
    with pytest.raises(InvalidArgument, match='"sample" not found'):
        answer(folder("both"), "sample", {"count": np.array(1), "seed": np.array(1)})


def test_an_input_that_the_artefact_lacks_is_named(folder, tmp_path):
    copy = shutil.copytree(folder("labelled"), tmp_path / "1")
    document = read_object(copy / SERVING)
    document["inputs"] = [each for each in document["inputs"] if each["role"] == "latent"]
    del document["signatures"]["serving_default"]["inputs"]["label"]
    write_serving(copy, document)
    for engine in ("litert", "onnx"):
        with pytest.raises(BrokenVersion, match="label"):
            Servable.open(copy, engine=engine)
