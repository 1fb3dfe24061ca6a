"""Mirror images: further examples, shared and resumed as others, and what samples are judged by."""

import itertools

import numpy as np
import pytest

from ganapp.config.loading import load_config
from ganapp.training.data import SOURCES, ArraySource, DataSpec, training_batches
from ganapp.training.data.labels import with_clusters
from ganapp.training.data.levels import at_level
from ganapp.training.data.mirrored import MirroredSource

TRAIN, HELD_OUT = 13, 5


@pytest.fixture(scope="module")
def source():
    """Images of which none is like another or its mirror image, labelled by thirds."""
    images = np.random.default_rng(0).integers(0, 256, (TRAIN + HELD_OUT, 8, 10, 3), np.uint8)
    spec = DataSpec(
        name="x",
        kind="image",
        shape=(8, 10, 3),
        examples=TRAIN,
        held_out=HELD_OUT,
        classes=("a", "b", "c"),
    )
    labels = np.arange(TRAIN + HELD_OUT) % 3
    parts = (images[:TRAIN], images[TRAIN:], labels[:TRAIN], labels[TRAIN:])
    return ArraySource(spec, *parts)


def batches(source, steps, **options):
    """Images in user units and labels of some steps."""
    elements = itertools.islice(training_batches(source, batch_size=8, **options), steps)
    return [
        (source.spec.to_user_units(each["x"]).numpy(), each["label"].numpy()) for each in elements
    ]


def test_an_epoch_has_every_image_both_ways_with_its_label(source):
    mirrored = MirroredSource(source)
    assert mirrored.spec.examples == 2 * TRAIN
    assert mirrored.steps_per_epoch(13) == 2
    index = np.arange(2 * TRAIN)
    found = mirrored.at(index)
    images = source.spec.to_user_units(found["x"]).numpy()
    np.testing.assert_array_equal(images[:TRAIN], source.train)
    np.testing.assert_array_equal(images[TRAIN:], source.train[:, :, ::-1])
    np.testing.assert_array_equal(found["label"], np.tile(source.train_labels, 2))
    seen = {image.tobytes() for x, _ in batches(mirrored, 3, seed=1) for image in x}
    both = {image.tobytes() for image in images}
    assert len(seen) == 24  # of 26, as many as three batches hold
    assert seen < both


def test_batches_are_a_function_of_seed_and_step_and_shared_by_replicas(source, two_replicas):
    mirrored = MirroredSource(source)
    whole = batches(mirrored, 6, seed=1)
    later = batches(mirrored, 2, seed=1, start_step=4)
    for (x, labels), (y, others) in zip(whole[4:], later, strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(labels, others)
    shared = training_batches(mirrored, batch_size=8, seed=1, strategy=two_replicas)
    for (x, _), element in zip(whole[:4], shared, strict=False):
        parts = two_replicas.experimental_local_results(element["x"])
        both = np.concatenate([source.spec.to_user_units(part) for part in parts])
        np.testing.assert_array_equal(both, x)


@pytest.mark.parametrize("count", [None, 4, TRAIN, TRAIN + 3, 100])
def test_samples_are_judged_by_both(source, count):
    mirrored = MirroredSource(source)
    images, labels = mirrored.training_examples(count)
    both = np.concatenate([source.train, source.train[:, :, ::-1]])
    np.testing.assert_array_equal(images, both[:count])
    np.testing.assert_array_equal(labels, np.tile(source.train_labels, 2)[:count])
    np.testing.assert_array_equal(mirrored.training_labels(), np.tile(source.train_labels, 2))


def test_every_other_held_out_image_is_mirrored(source):
    before = source.held_out.copy()
    images, labels = MirroredSource(source).held_out_examples()
    np.testing.assert_array_equal(images[::2], source.held_out[::2])
    np.testing.assert_array_equal(images[1::2], source.held_out[1::2, :, ::-1])
    np.testing.assert_array_equal(labels, source.held_out_labels)
    np.testing.assert_array_equal(source.held_out, before)


def test_clusters_are_those_of_the_images_and_judgement_has_their_labels():
    digits = SOURCES["digits"]()
    clustered = with_clusters(digits, 10)
    mirrored = MirroredSource(clustered)
    assert mirrored.spec.classes == clustered.spec.classes
    np.testing.assert_array_equal(
        mirrored.training_labels(), np.tile(clustered.training_labels(), 2)
    )
    assert mirrored.original.spec.classes == digits.spec.classes
    assert mirrored.original.spec.examples == mirrored.spec.examples
    assert mirrored.fingerprint() != clustered.fingerprint()


def test_levels_of_a_pyramid_are_mirrored_with_their_coarse_images(source):
    level = at_level(MirroredSource(source), 0, coarse=True)
    observed = level.training_observations()["coarse"]
    np.testing.assert_allclose(observed[TRAIN:], observed[:TRAIN, :, ::-1], atol=1e-6)


@pytest.mark.parametrize(
    ("preset", "sentence"),
    [
        ("ring", "for images, which have a left and a right.*kind 'vector'"),
        ("video-digits", "for images with an end"),
        ("infogan-sprites", "for images with an end"),
    ],
)
def test_other_data_are_refused(preset, sentence):
    data = load_config(preset, ["data.mirror=true"]).data
    with pytest.raises(ValueError, match=sentence):
        data.build()


def test_the_plan_says_so():
    (note,) = load_config("digits", ["data.mirror=true"]).data.build().notes
    assert "second time with left and right exchanged (`data.mirror`)" in note
