"""What will hurt a training: found where it is, and nothing said where it is not."""

import numpy as np
import pytest

from ganapp.training.data import findings
from ganapp.training.data.findings import (
    FEW_OF_A_CLASS,
    column_facts,
    count_duplicates,
    pixel_facts,
)


def names(found):
    return [finding.name for finding in found]


def images(count=200, shape=(8, 8, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def test_duplicates_are_counted_within_training_and_across():
    training = images(50)
    training[[10, 20, 30]] = training[0]
    held_out = np.concatenate([training[:2], images(8, seed=1)])
    found = count_duplicates(training, held_out)
    assert (found.training, found.held_out, found.looked_at) == (3, 2, (50, 10))
    assert found.shares == (0.06, 0.2)
    first, second = findings.about_duplicates(found)
    assert first.sentence.startswith("3 of 50 training examples (6.0%) repeat an earlier one")
    assert second.sentence.startswith("2 of 10 held-out examples (20.0%) are training examples")
    assert "by chance" not in first.sentence
    assert "by chance" in findings.about_duplicates(found, chance=True)[0].sentence


def test_rows_are_the_same_whatever_their_zeros_and_missing_values_are_made_of():
    rows = np.array([[0.0, np.nan], [-0.0, -np.nan], [1.0, np.nan]], np.float32)
    assert count_duplicates(rows, rows[:0]).training == 1
    assert count_duplicates(rows, rows[:0]).shares == (1 / 3, 0.0)


def test_a_rare_duplicate_is_no_warning():
    training = images(300)
    training[5] = training[4]
    assert findings.about_duplicates(count_duplicates(training, images(20, seed=1))) == []


@pytest.mark.parametrize(
    ("kind", "examples", "few"),
    [
        ("image", 999, True),
        ("image", 1_000, False),
        ("vector", 199, True),
        ("vector", 200, False),
        ("video", None, False),
    ],
)
def test_few_examples(kind, examples, few):
    assert bool(findings.about_count(kind, examples)) is few


def test_tiny_and_uneven_classes_go_by_their_names():
    training = {"cat": 500, "dog": 60, "owl": FEW_OF_A_CLASS - 1}
    tiny, uneven, absent = findings.about_classes(training, {"cat": 50, "dog": 0, "owl": 2})
    assert "1 class has fewer than 20" in tiny.sentence
    assert "'owl' (19)" in tiny.sentence
    assert uneven.sentence.startswith("The largest class 'cat' has 26 times")
    assert "the smallest, 'owl': 500 and 19" in uneven.sentence
    assert "'dog'" in absent.sentence
    assert findings.about_classes({"a": 40, "b": 20}, {"a": 4, "b": 2}) == []


def test_of_many_names_five_are_said():
    (tiny, *_) = findings.about_classes({f"c{i}": 1 for i in range(30)}, {})
    assert "'c0' (1), 'c1' (1), 'c2' (1), 'c3' (1), 'c4' (1) and 25 more" in tiny.sentence
    assert len(tiny.numbers["classes"]) == 30


def test_pixels_of_ordinary_images():
    facts = pixel_facts(images())
    assert (facts.minimum, facts.maximum, facts.blank, facts.still) == (0, 255, 0, 0)
    assert facts.mean == pytest.approx(127.5, abs=2)
    assert not facts.grey
    assert findings.about_pixels(facts) == []


def test_blank_images_narrow_ranges_and_channels_that_say_nothing():
    few_levels = images(100, (8, 8, 4)) // 16
    few_levels[..., 3] = 9
    few_levels[:7, ..., :3] = 3
    facts = pixel_facts(few_levels)
    assert facts.blank == 0  # the last channel differs from the others
    found = findings.about_pixels(facts)
    assert names(found) == ["narrow range", "constant channels"]
    assert "fill 0 to 15 of 0 to 255" in found[0].sentence
    assert "3 is always 9" in found[1].sentence
    grey = images(100, (8, 8, 1)).repeat(3, axis=-1)
    grey[:7] = 200
    found = findings.about_pixels(pixel_facts(grey))
    assert names(found) == ["blank", "grey in colours"]
    assert found[0].sentence.startswith("7 of 100 examples (7.0%) are blank")


def test_clips_that_do_not_move():
    clips = images(20, (5, 8, 8, 1))
    clips[:4] = clips[:4, :1]
    facts = pixel_facts(clips)
    assert (facts.still, facts.blank) == (4, 0)
    assert names(findings.about_pixels(facts)) == ["still clips"]


def test_facts_of_a_column():
    values = np.array([1.5, 1.5, 2.25, np.nan], np.float32)
    facts = column_facts("x", values)
    assert (facts.minimum, facts.maximum, facts.commonest) == (1.5, 2.25, 1.5)
    assert (facts.distinct, facts.missing, facts.share) == (2, 0.25, 0.5)
    assert column_facts("x", np.array([168.66], np.float32)).maximum == 168.66
    empty = column_facts("x", np.full(3, np.nan, np.float32))
    assert (empty.distinct, empty.missing, empty.minimum) == (0, 1.0, None)


def test_columns_that_say_next_to_nothing():
    draw, rows = np.random.default_rng(0), 400
    columns = [
        column_facts("fine", draw.normal(size=rows)),
        column_facts("amount", np.exp(draw.normal(8, 1, rows))),
        column_facts("age", draw.integers(18, 90, rows).astype(float)),
        column_facts("always", np.full(rows, 2.5)),
        column_facts("nearly", np.where(np.arange(rows) < 398, 7.0, 8.0)),
        column_facts("names", draw.permutation(rows).astype(float), categories=True),
        column_facts("index", draw.permutation(rows) + 1000.0),
        column_facts("holes", np.where(draw.random(rows) < 0.8, np.nan, draw.normal(size=rows))),
        column_facts("error", np.where(np.arange(rows) == 3, 99_999.0, draw.normal(size=rows))),
    ]
    found = {finding.name: finding for finding in findings.about_columns(columns, rows)}
    assert {name: finding.columns for name, finding in found.items()} == {
        "constant columns": ("always",),
        "near-constant columns": ("nearly",),
        "nearly unique categories": ("names",),
        "numbered rows": ("index",),
        "missing values": ("holes",),
        "far values": (),
    }
    assert "in 1 of 9 columns: 'nearly' (99.5%)" in found["near-constant columns"].sentence
    assert "'names' (400 in 400 rows)" in found["nearly unique categories"].sentence
    assert set(found["far values"].numbers["columns"]) == {"error"}
    assert findings.about_columns(columns[:3], rows) == []


def test_a_size_far_from_that_of_the_files():
    small = [(12, 16), (16, 16), (20, 16)]
    (found,) = findings.about_size(small, 64)
    assert found.name == "enlarged images"
    assert "enlarged 4.0 times to 64 x 64: the files have 16 x 12 to 16 x 20" in found.sentence
    assert "--size 16 " in found.sentence
    (found,) = findings.about_size([(600, 640)] * 3, 64)
    assert found.name == "reduced images"
    assert "640 x 600 pixels" in found.sentence
    assert findings.about_size([(64, 80)], 64) == []
    assert findings.about_size([(64, 80)], 0) == findings.about_size([], 64) == []


def test_what_a_square_leaves_out():
    (found,) = findings.about_size([(32, 96)] * 5, 32)
    assert "leaves out 67% of the median image" in found.sentence
    assert findings.about_size([(32, 96)] * 5, 32, resize="stretch") == []
