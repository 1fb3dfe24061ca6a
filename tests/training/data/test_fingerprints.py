"""Data are known again by their content: not by names, times or places of their files."""

import os

import numpy as np
import pytest
from image_case import encoded, noise, pictures, put

from ganapp.training.data import cache
from ganapp.training.data.arrays import npy, npz
from ganapp.training.data.cache import fingerprint_of
from ganapp.training.data.densities import ring
from ganapp.training.data.folder import folder
from ganapp.training.data.labels import with_share_of_labels
from ganapp.training.data.tables.sources import csv
from ganapp.training.data.video import video

ROWS = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
LABELS = np.arange(40) % 4


def of_folder(place, changed):
    files = pictures(12, "a/") | pictures(12, "b/", first=12)
    put(place, files | ({"a/5.png": encoded(noise(99))} if changed else {}))
    return folder(path=place, cache_dir=str(place.parent / "cache"))


def of_npz(place, changed):
    rows = ROWS.copy()
    rows[7, 3, 3] ^= changed
    place.mkdir()
    np.savez(place / "x.npz", x=rows, y=LABELS)
    return npz(path=place / "x.npz", cache_dir=str(place.parent / "cache"))


def of_npy(place, changed):
    rows = ROWS.copy()
    rows[7, 3, 3] ^= changed
    place.mkdir()
    np.save(place / "x.npy", rows)
    return npy(path=place / "x.npy")


def of_labels(place, changed):
    place.mkdir()
    np.save(place / "x.npy", ROWS)
    np.save(place / "y.npy", np.roll(LABELS, int(changed)))
    return npy(path=place / "x.npy", labels_path=place / "y.npy")


def of_clips(place, changed):
    clips = np.repeat(ROWS[:, None], 3, axis=1)
    clips[7, 2, 3, 3] ^= changed
    place.mkdir()
    np.savez(place / "x.npz", clips=clips)
    return video(path=str(place / "x.npz"))


def of_table(place, changed):
    place.mkdir()
    rows = [f"{i % 7},{i * 0.5 + (changed and i == 9)}" for i in range(60)]
    (place / "x.csv").write_text("\n".join(["a,b", *rows]))
    return csv(path=str(place / "x.csv"))


@pytest.mark.parametrize("make", [of_folder, of_npz, of_npy, of_labels, of_clips, of_table])
def test_content_alone_decides(make, tmp_path):
    first = make(tmp_path / "first", False).fingerprint()
    copied = make(tmp_path / "copied", False)
    for file in (tmp_path / "copied").rglob("*"):
        os.utime(file, (1, 1))
    assert first == copied.fingerprint() != ""
    assert make(tmp_path / "changed", True).fingerprint() != first


def test_what_is_hidden_or_drawn(tmp_path):
    whole = of_npz(tmp_path / "x", False)
    assert with_share_of_labels(whole, 0.5).fingerprint() == whole.fingerprint()
    assert ring().fingerprint() == ""


def test_of_large_arrays_rows_from_end_to_end_are_read(monkeypatch):
    monkeypatch.setattr(cache, "WHOLE", ROWS[:10].nbytes)
    first = fingerprint_of(ROWS)
    for other in (ROWS[::-1], ROWS[:-1], ROWS.astype(np.int8), np.concatenate([ROWS, ROWS[:1]])):
        assert fingerprint_of(other) != first
    for place in (0, 39):
        changed = ROWS.copy()
        changed[place] += 1
        assert fingerprint_of(changed) != first
    assert fingerprint_of(ROWS, None) == f"{first} -"
