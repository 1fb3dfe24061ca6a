"""Images from a folder or archive as a source: decoded once, split, labelled, the bad left out."""

import json
import logging
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from image_case import encoded, noise, pictures, put

from ganapp.training.data import SOURCES, training_batches
from ganapp.training.data import images as images_module
from ganapp.training.data.folder import folder
from ganapp.training.data.images import about_left_out


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path, cache):
    """Calls `folder` on files below `tmp_path / images`."""

    def make(files=None, **options):
        path = tmp_path / "images"
        put(path, files or {})
        return folder(path=path, cache_dir=str(cache), **options)

    return make


def everything(source):
    parts = source.training_examples(), source.held_out_examples()
    images = np.concatenate([images for images, _ in parts])
    return images, None if parts[0][1] is None else np.concatenate([labels for _, labels in parts])


def test_every_image_once_with_its_label(source, tmp_path):
    found = source({**pictures(15, "a/"), **pictures(9, "b/", first=15)}, held_out=0.25)
    spec = found.spec
    assert (spec.name, spec.kind, spec.shape) == ("folder", "image", (16, 16, 3))
    assert (spec.examples, spec.held_out, spec.classes) == (18, 6, ("a", "b"))
    assert spec.licence == "unknown"
    assert "cache" not in repr(spec)
    images, labels = everything(found)
    known = {noise(seed).tobytes(): int(seed >= 15) for seed in range(24)}
    assert {i.tobytes(): int(n) for i, n in zip(images, labels, strict=True)} == known
    batch = next(iter(training_batches(found, batch_size=4, seed=0)))
    back = spec.to_user_units(batch["x"]).numpy()
    assert [known[image.tobytes()] for image in back] == batch["label"].numpy().tolist()


def test_folders_for_training_and_test_are_kept_apart(source):
    files = {**pictures(12, "train/a/"), **pictures(3, "test/b/", first=12)}
    found = source({**files, **pictures(2, "train/b/", first=20)})
    held_out, labels = found.held_out_examples()
    assert {i.tobytes() for i in held_out} == {noise(seed).tobytes() for seed in (12, 13, 14)}
    assert labels.tolist() == [1, 1, 1]
    assert found.spec.examples == 14


def test_decoded_once(source, monkeypatch, cache):
    first = everything(source(pictures(12)))[0]
    monkeypatch.setattr(images_module, "as_pixels", None)
    np.testing.assert_array_equal(everything(source())[0], first)
    with pytest.raises(TypeError):
        source(size=8)  # other options, other images
    with pytest.raises(TypeError):
        source(pictures(1, first=12))  # another file


def test_a_moved_folder_is_the_same_data(source, tmp_path, cache, monkeypatch):
    source(pictures(12))
    shutil.move(tmp_path / "images", tmp_path / "elsewhere")
    monkeypatch.setattr(images_module, "as_pixels", None)
    found = folder(path=tmp_path / "elsewhere", cache_dir=str(cache))
    assert found.spec.licence == "unknown"


def test_sizes_and_kinds_are_mixed(source):
    files = pictures(10)
    files["a.jpg"] = encoded(noise(20, 40, 30), "JPEG")
    files["b.gif"] = encoded(noise(21, 20, 50, 1), "GIF")
    files["c.webp"] = encoded(noise(22, 9, 9, 4), "WEBP")
    found = source(files, size=12)
    assert found.spec.shape == (12, 12, 3)
    assert found.spec.examples + found.spec.held_out == 13
    with pytest.raises(ValueError, match=r"`size` must be given where .* Received: size=0, and"):
        source()


def test_without_colours_one_channel_is_enough(source):
    grey = {f"{seed}.png": encoded(noise(seed, channels=1)) for seed in range(10)}
    same = encoded(np.repeat(noise(10, channels=1)[..., None], 3, axis=-1))
    found = source({**grey, "10.png": same})
    assert found.spec.shape == (16, 16, 1)
    known = {noise(seed, channels=1).tobytes() for seed in range(11)}
    assert {image.tobytes() for image in everything(found)[0]} == known
    assert source(channels=4).spec.shape == (16, 16, 4)
    assert source(pictures(1, "colour")).spec.shape == (16, 16, 3)
    assert source(channels=1).spec.shape == (16, 16, 1)


