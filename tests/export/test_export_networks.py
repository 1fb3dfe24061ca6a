"""Every family of generators, and what is special in a prior, leaves as verified artefacts."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from export_case import to_levels

from ganapp.export.bundle import Bundle
from ganapp.export.package import export
from ganapp.models.networks import GENERATORS
from ganapp.training.priors import PRIORS

SHAPE = (8, 8, 1)
ATTENTIVE = {"channels": (4,), "attention": True}


def bundle(generator, prior):
    return Bundle(
        name="networks",
        generator=generator,
        prior=prior,
        to_user_units=to_levels,
        kind="image",
        facts={"manifest": {}, "configuration": {}, "report": None, "step": 1},
        picture=None,
    )


@pytest.mark.parametrize(
    ("family", "options", "formats"),
    [
        ("dcgan", {"channels": (4, 2)}, ("saved_model", "litert")),
        ("resnet", {"block": "r3gan"} | ATTENTIVE, ("saved_model", "litert")),
        ("resnet", {"block": "sngan"} | ATTENTIVE, ("litert",)),
        # Modulated convolutions, and styles that are mixed in training.
        (
            "style",
            {"channels": (4, 2), "mapping_units": 5, "mixing": 0.5},
            ("saved_model", "litert", "onnx", "keras"),
        ),
        # Layers that are called in every step.
        (
            "recurrent",
            {"channels": (4, 2), "hidden": 3, "steps": 2},
            ("saved_model", "litert", "onnx", "keras"),
        ),
        # Several outputs.
        (
            "multi_scale",
            {"channels": (3,), "scales": 3},
            ("saved_model", "litert", "onnx", "keras"),
        ),
    ],
)
def test_families(tmp_path, here, family, options, formats):
    """And `mlp` with its priors below."""
    known = {"dcgan", "mlp", "multi_scale", "recurrent", "resnet", "style"}
    assert GENERATORS.keys() - {"keras"} == known
    keras.utils.set_random_seed(0)
    generator = GENERATORS[family]({"z": (4,)}, SHAPE, **options)
    for weight in generator.weights:  # what begins at 0 must not hide what it multiplies
        if not np.any(weight.numpy()):
            weight.assign(keras.random.normal(weight.shape, stddev=0.1, seed=1))
    card = export(bundle(generator, PRIORS["normal"](size=4)), tmp_path / "export", formats)
    assert tuple(each["format"] for each in card["artefacts"]) == formats
    assert max(each["difference"] for each in card["artefacts"]) < 1e-4


# The one with variables, and one that does not truncate. Graphs of all priors, of which each is a
# SavedModel before it is a LiteRT file, are those of test_serving_files.py; their numpy lines
# those of tests/training/test_prior_numpy.py.
@pytest.mark.parametrize("name", ["learnable_mixture", "categorical"])
def test_priors_are_embedded(tmp_path, here, monkeypatch, name):
    keras.utils.set_random_seed(0)
    prior = PRIORS[name]()
    layer, z = prior.first_layer(), keras.Input((prior.size,), name="z")
    inner = z if layer is None else layer(z)
    network = GENERATORS["mlp"]({"z": inner.shape[1:]}, SHAPE, units=(4,))
    generator = keras.Model(z, network(inner))
    card = export(bundle(generator, prior), tmp_path / "export")
    assert max(each["difference"] for each in card["artefacts"]) < 1e-4
    monkeypatch.chdir(tmp_path / "export")
    snippets = re.findall(r"```python\n(.*?)```", Path("model_card.md").read_text(), re.DOTALL)
    with_tensorflow, without = ({} for _ in snippets)
    for snippet, names in zip(snippets, (with_tensorflow, without), strict=True):
        exec(snippet, names)
    assert with_tensorflow["image"].shape == without["image"].shape == (16, *SHAPE)
    z = without["z"].astype("float32")
    assert z.shape == (16, prior.size)
    assert np.isfinite(prior.log_density(z)).all(), "draws of this prior"
    np.testing.assert_allclose(without["image"], generator(z), atol=1e-5)
    inputs = set(card["signatures"]["sample"]["inputs"])
    assert ("typical" in with_tensorflow) == ("truncation" in inputs)
