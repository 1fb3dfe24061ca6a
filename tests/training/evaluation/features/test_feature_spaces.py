"""Spaces that a user may choose: a classifier of the data, Inception, any Keras model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from evaluation_cases import digits, make_evaluator, vector_spec
from PIL import Image

from ganapp.training.data.labels import keep_share
from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.features import (
    FEATURES,
    Inception,
    KerasModel,
    OwnClassifier,
    inception,
)
from ganapp.training.evaluation.features import classifier as module
from ganapp.training.evaluation.features.classifier import ClassifierSpace
from ganapp.training.evaluation.features.inception import InceptionSpace, preprocess, resize
from ganapp.training.evaluation.features.spaces import FeatureStatistics, Pixels, TrainingData
from ganapp.training.evaluation.metrics.frechet_distance import frechet_distance, statistics_moments

SPEC = DataSpec(name="pictures", kind="image", shape=(9, 8, 3), examples=9, held_out=0)


def pictures(seed, count=9, shape=(9, 8, 3)):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module")
def classifier(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LEAST_UPDATES", 150)
        space = ClassifierSpace(data.spec, data.train, data.train_labels, cache=folder)
    (file,) = folder.iterdir()
    return space, file


def test_the_classifier_is_trained_on_known_labels_alone(data, monkeypatch):
    def space(spec, train, labels, **options):
        return spec, train, labels

    monkeypatch.setattr(module, "ClassifierSpace", space)
    hidden = keep_share(data.train_labels, 0.2, seed=0)
    real = TrainingData(
        spec=data.spec,
        train=data.train,
        labels=hidden,
        plain=Pixels(),
        components=2,
        cache=None,
        seed=0,
    )
    _, train, labels = OwnClassifier().build(real)
    np.testing.assert_array_equal(train, data.train[hidden >= 0])
    np.testing.assert_array_equal(labels, data.train_labels[hidden >= 0])


def test_the_classifier_knows_held_out_digits_and_is_kept(classifier, data, monkeypatch):
    space, file = classifier
    folder, content = file.parent, file.read_bytes()
    features = space(data.held_out)
    assert features.shape == (297, 128)
    assert features.dtype == np.float64
    assert space.accuracy(features, data.held_out_labels) > 0.97
    np.testing.assert_allclose(space.probabilities(features).sum(axis=1), 1.0)
    monkeypatch.setattr(module, "train_classifier", None)  # it is not called again
    again = ClassifierSpace(data.spec, data.train, data.train_labels, cache=folder)
    np.testing.assert_array_equal(again(data.held_out), features)
    assert again.identity == space.identity
    with pytest.raises(TypeError):  # other labels are another classifier
        ClassifierSpace(data.spec, data.train, data.train_labels[::-1], cache=folder)
    file.write_bytes(content[:500])
    with pytest.raises(TypeError):  # a damaged file is none
        ClassifierSpace(data.spec, data.train, data.train_labels, cache=folder)
    np.savez(file, other=np.ones(3))
    with pytest.raises(TypeError):  # nor is one of other arrays
        ClassifierSpace(data.spec, data.train, data.train_labels, cache=folder)
    file.write_bytes(content)


def test_the_same_seed_trains_the_same_classifier_and_disturbs_nothing(data, monkeypatch):
    monkeypatch.setattr(module, "LEAST_UPDATES", 4)
    monkeypatch.setattr(module, "EPOCHS", 4)
    monkeypatch.setattr(module, "WIDTH", 4)
    keras.utils.set_random_seed(3)
    expected = float(tf.random.uniform(()))
    keras.utils.set_random_seed(3)
    state = np.random.get_state()[1].copy()
    images, labels = data.train[:64], data.train_labels[:64]
    found = [
        module.train_classifier(images, labels, classes=10, seed=seed).get_weights()
        for seed in (0, 0)
    ]
    assert float(tf.random.uniform(())) == expected
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    for left, right in zip(found[0], found[1], strict=True):
        np.testing.assert_array_equal(left, right)
    starts = [module.build_classifier((8, 8, 1), 10, seed=seed).get_weights() for seed in (0, 1)]
    assert any((a != b).any() for a, b in zip(*starts, strict=True))


def test_a_judge_in_the_classifiers_space_uses_it_for_everything(classifier, data):
    _, file = classifier
    evaluator = make_evaluator(
        data.spec,
        train=data.train,
        held_out=data.held_out,
        train_labels=data.train_labels,
        held_out_labels=data.held_out_labels,
        features=OwnClassifier(),
        folder=file.parent,
    )
    report = evaluator.report(data.held_out)
    spaces = {key: figure["space"] for key, figure in report.figures.items()}
    for key in ("precision", "frechet_distance", "class_kl", "class_score", "neighbour_test"):
        assert spaces[key] == "classifier-128", key
    for key in ("memorised", "authenticity", "duplicates", "sliced_wasserstein"):
        assert spaces[key] == "pixels", key
    assert report.details["classes_found"]["classifier_accuracy"] > 0.97
    assert report.figures["class_score"]["value"] > 8.0
    assert report.figures["class_score"]["baseline"] < report.figures["class_score"]["value"]
    spread = evaluator.standard_errors(data.held_out, resamples=20)
    assert 0.0 < spread["class_score"] < 0.5


def test_resizing_is_pillows_antialiased_bicubic_per_channel():
    images = pictures(0, 2, (40, 30, 3))
    found = resize(images, (13, 17))
    assert found.dtype == np.float32
    for number in range(2):
        for channel in range(3):
            plane = Image.fromarray(images[number, :, :, channel].astype(np.float32))
            expected = np.asarray(plane.resize((17, 13), Image.Resampling.BICUBIC)).clip(0, 255)
            np.testing.assert_array_equal(found[number, :, :, channel], expected)
    assert np.abs(found - np.rint(found)).max() > 0.1  # not rounded to 256 levels
    # Each pixel of the small image sees all of the large one: without a filter stripes alias.
    stripes = np.zeros((1, 32, 32, 1), np.uint8)
    stripes[:, :, ::2] = 255
    assert np.abs(resize(stripes, (8, 8))[:, :, 1:-1] - 127.5).max() < 2.0  # the edge sees less


def test_preprocessing_repeats_grey_and_scales():
    grey = pictures(1, 2, (28, 28, 1))
    found = preprocess(grey)
    assert found.shape == (2, 299, 299, 3)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])
    assert found.min() >= -1.0
    assert found.max() <= 1.0
    white = preprocess(np.full((1, 5, 5, 3), 255, np.uint8))
    np.testing.assert_allclose(white, 1.0, atol=1e-6)
    with pytest.raises(ValueError, match="1 or 3 channels"):
        preprocess(pictures(0, 1, (5, 5, 2)))


def test_inception_is_its_reference_from_pixels_to_the_distance(tmp_path, monkeypatch):
    """With a small network in the place of Inception's: the way in and out is what is ours."""
    image = keras.Input((299, 299, 3))
    x = keras.layers.Conv2D(48, 7, strides=9, activation="relu")(image)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    drawn = model.get_weights()
    model.save_weights(tmp_path / "random.weights.h5")
    model.set_weights([np.zeros_like(each) for each in drawn])  # to see that the file is loaded
    asked = {}
    monkeypatch.setattr(
        keras.applications, "InceptionV3", lambda **options: asked.update(options) or model
    )
    monkeypatch.setattr(inception, "BATCH", 1)
    space = InceptionSpace(str(tmp_path / "random.weights.h5"))
    expected = {"include_top": False, "weights": None, "pooling": "avg"}
    assert asked == expected | {"input_shape": (299, 299, 3)}
    for left, right in zip(model.get_weights(), drawn, strict=True):
        np.testing.assert_array_equal(left, right)
    images = [pictures(seed, 2, (20, 24, 1)) for seed in (0, 1)]
    found, expected = [], []
    for part in images:
        planes = [Image.fromarray(image[:, :, 0].astype(np.float32)) for image in part]
        large = [plane.resize((299, 299), Image.Resampling.BICUBIC) for plane in planes]
        seen = np.stack([np.asarray(plane).clip(0, 255) for plane in large]) / 127.5 - 1.0
        expected.append(np.asarray(model(np.repeat(seen[..., None], 3, -1), training=False)))
        found.append(space(part))
        assert found[-1].shape == (2, 48)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    # Fewer samples than dimensions: singular covariances, whose product has a real root.
    wide = [part[:, :40].astype(np.float64) for part in found]
    c1, c2 = (np.cov(part, rowvar=False) for part in wide)
    shift = np.square(wide[0].mean(0) - wide[1].mean(0)).sum()
    root = np.sqrt(np.clip(np.linalg.eigvals(c1 @ c2).real, 0.0, None)).sum()
    reference = shift + np.trace(c1) + np.trace(c2) - 2 * root
    ours = [statistics_moments(FeatureStatistics(40).update(part)) for part in wide]
    assert frechet_distance(*ours) == pytest.approx(reference, rel=1e-4, abs=1e-12)