def test_sides_may_differ_from_each_other(source):
    found = source(pictures(12, height=8, width=20))
    assert found.spec.shape == (8, 20, 3)
    batch = next(iter(training_batches(found, batch_size=4, seed=0)))
    assert batch["x"].shape == (4, 8, 20, 3)


def test_bad_files_are_counted_and_left_out(source, caplog):
    files = {**pictures(19), "empty.png": b"", "big.png": encoded(noise(0, 200, 200))}
    options = {"max_pixels": 10_000, "bad_share": 0.1}
    with caplog.at_level(logging.WARNING, "ganapp"):
        found = source(files, **options)
    assert "Left out 2 of 21 files" in caplog.text
    expected = {
        "big.png": "it has 200 x 200 pixels, more than 10,000",
        "empty.png": "it is none of PNG, JPEG, GIF, BMP, WEBP, TIFF, ...",
    }
    assert found.bad_files == expected
    assert source(**options).bad_files == expected  # from the cache
    assert found.spec.examples + found.spec.held_out == 19


def test_more_bad_files_than_allowed(source, cache):
    with pytest.raises(
        ValueError,
        match=r"data.bad_share=0.3` .* and 5 of 17 files are: 5 such as x0.png \(it is",
    ):
        source({**pictures(12), **{f"x{i}.png": b"?" for i in range(5)}})
    assert list(cache.rglob("*.npy")) == []


def test_files_that_are_no_images_are_named_and_count_for_nothing(source):
    others = {"a.txt": b"", ".DS_Store": b"", "b": b"", "c.xcf": b""}
    found = source({**pictures(12), **others}, bad_share=0.0)
    assert set(found.bad_files) == set(others)
    assert set(source().bad_files) == set(others)
    assert about_left_out(found.bad_files).startswith("4 files: ")


def test_names_that_are_no_text(source, tmp_path):
    put(tmp_path / "images", pictures(12, "a/"))
    for name in (b"caf\xe9/1.png", b"caf\xe9/2\n.png", b"caf\xe9/3\xff.png"):
        path = os.path.join(os.fsencode(tmp_path / "images"), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"?" if b"3" in name else encoded(noise(name[5])))
    found = source(bad_share=0.1)
    assert found.spec.classes == ("a", "caf\\xe9")
    assert list(found.bad_files) == ["caf\\xe9/3\\xff.png"]
    with pytest.raises(ValueError, match=r"must be a path of UTF-8 text .*path=.*caf\\xe9"):
        folder(path=tmp_path / "images" / "caf\udce9")


def test_what_was_made_of_the_images_is_said(source):
    deep = PIL.Image.fromarray(noise(1, channels=1).astype(np.uint16) * 16)
    files = {**pictures(12), "a.png": encoded(noise(2, channels=4)), "b.png": encoded(deep)}
    notes = source(files).notes
    assert notes == source().notes  # from the cache
    said = " ".join(notes)
    kinds = "12 in colours, 1 in colours with transparency, 1 grey with 16 bits; all became colours"
    assert kinds in said
    assert (
        "1 image may be transparent in places, which became white; `--set data.channels=4`" in said
    )
    assert "use the values 0 to 4,080 of 65,535 alone" in said
    assert "`--set data.bits=12` makes 4,095 white" in said
    assert "No classes: the images do not lie in a folder for each class." in said
    assert "data.bits" not in " ".join(source(bits=12).notes)


