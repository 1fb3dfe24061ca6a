"""Engines give the same samples, for a row in any company, and refuse what is not theirs."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from version_case import FORMATS, SIZE, Tensors

from ganapp.export.server.engines import ENGINES, open_engine
from ganapp.export.server.servable import Sampler
from ganapp.export.server.spec import BrokenVersion, ServingSpec

ROOT = Path(__file__).parents[2]
Z = np.random.default_rng(3).normal(size=(40, SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def spec(version_folders):
    return ServingSpec.read(version_folders / "digits" / "1")


@pytest.fixture(scope="module", params=FORMATS)
def engine(request, spec):
    opened = open_engine(request.param, spec)
    yield opened
    opened.close()


def test_generates_what_tensorflow_does(engine):
    expected = Tensors.make("image", 0).generate(Z)
    np.testing.assert_allclose(engine.generate({"z": Z}), expected, atol=1e-6)


def test_a_row_is_the_same_bits_in_any_batch(engine):
    whole = engine.generate({"z": Z})
    for size in (1, 2, 3, 5, 8, 17):
        for start in range(0, len(Z), 13):
            np.testing.assert_array_equal(
                engine.generate({"z": Z[start : start + size]}), whole[start : start + size]
            )


def test_several_threads_at_once(engine):
    from concurrent.futures import ThreadPoolExecutor

    whole = engine.generate({"z": Z})
    with ThreadPoolExecutor(4) as pool:
        parts = ({"z": Z[start : start + 4]} for start in range(36))
        for start, rows in enumerate(pool.map(engine.generate, parts)):
            np.testing.assert_array_equal(rows, whole[start : start + 4])


def test_samples_are_those_of_the_saved_model(spec):
    exported = tf.saved_model.load(str(spec.folder)).signatures["sample"]
    sampler, engine = Sampler(spec), open_engine("litert", spec)
    for count, seed, truncation in ((5, 3, 1.0), (64, -7, 0.4), (1, 2**31 - 1, 0.0)):
        expected = exported(
            count=tf.constant(count), seed=tf.constant(seed), truncation=tf.constant(truncation)
        )
        inputs = sampler.inputs(count, seed, -1, truncation)
        np.testing.assert_allclose(inputs["z"], expected["latents"], atol=1e-6)
        samples = sampler.to_user_units(engine.generate(inputs))
        levels = np.abs(samples.astype(int) - expected["samples"].numpy().astype(int))
        assert samples.dtype == np.uint8
        assert levels.max() <= 1  # a level where rounding goes the other way


def test_class_and_count_of_latents(spec):
    sampler = Sampler(spec)
    drawn, odd = sampler.inputs(50, 1)["z"], sampler.inputs(50, 1, class_=1)["z"]
    np.testing.assert_array_equal(sampler.inputs(7, 1)["z"], drawn[:7])
    np.testing.assert_array_equal(odd[:, -2:], [[0, 1]] * 50)
    np.testing.assert_array_equal(odd[:, :-2], drawn[:, :-2])
    assert 10 < drawn[:, -1].sum() < 40


def test_units_by_a_graph_and_by_numbers_agree(version_folders):
    x = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    of = {name: ServingSpec.read(version_folders / name / "1") for name in ("points", "table")}
    points, table = (Sampler(each).to_user_units(x) for each in of.values())
    np.testing.assert_allclose(points, table, rtol=1e-6)
    np.testing.assert_allclose(points, x * [3.0, 0.5] + [100.0, -2.0], rtol=1e-6)


def test_missing_artefacts_and_unknown_engines_are_named(version_folders):
    spec = ServingSpec.read(version_folders / "digits" / "2")
    with pytest.raises(BrokenVersion, match=r"'onnx' needs an artefact .* has litert: export"):
        open_engine("onnx", spec)
    with pytest.raises(ValueError, match=r"`engine` must be one of litert, .*engine='torch'"):
        open_engine("torch", spec)
    assert set(FORMATS) < set(ENGINES)


def test_litert_is_served_without_tensorflow(version_folders):
    """And without onnxruntime; whoever has only LiteRT installed can serve."""
    code = (
        "import sys, numpy; from pathlib import Path\n"
        "from ganapp.export.server.repository import Repository\n"
        "from ganapp.export.server.servable import Servable\n"
        "Servable.open(Path(sys.argv[1]), engine='litert')\n"
        "print(sorted({'tensorflow', 'keras', 'onnxruntime', 'PIL'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code, str(version_folders / "digits" / "2")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_a_saved_model_is_listed_whole(spec, name):
    files = {path: digest for path, digest in spec.files.items() if path != name}
    with pytest.raises(BrokenVersion, match=f"`files` must list .*'{name}'"):
        open_engine("saved_model", dataclasses.replace(spec, files=files))