def test_inception_says_what_to_fetch_where_there_is_no_network(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(keras.utils, "get_file", refused)
    monkeypatch.setattr(inception, "DOWNLOADED", tmp_path / "weights.h5")
    with pytest.raises(ValueError, match=r"fetch https://\S+notop.h5 \(84 MiB\) and put it at"):
        InceptionSpace("imagenet")
    with pytest.raises(ValueError, match="which does not exist"):
        Inception(weights="none.h5").check(SPEC)
    (tmp_path / "other.weights.h5").write_bytes(b"not weights")
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **_: small_model())
    with pytest.raises(ValueError, match=r"must be weights of keras.applications' InceptionV3"):
        InceptionSpace(str(tmp_path / "other.weights.h5"))


def keras_space(path, **options):
    choice = KerasModel(path=str(path), **options)
    choice.check(SPEC)
    return choice.build(None)


def small_model():
    image = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, name="middle")(image)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))


def test_a_keras_file_and_a_saved_model_are_the_model(tmp_path):
    model, images = small_model(), pictures(0)
    model.save(tmp_path / "mine.keras")
    model.export(tmp_path / "served", verbose=False)
    expected = model(resize(images, (6, 6)) / 255.0)
    for name in ("mine.keras", "served"):
        space = keras_space(tmp_path / name, values="unit", batch=4)
        np.testing.assert_allclose(space(images), expected, rtol=1e-4, atol=1e-5)
        assert space.name == name.removesuffix(".keras")
    layer = keras_space(tmp_path / "mine.keras", layer="middle")
    assert layer(images).shape == (9, 4 * 4 * 4)
    assert layer.name == "mine:middle"
    assert layer.identity != keras_space(tmp_path / "mine.keras").identity


