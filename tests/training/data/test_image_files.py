"""Images where people have them: folders, zip and tar, read in place and never beyond them."""

import io
import os
import tarfile
import zipfile

import numpy as np
import pytest
from image_case import encoded, noise, pictures, put

from ganapp.training.data import image_files as image_files_module
from ganapp.training.data.folder import annotations_of_places
from ganapp.training.data.image_files import file_facts, image_files, read_files
from ganapp.training.data.images import BadImageError

LIMIT = 10_000
FILES = {
    **pictures(3, "all/cat/"),
    **pictures(2, "all/dog/", first=3),
    "all/dog/UPPER.JPG": encoded(noise(9), "JPEG"),
    "all/readme.txt": b"no image",
    "all/.hidden.png": b"no image",
    "__MACOSX/cat/0.png": b"no image",
    ".git/cat/0.png": b"no image",
}
NAMES = {name for name in FILES if name.startswith("all/") and "." in name[-4:]} - {
    "all/readme.txt",
    "all/.hidden.png",
}


def zipped(path, files=FILES, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path, files=FILES, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            add(archive, name, content)
    return path


def add(archive, name, content=b"", kind=tarfile.REGTYPE, target=""):
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(content), kind, target
    archive.addfile(member, io.BytesIO(content))


MAKE = {
    "folder": lambda folder: put(folder / "images", FILES),
    "zip": lambda folder: zipped(folder / "images.zip"),
    "stored": lambda folder: zipped(folder / "images.dat", compression=zipfile.ZIP_STORED),
    "tar": lambda folder: tarred(folder / "images.tar"),
    "gz": lambda folder: tarred(folder / "images.tgz", mode="w:gz"),
    "bz2": lambda folder: tarred(folder / "images.tar.bz2", mode="w:bz2"),
    "xz": lambda folder: tarred(folder / "images", mode="w:xz"),
}


def loaded(path, limit=LIMIT):
    """Pixels by name, and the reasons of those that have none."""
    good, bad = {}, {}
    for example in image_files(path, limit):
        try:
            good[example.name] = np.asarray(example.load().image.convert("RGB"))
        except BadImageError as error:
            bad[example.name] = str(error)
    return good, bad


@pytest.mark.parametrize("kind", MAKE)
def test_every_image_is_found_and_nothing_else(tmp_path, kind):
    path = MAKE[kind](tmp_path)
    before = sorted(tmp_path.rglob("*"))
    good, bad = loaded(path)
    assert set(good) == NAMES
    assert bad == {}
    for seed in range(5):
        name = f"all/{'cat' if seed < 3 else 'dog'}/{seed}.png"
        np.testing.assert_array_equal(good[name], noise(seed))
    assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_is_read_once_from_beginning_to_end(tmp_path, mode, monkeypatch):
    path = tarred(tmp_path / "images", mode=mode)
    seeks = []
    monkeypatch.setattr(tarfile._Stream, "seek", _counting(tarfile._Stream.seek, seeks))
    loaded(path)
    assert seeks  # tarfile skips forward by reading
    assert all(new >= old for old, new in seeks)


def _counting(seek, seeks):
    def counted(self, position):
        seeks.append((self.tell(), position))
        return seek(self, position)

    return counted


ESCAPES = ("../0.png", "a/../../0.png", "/etc/0.png", "C:/0.png", "..\\0.png")


@pytest.mark.parametrize("make", [zipped, tarred])
def test_paths_that_lead_out_of_an_archive_are_refused(tmp_path, make):
    path = make(tmp_path / "images", dict.fromkeys(ESCAPES, encoded(noise(0))))
    good, bad = loaded(path)
    assert good == {}
    assert set(bad.values()) == {"its path leads out of the archive"}
    assert len(bad) == len(ESCAPES)


def test_links_and_devices_in_a_tar_are_refused(tmp_path):
    (tmp_path / "secret.png").write_bytes(encoded(noise(0)))
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        add(archive, "soft.png", kind=tarfile.SYMTYPE, target=str(tmp_path / "secret.png"))
        add(archive, "hard.png", kind=tarfile.LNKTYPE, target="secret.png")
        add(archive, "pipe.png", kind=tarfile.FIFOTYPE)
        add(archive, "device.png", kind=tarfile.CHRTYPE)
    good, bad = loaded(tmp_path / "images.tar")
    assert good == {}
    assert bad == {
        "soft.png": "it is a link",
        "hard.png": "it is a link",
        "pipe.png": "it is a device",
        "device.png": "it is a device",
    }


def test_links_and_secrets_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("locked.png", encoded(noise(0)))
        archive.infolist()[1].flag_bits |= 1  # written into the directory at the end
    assert loaded(tmp_path / "images.zip")[1] == {
        "link.png": "it is a link",
        "locked.png": "it is encrypted",
    }


@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_member_that_unpacks_to_more_than_any_image_is_not_read(tmp_path, make, monkeypatch):
    path = make(tmp_path / "images", {"a.png": bytes(2_000_000), "b.png": encoded(noise(0))})
    good, bad = loaded(path, limit=1000)
    assert set(good) == {"b.png"}
    assert bad == {"a.png": "it unpacks to 2,000,000 bytes"}


def test_a_damaged_member_is_bad_and_the_others_are_not(tmp_path):
    path = zipped(tmp_path / "a.zip", pictures(3), zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 20] ^= 255
    path.write_bytes(content)
    good, bad = loaded(path)
    assert set(good) == {"1.png", "2.png"}
    assert "Bad CRC-32" in bad["0.png"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_an_archive_that_breaks_off_is_refused(tmp_path, mode):
    path = tarred(tmp_path / "images", pictures(30), mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"The archive .* is damaged: after \d+ images"):
        loaded(path)


def test_what_is_no_archive_is_told(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(noise(0)))
    with pytest.raises(
        ValueError, match=r"`path` must be a folder with images, .* Received: path="
    ):
        image_files(tmp_path / "a.png", LIMIT)


def test_a_folder_with_links_and_pipes(tmp_path):
    put(tmp_path, {"real/a.png": encoded(noise(0))})
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "images" / "b.png").symlink_to(tmp_path / "real" / "a.png")
    (tmp_path / "images" / "round").symlink_to(tmp_path / "images")  # for ever
    (tmp_path / "images" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "images" / "pipe.png")
    good, bad = loaded(tmp_path / "images")
    assert set(good) == {"linked/a.png", "b.png"}
    assert bad == {"gone.png": "it is a link to nothing", "pipe.png": "it is no regular file"}


def test_links_are_followed_unless_they_lead_round(tmp_path):
    put(tmp_path / "images", {"ward_1/a.png": encoded(noise(0)), "ward_1/deep/b.png": b""})
    (tmp_path / "images" / "ward_2").symlink_to("ward_1")
    (tmp_path / "images" / "ward_3").symlink_to("/nowhere/ward_3")
    (tmp_path / "images" / "itself").symlink_to("itself")
    (tmp_path / "images" / "ward_1" / "deep" / "up").symlink_to(tmp_path / "images")
    facts = [file for file, _ in file_facts(tmp_path / "images", LIMIT)]
    names = [each.name for each in facts if not each.left_out]
    inside = ("a.png", "deep/b.png")
    assert names == [f"{ward}/{name}" for ward in ("ward_1", "ward_2") for name in inside]
    round_ = "it is a link to a folder that it lies in"
    assert {each.name: each.left_out for each in facts if each.left_out} == {
        "ward_3": "it is a link to nothing",
        "itself": "it is a link to nothing",
        "ward_1/deep/up/": round_,
        "ward_2/deep/up/": round_,
    }


def test_links_that_multiply_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files_module, "MOST_VISITS", 5)
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        for other in range(4):
            (tmp_path / str(number) / f"to{other}").symlink_to(tmp_path / str(other))
    with pytest.raises(ValueError, match=r"to the same folder more than 5 times. Received: '"):
        list(image_files(tmp_path, LIMIT))