def test_labels_of_a_file(source):
    names = list(pictures(12, "00000/"))
    labels = [[name, place % 2] for place, name in enumerate(names)]
    files = {**pictures(12, "00000/"), **pictures(3, "00001/", first=12)}
    found = source({**files, "dataset.json": json.dumps({"labels": labels}).encode()})
    assert found.spec.classes == ("0", "1")
    images, numbers = everything(found)
    known = {noise(seed).tobytes(): seed % 2 if seed < 12 else -1 for seed in range(15)}
    assert {i.tobytes(): int(n) for i, n in zip(images, numbers, strict=True)} == known
    assert source(labels="folders").spec.classes == ("00000", "00001")
    assert source(labels="none").spec.classes == ()
    with pytest.raises(ValueError, match=r"`labels` can be 'file' only where a dataset.json holds"):
        source({"dataset.json": b"{}"}, labels="file")
    assert source().spec.classes == ("00000", "00001")  # and says so
    assert "dataset.json is no file of labels (it holds no 'labels')" in " ".join(source().notes)


def test_many_images_are_not_held_at_once(source, monkeypatch):
    """What was read ahead is bounded, whatever the number of files."""
    ahead, most = 0, 0

    def counting(examples):
        nonlocal ahead, most
        for example in examples:
            ahead += 1
            most = max(most, ahead)
            yield example

    real = images_module._in_parallel

    def watched(examples, options):
        nonlocal ahead
        for done in real(counting(examples), options):
            ahead -= 1
            yield done

    monkeypatch.setattr(images_module, "_in_parallel", watched)
    source(pictures(60, height=8, width=8))
    threads = len(images_module.os.sched_getaffinity(0))
    assert 1 < most <= images_module.AHEAD * threads + 1


def test_from_an_archive_as_from_its_folder(source, tmp_path, cache, monkeypatch):
    """In whatever order its members come; what was decoded for one is known again for the other."""
    files = {**pictures(12, "a/"), **pictures(12, "b/", first=12), **pictures(9, "b/c/", first=24)}
    expected = source(files)
    archive = zipped(tmp_path / "images.zip", files)
    found = folder(path=archive, cache_dir=str(tmp_path / "other"))
    for view in ("training_examples", "held_out_examples"):
        for ours, theirs in zip(getattr(found, view)(), getattr(expected, view)(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert found.fingerprint() == expected.fingerprint()
    monkeypatch.setattr(images_module, "as_pixels", None)
    assert folder(path=archive, cache_dir=str(cache)).spec.classes == ("a", "b")
    with pytest.raises(TypeError):
        folder(path=archive, cache_dir=str(cache), labels="none")


def zipped(path, files):
    """The files below a folder of their own, the last ones first."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(files, reverse=True):
            archive.writestr(f"photos/{name}", files[name])
    return path


def test_training_images_none_of_which_is_labelled(source):
    """Classes of images that are only held out are nothing that could be learnt."""
    found = source({**pictures(12, "train/unlabelled/"), **pictures(4, "test/a/", first=12)})
    assert found.spec.classes == ()
    assert found.training_labels() is None
    assert (found.spec.examples, found.spec.held_out) == (12, 4)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.txt": b"", "b.txt": b""}, r"Received: 0, and left out 2 files: 2 such as a.txt"),
        (pictures(9), r"at least 10 images. Received: 9"),
        (pictures(10, height=7), r"at least 8 x 8 pixels. Received: 16 x 7"),
        (dict.fromkeys(map("{}.png".format, range(12)), encoded(noise(0))), r"12 times the same"),
        ({**pictures(5, "train/"), **pictures(9, "test/", first=9)}, r"10 training .* Received: 5"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(source, files, message, cache):
    with pytest.raises(ValueError, match=message):
        source(files)
    assert list(cache.rglob("*.npy")) == []


def test_a_path_with_nothing_there(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match=r"Received: path='.*potos'. Did you mean '.*/photos'\?"):
        folder(path=tmp_path / "potos")
    with pytest.raises(ValueError, match=r"There is no '/nowhere'"):
        folder(path=Path("/nowhere/a/b"))
    with pytest.raises(ValueError, match=r"Received: path='/dev/null'. It is a pipe or a device"):
        folder(path=Path("/dev/null"))
    assert SOURCES["folder"] is folder
