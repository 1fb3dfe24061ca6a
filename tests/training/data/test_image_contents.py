"""Images are known by names and contents, whatever they are kept in and since when."""

import os
import tarfile
import zipfile

import numpy as np
import pytest
from image_case import encoded, noise, pictures, put

from ganapp.training.data import image_files as contents
from ganapp.training.data.arrays import npz
from ganapp.training.data.cache import file_key
from ganapp.training.data.image_files import image_contents, image_files, place_of

FILES = {**pictures(3, "cat/"), **pictures(2, "dog/", first=3), "dog/deep/x.png": b"damaged"}


@pytest.fixture
def key(tmp_path):
    """The name of what lies below `tmp_path`, read anew each time."""
    return lambda name: images_key(tmp_path / name, tmp_path / "never" / os.urandom(4).hex())


def images_key(path, notes):
    return image_contents(path, 10_000, notes).key


def tarred(path, folder, mode, prefix):
    with tarfile.open(path, mode) as archive:
        for name in sorted(FILES, reverse=True):
            archive.add(folder / name, f"{prefix}{name}")


def zipped(path, folder):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(FILES, reverse=True):
            archive.write(folder / name, f"all/of/them/{name}")


def test_in_folders_and_archives_of_any_order_the_same(key, tmp_path):
    first = put(tmp_path / "first", FILES | {"notes.txt": b"no image", ".hidden.png": b"no image"})
    put(tmp_path / "below" / "further", FILES)
    tarred(tmp_path / "a.tar", first, "w", "./")
    tarred(tmp_path / "a.tgz", first, "w:gz", "photos/")
    zipped(tmp_path / "a.zip", first)
    assert len({key(name) for name in ("first", "below", "a.tar", "a.tgz", "a.zip")}) == 1


def test_folders_are_read_in_the_order_of_places(tmp_path):
    names = ["b.png", "a/2.png", "a/10.png", "a b/1.png", "a/c/1.png", "a-c/1.png", "z/1.png"]
    place = put(tmp_path / "images", dict.fromkeys(names, b""))
    found = [each.name for each in image_files(place, 10_000)]
    assert found == sorted(names, key=place_of)
    assert found[:4] == ["b.png", "a/10.png", "a/2.png", "a/c/1.png"]


@pytest.mark.parametrize(
    "change",
    [
        {"cat/1.png": encoded(noise(99))},
        {"cat/9.png": encoded(noise(9))},
        {"dog/deep/x.png": b"Damaged"},
    ],
)
def test_other_contents(key, tmp_path, change):
    put(tmp_path / "first", FILES)
    put(tmp_path / "second", FILES | change)
    assert key("first") != key("second")


def test_other_names(key, tmp_path):
    put(tmp_path / "first", FILES)
    put(tmp_path / "second", {name.replace("cat", "cow"): FILES[name] for name in FILES})
    assert key("first") != key("second")


def test_what_must_not_be_read_is_no_image_of_the_same_content(key, tmp_path):
    put(tmp_path / "first", FILES)
    put(tmp_path / "second", FILES)
    (tmp_path / "second" / "cat" / "1.png").unlink()
    os.mkfifo(tmp_path / "second" / "cat" / "1.png")
    assert key("first") != key("second")


def swap_a_pixel(file, second):
    """Another content of the same size, with the time of the first."""
    status = file.stat()
    assert len(second) == status.st_size
    file.write_bytes(second)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file.stat().st_mtime_ns == status.st_mtime_ns


def test_a_change_that_hides_behind_size_and_time(tmp_path):
    pixels = noise(0)
    first = encoded(pixels, "BMP")
    pixels[3, 3] ^= 1
    place = put(tmp_path / "images", {f"{i}.bmp": first for i in range(3)})
    known = images_key(place, tmp_path / "notes")
    swap_a_pixel(place / "1.bmp", encoded(pixels, "BMP"))
    assert images_key(place, tmp_path / "notes") != known


def test_a_file_is_read_once(tmp_path, monkeypatch):
    place = put(tmp_path / "images", FILES)
    known = images_key(place, tmp_path / "notes")
    monkeypatch.setattr(contents, "file_facts", None)
    assert images_key(place, tmp_path / "notes") == known
    os.utime(place / "cat" / "0.png", (1, 1))
    with pytest.raises(TypeError):
        images_key(place, tmp_path / "notes")


def test_notes_that_cannot_be_written_or_were_cut(tmp_path):
    place = put(tmp_path / "images", FILES)
    (tmp_path / "file").write_text("")
    known = images_key(place, tmp_path / "file")
    assert images_key(place, tmp_path / "notes") == known
    for note in (tmp_path / "notes").iterdir():
        note.write_text(known[:7])
    assert images_key(place, tmp_path / "notes") == known


def test_arrays_whose_change_hides_likewise(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "x.npz", x=rows)
    first = npz(path=tmp_path / "x.npz", cache_dir=str(tmp_path / "cache"))
    known, before = first.fingerprint(), file_key(tmp_path / "x.npz", tmp_path / "notes")
    rows[20, 3, 3] ^= 1
    np.savez(tmp_path / "y.npz", x=rows)
    swap_a_pixel(tmp_path / "x.npz", (tmp_path / "y.npz").read_bytes())
    assert file_key(tmp_path / "x.npz", tmp_path / "notes") != before
    second = npz(path=tmp_path / "x.npz", cache_dir=str(tmp_path / "cache"))
    assert second.fingerprint() != known
