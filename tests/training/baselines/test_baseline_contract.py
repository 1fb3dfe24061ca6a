"""What every baseline promises: units, seeds, facts, refusals."""

import numpy as np
import pytest
from evaluation_cases import digits, grid_points, vector_spec

from ganapp.training.baselines import BASELINES, RealData
from ganapp.training.data import SOURCES
from ganapp.training.data.spec import DataSpec

LEARNING = {"autoencoder_mixture", "vae"}
OF_DENSITIES = [name for name, member in BASELINES.items() if member.needs_density]
OF_EXAMPLES = [name for name in BASELINES if name not in OF_DENSITIES]


def quick(name):
    """A member with few steps, if it takes any."""
    return BASELINES[name](**({"steps": 20, "units": (16,)} if name in LEARNING else {}))


@pytest.fixture(scope="module")
def images():
    return digits()


@pytest.mark.parametrize("name", OF_EXAMPLES)
def test_images_come_back_in_user_units(name, images):
    data = RealData(spec=images.spec, train=images.train[:300])
    fitted = quick(name).fit(data, seed=3)
    samples = fitted.sample(20, 5)
    assert samples.shape == (20, 8, 8, 1)
    assert samples.dtype == np.uint8
    np.testing.assert_array_equal(fitted.sample(20, 5), samples)
    assert (fitted.sample(20, 6) != samples).any()
    again = quick(name).fit(data, seed=3)
    np.testing.assert_array_equal(again.sample(20, 5), samples)
    assert again.name == fitted.name
    facts = fitted.facts(images.held_out[:50])
    assert all(np.isfinite(value) for value in facts.values())
    with pytest.raises(ValueError, match="`count` must be at least 1"):
        fitted.sample(0)


@pytest.mark.parametrize("name", BASELINES)
def test_vectors_keep_scale_and_place(name):
    source = SOURCES["gaussian"](dimensions=3)
    points = (source.training_examples(400)[0] * [1.0, 20.0, 0.1] + [5.0, 0.0, -3.0]).astype("f4")
    spec = vector_spec(3, scale=(1.0, 20.0, 0.1))

    class Density:
        def log_density(self, where):
            return source.density.log_density((where - [5, 0, -3]) / [1, 20, 0.1])

    member = BASELINES[name](steps=400, units=(32,)) if name in LEARNING else BASELINES[name]()
    spec = DataSpec(**spec.as_dict() | {"mean": (5.0, 0.0, -3.0)})
    fitted = member.fit(RealData(spec=spec, train=points, density=Density()))
    samples = fitted.sample(1000)
    assert samples.shape == (1000, 3)
    assert samples.dtype == np.float32
    np.testing.assert_allclose((samples.mean(0) - [5, 0, -3]) / [1, 20, 0.1], 0, atol=0.4)
    np.testing.assert_allclose(samples.std(0), [1, 20, 0.1], rtol=0.45)


@pytest.mark.parametrize("name", OF_EXAMPLES)
def test_clips_are_pixels_too(name):
    spec = DataSpec(name="c", kind="video", shape=(2, 6, 6, 1), examples=40, held_out=0)
    clips = np.random.default_rng(0).integers(0, 256, (40, 2, 6, 6, 1), np.uint8)
    samples = quick(name).fit(RealData(spec=spec, train=clips)).sample(7)
    assert samples.shape == (7, 2, 6, 6, 1)
    assert samples.dtype == np.uint8


@pytest.mark.parametrize("name", OF_EXAMPLES)
def test_examples_that_do_not_differ_are_refused(name, images):
    same = np.zeros((30, 8, 8, 1), np.uint8)
    with pytest.raises(ValueError, match="examples that differ"):
        quick(name).fit(RealData(spec=images.spec, train=same))


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("mixture", "mixture_components", 0),
        ("pca_gaussian", "components", 0),
        ("kernel_density", "bandwidth", 0.0),
        ("kernel_density", "held_back", 1.0),
        ("autoencoder_mixture", "latent", 0),
        ("autoencoder_mixture", "mixture_components", 0),
        ("vae", "learning_rate", 0.0),
        ("vae", "units", (0,)),
        ("metropolis", "chains", 1),
        ("metropolis", "burn_in", 0),
    ],
)
def test_options_out_of_range_are_refused(name, option, value):
    with pytest.raises(ValueError, match=f"`{option}` must be .* Received: {option}="):
        BASELINES[name](**{option: value})


def test_known_modes_are_as_many_components(images):
    points = grid_points(0)
    grid = SOURCES["grid"](side=3)
    data = RealData(spec=vector_spec(), train=points, modes=grid.modes)
    assert BASELINES["mixture"]().fit(data).components == 9
    assert BASELINES["mixture"](mixture_components=4).fit(data).components == 4