BESIDE = {
    "a/1.txt": "it is not named as an image (.txt)",
    "a/no suffix": "it is not named as an image (no suffix)",
    "a/._1.png": "it is hidden",
    "a/Thumbs.db": "it belongs to another program",
    "a/B.TGA": "it is not named as an image (.tga)",
}


def test_what_is_no_image_is_left_out_with_the_reason(tmp_path):
    files = dict.fromkeys(BESIDE, b"x") | {"a/1.TIF": b"x", "dataset.json": b"{}"}
    beside = {"thumbnails/1.png": b"x", "a/.git/1.png": b"x", "__MACOSX/a/1.png": b"x"}
    put(tmp_path / "images", files | beside)
    found = [file for file, _ in file_facts(tmp_path / "images", LIMIT)]
    left_out = {each.name: each.left_out for each in found if each.left_out}
    assert left_out == BESIDE | {
        "thumbnails/": "it holds thumbnails",
        "a/.git/": "it is hidden",
        "__MACOSX/": "it belongs to another program",
    }
    assert [each.name for each in found if not each.left_out] == ["dataset.json", "a/1.TIF"]
    for make in (zipped, tarred):
        facts = file_facts(make(tmp_path / make.__name__, files | beside), LIMIT)
        packed = {each.name: each.left_out for each, _ in facts if each.left_out}
        assert set(packed) == set(BESIDE) | set(beside)
        assert BESIDE.items() <= packed.items()


