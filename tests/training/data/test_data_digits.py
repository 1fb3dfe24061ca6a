"""The digits: what they are, and a split that leaks nothing."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ganapp.training.data import SOURCES, training_batches
from ganapp.training.data.cache import default_cache
from ganapp.training.data.digits import digits


@pytest.fixture(scope="module")
def source(cache_dir):
    return digits(cache_dir=str(cache_dir))


def test_shapes_and_labels(source):
    (train, labels), (held_out, held_out_labels) = (
        source.training_examples(),
        source.held_out_examples(),
    )
    assert train.shape == (1497, 8, 8, 1)
    assert held_out.shape == (300, 8, 8, 1)
    assert train.dtype == np.uint8
    assert set(labels) == set(held_out_labels) == set(range(10))
    spec = source.spec
    assert (spec.examples, spec.held_out, spec.kind) == (1497, 300, "image")
    assert len(spec.classes) == 10


def test_the_two_parts_are_the_whole(source):
    """Every digit of scikit-learn is in exactly one part, with its label."""
    original = load_digits()
    images = np.round(original.images * (255 / 16)).astype(np.uint8)

    def named(pictures, labels):
        return sorted((p.tobytes(), int(n)) for p, n in zip(pictures, labels, strict=True))

    parts = [named(*part) for part in (source.training_examples(), source.held_out_examples())]
    assert sorted(parts[0] + parts[1]) == named(images, original.target)
    assert not {p for p, _ in parts[0]} & {p for p, _ in parts[1]}


def test_held_out_digits_are_stratified(source):
    whole = np.bincount(load_digits().target) / 1797
    held_out = np.bincount(source.held_out_examples()[1]) / 300
    np.testing.assert_allclose(held_out, whole, atol=1 / 300)


def test_batches_are_in_model_units(source):
    batch = next(iter(training_batches(source, batch_size=64, seed=0)))
    images, labels = batch["x"], batch["label"]
    assert images.shape == (64, 8, 8, 1)
    assert images.numpy().min() == -1.0
    assert images.numpy().max() == 1.0
    assert labels.shape == (64,)


def test_cache_is_where_the_environment_says(cache_dir, monkeypatch, source):
    assert default_cache() == cache_dir
    monkeypatch.setenv("GANAPP_CACHE", "/elsewhere")
    assert str(default_cache()) == "/elsewhere"


def test_nothing_is_prepared_and_the_order_is_that_of_earlier_versions(source):
    """Which kept the digits as TensorFlow Datasets does: their runs go on with the same data."""
    assert SOURCES["digits"] is digits
    assert source.fingerprint() == "0010d58d 39407a86 1274920f 66855573"