def test_a_model_of_vectors_sees_user_units(tmp_path):
    point = keras.Input((2,))
    model = keras.Model(point, keras.layers.Dense(3)(point))
    model.save(tmp_path / "dense.keras")
    points = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    evaluator = make_evaluator(
        vector_spec(), train=points, features=KerasModel(path=str(tmp_path / "dense.keras"))
    )
    assert evaluator.report(points).figures["frechet_distance"]["space"] == "dense"
    space = keras_space(tmp_path / "dense.keras")
    np.testing.assert_allclose(space(points), model(points), rtol=1e-5)


def test_unsafe_and_damaged_models_are_refused(tmp_path):
    image = keras.Input((4,))
    keras.Model(image, keras.layers.Lambda(lambda x: x + 1)(image)).save(tmp_path / "bad.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK")
    (tmp_path / "folder").mkdir()
    small_model().save(tmp_path / "mine.keras")
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    keras.saving.save_model(layer, tmp_path / "layer.keras")
    for name, layer, message in (
        ("bad.keras", "", "without lambda layers"),
        ("broken.keras", "", "must be a whole `.keras` file"),
        ("folder", "", "must be a SavedModel"),
        ("none.keras", "", "which does not exist"),
        ("mine.keras", "top", "`evaluation.features.layer` must be one of"),
        ("layer.keras", "", "functional or sequential model .* 0 inputs and 0 outputs"),
        ("layer.keras", "top", r"`evaluation.features.layer` must be one of \[\]"),
    ):
        with pytest.raises(ValueError, match=message):
            keras_space(tmp_path / name, layer=layer)


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_every_choice_refuses_what_it_cannot_judge_and_says_so(name):
    options = {"path": "none.keras"} if name == "keras" else {}
    choice = FEATURES[name](**options)
    if choice.images_only:
        with pytest.raises(ValueError, match=r"only for images. Received: data of kind 'vector'"):
            choice.check(vector_spec())
    if name == "classifier":
        with pytest.raises(ValueError, match="labels of at least 2 classes"):
            choice.check(SPEC)
    if name in ("pca", "pixels"):
        space = choice.build(TrainingData(spec=SPEC, train=pictures(0), plain=Pixels()))
        assert len(space(pictures(1))) == 9
        assert space.name in ("pixels", "PCA-8")
