"""`tfds` offline: data sets of the catalogue mocked, one prepared here, downloads that fail."""

import logging
import re
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from image_case import encoded, noise

from ganapp.training.data import SOURCES, training_batches
from ganapp.training.data import tfds as tfds_module
from ganapp.training.data.digits import digits
from ganapp.training.data.images import Example
from ganapp.training.data.tfds import _annotations, tfds_images

URL = tfds.download.checksums.UrlInfo(size=1, checksum="", filename="")


@pytest.fixture
def source(tmp_path):
    """Calls `tfds_images` with folders of the test's own."""

    def make(name, **options):
        folders = {"data_dir": tmp_path / "tfds", "cache_dir": str(tmp_path / "cache")}
        return tfds_images(name=name, **(folders | options))

    return make


@pytest.fixture
def network(monkeypatch):
    """As far as is asked, there is one; what would come from it is mocked."""
    monkeypatch.setattr(tfds_module, "check_reachable", lambda urls: None)


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Downloads where no host answers: `"no way"` if that was asked first, `"tried"` if not."""

    def fail(self, *args, **kwargs):
        raise ConnectionError("tried")

    monkeypatch.setattr(tfds_module, "_why_not", lambda url: "no way")
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)

    def reason(urls=None):
        builder = tfds.builder("mnist", data_dir=str(tmp_path / "tfds"))
        if urls is not None:
            monkeypatch.setattr(type(builder), "url_infos", dict.fromkeys(urls, URL))
        with pytest.raises(ValueError, match="cannot be downloaded") as caught:
            tfds_module.download_and_prepare(builder)
        return re.search(r"downloaded \((?:[\w.]+: )?(.*?)\)", str(caught.value))[1]

    return reason


@pytest.fixture(scope="module")
def prepared(cache_dir):
    """The source `digits`, and in `cache_dir` its examples as a data set `ganapp_digits`."""
    found = digits()
    parts = {"train": found.training_examples(), "test": found.held_out_examples()}
    tfds.dataset_builders.store_as_tfds_dataset(
        name="ganapp_digits",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=found.spec.shape),
                "label": tfds.features.ClassLabel(num_classes=10),
            }
        ),
        split_datasets={
            name: tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})
            for name, (images, labels) in parts.items()
        },
        data_dir=str(cache_dir),
    )
    return found


@pytest.mark.parametrize(
    ("name", "options", "shape", "classes"),
    [
        ("mnist", {}, (28, 28, 1), 10),
        ("cats_vs_dogs:4.0.1", {"size": 16}, (16, 16, 3), 2),
        ("cifar10", {"channels": 1}, (32, 32, 1), 10),
        ("celeb_a", {"size": 8, "resize": "pad"}, (8, 8, 3), 0),  # many attributes, no label
    ],
)
def test_data_sets_of_the_catalogue(source, network, name, options, shape, classes):
    with tfds.testing.mock_data(num_examples=20):
        found = source(name, **options)
    spec = found.spec
    assert (spec.name, spec.kind, spec.shape) == ("tfds", "image", shape)
    assert (spec.examples, spec.held_out, len(spec.classes)) == (18, 2, classes)
    assert name.partition(":")[0] in spec.description
    assert "cache" not in repr(spec)
    batch = next(iter(training_batches(found, batch_size=4, seed=0)))
    assert ("label" in batch) == bool(classes)
    assert batch["x"].shape == (4, *shape)


def test_a_prepared_data_set_is_read_from_its_files(source, cache_dir, prepared):
    """The digits as TensorFlow Datasets keeps them give what the source `digits` gives."""
    found = source("ganapp_digits", data_dir=cache_dir)
    assert (found.spec.shape, found.spec.examples, found.spec.held_out) == ((8, 8, 1), 1497, 300)
    assert found.spec.classes == prepared.spec.classes
    for view in ("training_examples", "held_out_examples"):
        (x, y), (images, labels) = (getattr(each, view)() for each in (found, prepared))

        def named(images, labels):
            return sorted((i.tobytes(), int(n)) for i, n in zip(images, labels, strict=True))

        assert named(x, y) == named(images, labels)
    part = source("ganapp_digits", data_dir=cache_dir, split="test[:50%]", held_out=0.2)
    assert (part.spec.examples, part.spec.held_out) == (120, 30)
    with pytest.raises(ValueError, match=r"`split` must be .* there are .*test.* split='tset'"):
        source("ganapp_digits", data_dir=cache_dir, split="tset")


def test_labels_of_the_catalogue_may_be_unknown():
    """As those of the split `unlabelled` of stl10, which are -1."""

    def marks(*labels):
        return _annotations(
            [Example("", None, label=each) for each in labels], ("a", "b"), False, "x"
        )

    assert marks(0, -1, 1, -1).labels.tolist() == [0, -1, 1, -1]
    assert marks(0, -1, 1, -1).classes == ("a", "b")
    assert [marks(*some).labels for some in ((-1, -1), (0, -1), (0, None))] == [None] * 3


def test_a_folder_that_holds_one_version(source, cache_dir, prepared):
    place = cache_dir / "ganapp_digits" / "1.0.0"
    assert source("any", data_dir=place, split="test").spec.examples == 270


def test_a_download_is_announced_and_its_failure_explained(
    source, network, tmp_path, monkeypatch, caplog
):
    def no_network(self, *args, **kwargs):
        assert "Downloading mnist/3.0.1 (11.6 MB to download) to" in caplog.text  # before it
        raise ConnectionError("Name or service not known\nand a long story")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", no_network)
    with (
        caplog.at_level(logging.WARNING, "ganapp"),
        pytest.raises(
            ValueError,
            match=r"mnist/3.0.1 cannot be downloaded \(Name or service not known\); prepare .*"
            rf"load\('mnist:3.0.1'\)`, and copy its .* to {tmp_path}/tfds/mnist/3.0.1, or name",
        ) as caught,
    ):
        source("mnist")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_download_shows_the_library_s_bars_on_a_terminal_alone(
    source, network, monkeypatch, capsys, terminal
):
    def download(self, *args, **kwargs):
        print("Downloading and preparing dataset")
        print("a bar", file=sys.stderr)

    disabled = []
    with tfds.testing.mock_data(num_examples=20), monkeypatch.context() as patch:
        patch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", download)
        patch.setattr(tfds, "disable_progress_bar", lambda: disabled.append("bars"))
        patch.setattr(sys.stderr, "isatty", lambda: terminal)
        patch.setattr(logging.getLogger("ganapp"), "handlers", [])  # of a command before
        found = source("mnist")
    assert found.spec.examples + found.spec.held_out == 20
    out, err = capsys.readouterr()
    assert out == ""
    assert "a bar" in err
    assert disabled == ([] if terminal else ["bars"])


def test_without_a_network_nothing_is_tried(source, monkeypatch, capfd):
    """Where no host answers, not even the ten tries of TensorFlow Datasets are begun."""

    def nobody(url):
        tried.append(url)
        return "no way"

    tried = []
    monkeypatch.setattr(tfds_module, "_why_not", nobody)
    # A command that ran before in this process may have put the announcement on the screen.
    monkeypatch.setattr(logging.getLogger("ganapp"), "handlers", [])
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", pytest.fail)
    with pytest.raises(ValueError, match=r"downloaded \(storage.googleapis.com: no way\);"):
        source("mnist")
    assert tried == ["https://storage.googleapis.com"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "file", ["mnist/train.gz", "train.gz", "manual/train.gz", "manual/folder/train.gz"]
)
def test_what_was_downloaded_before_is_tried_without_a_network(offline, tmp_path, file):
    place = tmp_path / "tfds" / "downloads" / file
    place.parent.mkdir(parents=True)
    place.touch()
    assert offline() == "tried"


@pytest.mark.parametrize("file", ["cifar10/all.gz", "extracted/all", "mnist/a.gz.tmp.0/a.gz"])
def test_other_and_broken_downloads_are_not_enough(offline, tmp_path, file):
    place = tmp_path / "tfds" / "downloads" / file
    place.parent.mkdir(parents=True)
    place.touch()
    assert offline() == "no way"


@pytest.mark.parametrize(
    ("urls", "reason"),
    [
        (["https://a.b/c", "gs://bucket/file"], "tried"),
        (["ftp://a.b/c"], "tried"),
        ([], "tried"),
        (["http://a.b/c", "https://d.e/f"], "no way"),
    ],
)
def test_only_hosts_of_the_web_are_asked_beforehand(offline, urls, reason):
    assert offline(urls) == reason


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", r"`name` must be a data set .* name='mnits'. Did you mean 'mnist'"),
        ("cats_vs_dogs:9.9.9", r"cannot be loaded at version 9.9.9, only: .* Received: name="),
        ("huggingface:cifar10", r"is read with the library datasets, .*`pip install datasets`\. R"),
        ("omniglot/small1", r"no configuration 'small1', only the data set itself\. R.*::small1,"),
        ("emnist/small:3.1.0", r"no configuration 'small', only byclass, .* write emnist::small,"),
        ("mine/fold1", r"one prepared in .* If 'fold1' is a split, write mine::fold1, or give it"),
    ],
)
def test_what_is_not_in_the_catalogue(source, name, message, capfd):
    with pytest.raises(ValueError, match=message) as caught:
        source(name)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_data_without_images_are_refused(source, network):
    with (
        tfds.testing.mock_data(num_examples=20),
        pytest.raises(ValueError, match=r"must be a data set of images. .* holds .*text"),
    ):
        source("imdb_reviews")


def test_a_folder_of_images_made_a_data_set(tmp_path, source):
    """What `tfds.ImageFolder` reads can be written and read back; nothing of ours is needed."""
    for split, seeds in {"train": range(12), "test": range(12, 15)}.items():
        for seed in seeds:
            place = tmp_path / "raw" / split / ("ab"[seed % 2])
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{seed}.png").write_bytes(encoded(noise(seed)))
    dataset = tfds.ImageFolder(str(tmp_path / "raw"))
    splits = {name: dataset.as_dataset(split=name) for name in ("train", "test")}
    tfds.dataset_builders.store_as_tfds_dataset(
        name="mine",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(16, 16, 3)),
                "label": dataset.info.features["label"],
            }
        ),
        split_datasets={
            name: each.map(lambda e: {"image": e["image"], "label": e["label"]})
            for name, each in splits.items()
        },
        data_dir=str(tmp_path / "tfds"),
        disable_shuffling=True,
    )
    found = source("mine")
    assert found.spec.classes == ("a", "b")
    held_out, labels = found.held_out_examples()
    expected = {noise(seed).tobytes(): seed % 2 for seed in (12, 13, 14)}
    assert {i.tobytes(): int(n) for i, n in zip(held_out, labels, strict=True)} == expected
    assert found.spec.examples == 12
    assert SOURCES["tfds"] is tfds_images
    assert not np.array_equal(*found.training_examples(2)[0])
