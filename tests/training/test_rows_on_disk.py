"""Rows in a temporary file, and two parts that are one: the same values, without the memory."""

import resource
import types
import weakref
from pathlib import Path

import numpy as np
import pytest
from evaluation_cases import make_evaluator

from ganapp.training import rows_on_disk
from ganapp.training.baselines import MixtureBaseline
from ganapp.training.data import DataSpec
from ganapp.training.evaluation.features.spaces import Pixels
from ganapp.training.evaluation.metric import SampleSet
from ganapp.training.rows_on_disk import (
    Joined,
    forget,
    generated_rows,
    join_rows,
    rows_of,
    take_rows,
)


def mapped(rows):
    """Whether these rows lie in a file."""
    while isinstance(rows, np.ndarray):
        if isinstance(rows, np.memmap):
            return True
        rows = rows.base
    return False


@pytest.fixture
def little_memory(monkeypatch):
    """Whatever takes more than 4 kB is large."""
    monkeypatch.setattr(rows_on_disk, "LARGE", 4096)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1), np.uint8)


@pytest.fixture
def spec():
    return DataSpec(name="noise", kind="image", shape=(8, 8, 1), examples=160, held_out=40)


def test_parts_become_one_array_wherever_it_lies(images, little_memory, tmp_path, monkeypatch):
    monkeypatch.setattr(rows_on_disk.tempfile, "tempdir", str(tmp_path))
    parts = np.split(images, [70, 90])
    rows = rows_of(iter(parts), 200)
    assert mapped(rows)
    np.testing.assert_array_equal(rows, images)
    assert rows.dtype == np.uint8
    assert list(tmp_path.iterdir()) == []  # nothing to leave behind
    assert not mapped(rows_of(parts[1:2], 20))
    gone = weakref.ref(rows)
    del rows
    assert gone() is None
    full = types.SimpleNamespace(free=100)
    monkeypatch.setattr(rows_on_disk.shutil, "disk_usage", lambda place: full)
    rows = rows_of(iter(parts), 200)
    assert not mapped(rows)
    np.testing.assert_array_equal(rows, images)


def test_two_parts_are_read_like_one():
    numbers = np.arange(60).reshape(20, 3)
    both = Joined(numbers[:12], numbers[12:])
    assert (len(both), both.shape, both.ndim, both.dtype) == (20, (20, 3), 2, numbers.dtype)
    for places in (
        slice(None), slice(5), slice(3, 9), slice(10, 15), slice(12, 20), slice(15, 99),
        slice(-3, None), slice(0, 20, 7), slice(5, 5), slice(16, 14),
        np.array([19, 0, 11, 12, 12]), np.array([], int),
    ):  # fmt: skip
        np.testing.assert_array_equal(both[places], numbers[places])
    np.testing.assert_array_equal(np.asarray(both), numbers)
    assert both[2:9].base is not None  # not a copy
    assert isinstance(join_rows(numbers[:12], numbers[12:]), np.ndarray)  # few: simply copied


def test_a_judge_says_the_same_of_rows_on_the_disk(images, spec, little_memory, monkeypatch):
    samples = np.random.default_rng(1).integers(0, 200, (66, 8, 8, 1), np.uint8)

    def judged(given):
        train, held_out = images[:60], images[60:90]
        judge = make_evaluator(
            spec, train=train, held_out=held_out, components=4, baseline_components=2
        )
        return judge, judge.evaluate(given)

    judge, small = judged(rows_of(np.split(samples, 3), 66))
    assert isinstance(judge.data.everything.samples, Joined)
    assert mapped(judge.baseline.sample(100))
    monkeypatch.setattr(rows_on_disk, "LARGE", 2**28)
    judge, plain = judged(samples)
    assert isinstance(judge.data.everything.samples, np.ndarray)
    assert not mapped(judge.baseline.sample(100))
    assert small == plain


def test_the_mixture_draws_the_same(images, spec, little_memory):
    mixture = MixtureBaseline(spec, images, mixture_components=2, components=3)
    drawn = mixture.sample(1200, seed=3)
    assert mapped(drawn)
    np.testing.assert_array_equal(drawn, np.array(mixture.sample(1200, seed=3)))
    assert len(np.unique(drawn[1000:], axis=0)) > 100  # of the second part, too


def test_rows_here_and_there_are_those_that_a_generator_chooses():
    rows = np.arange(1200).reshape(600, 2)
    drawn = np.random.default_rng(5).choice(600, 400, replace=False)
    found = take_rows(Joined(rows[:250], rows[250:]), drawn)
    np.testing.assert_array_equal(found, rows[drawn])
    whole = np.random.default_rng(5).choice(rows, 400, replace=False)
    np.testing.assert_array_equal(found, whole)


class Model:
    """Latents in two columns and a label; samples are twice the latents plus the label."""

    def inputs(self, count, *, seed):
        random = np.random.default_rng(seed)
        z = random.normal(size=(count, 2)).astype(np.float32)
        return {"z": z, "label": random.integers(0, 9, (count, 1)).astype(np.float32)}

    def generate(self, count=None, *, z=None, label=None, seed=0, ema=True, units):
        assert ema
        assert z is None or len(z) <= rows_on_disk.BLOCK
        given = self.inputs(count, seed=seed) if z is None else {"z": z, "label": label}
        return units(2 * given["z"] + given["label"])


@pytest.mark.parametrize("count", [10, 2048, 5000])
def test_many_samples_are_those_of_one_call(count, little_memory):
    rows = generated_rows(Model(), count, seed=4, units=np.negative)
    assert mapped(rows) == (count > 2048)
    np.testing.assert_array_equal(rows, Model().generate(count, seed=4, units=np.negative))


def test_what_was_read_of_a_file_is_let_go(tmp_path):
    """Features of 64 MiB of pixels, of which the process never holds much."""
    np.save(tmp_path / "rows.npy", np.zeros((2**14, 64, 64, 1), np.uint8))
    rows = np.asarray(np.load(tmp_path / "rows.npy", mmap_mode="r"))

    def held():
        pages = int(Path("/proc/self/statm").read_text().split()[2])  # those of files
        return pages * resource.getpagesize()

    before = held()
    assert rows.sum() == 0
    assert held() - before > 2**25
    forget(Joined(rows[:100], rows[100:]))
    assert held() - before < 2**23
    some = SampleSet(rows, neighbours=3)
    some.drawn(20, 0)
    some.statistics(First())
    assert held() - before < 2**23
    written = np.load(tmp_path / "rows.npy", mmap_mode="c")
    written[3] = 9
    forget(written)
    assert written[3, 0, 0, 0] == 9
    forget(np.zeros(3))


class First(Pixels):
    """The first two pixels alone."""

    def __call__(self, samples):
        return super().__call__(samples[:, :1, :2])