@pytest.mark.parametrize("kind", ["folder", "zip", "gz"])
def test_files_of_labels_are_read_by_name(tmp_path, kind, monkeypatch):
    make = {"folder": put, "zip": zipped, "gz": lambda *args: tarred(*args, mode="w:gz")}[kind]
    path = make(tmp_path / "images", {"x/dataset.json": b"{}", "x/1.png": b""})
    assert read_files(path, ["x/dataset.json"]) == {"x/dataset.json": b"{}"}
    assert [each.name for each in image_files(path, LIMIT)] == ["x/1.png"]
    monkeypatch.setattr(image_files_module, "MOST_LABELS", 1)
    with pytest.raises(ValueError, match=r"at most 1 bytes. Received: x/dataset.json with 2"):
        read_files(path, ["x/dataset.json"])


def test_names_in_any_bytes(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path / "images"), b"caf\xe9")
    os.makedirs(folder)
    with open(os.path.join(folder, b"\n\xff.png"), "wb") as file:
        file.write(encoded(noise(0)))
    good, _ = loaded(tmp_path / "images")
    assert list(good) == ["caf\udce9/\n\udcff.png"]
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "images", "x")
    assert list(loaded(tmp_path / "a.tar")[0]) == ["x/caf\udce9/\n\udcff.png"]
    path = zipped(tmp_path / "a.zip", {"caf\u00e9/0.png": b""})
    path.write_bytes(path.read_bytes().replace("\u00e9".encode(), b"\xff\xff"))
    with pytest.raises(ValueError, match=r"names in the archive .* UTF-8 .* unpack it"):
        loaded(path)


def marks(*names, labels="folders"):
    found = annotations_of_places(names, labels=labels)
    numbers = None if found.labels is None else found.labels.tolist()
    return numbers, found.classes, None if found.held_out is None else found.held_out.tolist()


def test_folders_are_classes_below_what_all_share():
    assert marks("test/b/1.png", "test/a/2.png", "test/b/3.png") == ([1, 0, 1], ("a", "b"), None)
    assert marks("b/deep/1.png", "a/2.png") == ([1, 0], ("a", "b"), None)
    assert marks("10/1.png", "9/2.png", "x2/3.png") == ([1, 0, 2], ("9", "10", "x2"), None)
    assert marks("1.png", "2.png") == (None, (), None)
    assert marks("cats/1.png", "cats/2.png") == (None, (), None)  # one folder tells nothing apart
    assert marks("b/1.png", "a/2.png", labels="none") == (None, (), None)


def test_folders_may_say_what_is_held_out():
    names = ("data/Train/x/1.png", "data/test/y/2.png", "data/Train/y/3.png")
    assert marks(*names) == ([0, 1, 1], ("x", "y"), [False, True, False])
    assert marks(*names, labels="none") == (None, (), [False, True, False])
    assert marks("train/1.png", "val/2.png") == (None, (), [False, True])
    assert marks("train/1.png", "other/2.png") == ([1, 0], ("other", "train"), None)


def test_what_is_unlabelled_asks_for_no_classes_of_the_others():
    names = ("train/1.png", "unlabelled/2.png", "test/3.png")
    assert marks(*names) == (None, (), [False, False, True])
    assert marks("1.png", "Unlabeled/2.png") == (None, (), None)
    with pytest.raises(ValueError, match=r"Received: 'train/1.png' beside folders such as 'b'"):
        marks(*names, "train/b/4.png")


def test_images_beside_folders_of_classes_are_refused():
    with pytest.raises(ValueError, match=r"labels='none'. Received: 'loose.png' beside .* 'b'"):
        marks("a/1.png", "loose.png", "b/2.png")
