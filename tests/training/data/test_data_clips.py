"""Moving digits and clips from files."""

import json

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from image_case import bomb, encoded

from ganapp.training.data import SOURCES, training_batches
from ganapp.training.data.digits import digits
from ganapp.training.data.spec import DataSpec

BEFORE = (-3, -2, -1)  # levels of the frames before one, beside its own


@pytest.fixture(scope="module")
def moving():
    return SOURCES["moving_digits"](frames=30, size=14)


def test_a_clip_shows_digits_that_move_straight_and_bounce():
    source = SOURCES["moving_digits"](frames=60, size=16, digits=1)
    singles = digits().train[..., 0]
    clips = source.training_examples(6)[0][..., 0]
    for clip in clips:
        places = np.array([_place(frame, singles) for frame in clip])
        assert places.min() >= 0
        assert places.max() <= 8
        steps = np.diff(places, axis=0)
        assert np.abs(steps).max() <= 2
        assert len({tuple(place) for place in places}) > 3
    moved = np.diff(np.array([_place(frame, singles) for frame in clips[0]]), axis=0)
    assert moved.max() > 0 > moved.min()  # it came back: 60 frames are longer than the room


def _place(frame, singles):
    """Where one of the digits fits the frame exactly."""
    for y in range(9):
        for x in range(9):
            window = frame[y : y + 8, x : x + 8]
            rest = frame.copy()
            rest[y : y + 8, x : x + 8] = 0
            if not rest.any() and (singles == window).all(axis=(1, 2)).any():
                return y, x
    raise AssertionError("no digit fits")


def test_clips_are_a_function_of_seed_and_step(moving):
    def rows(first, count, step=2, seed=5):
        arguments = (tf.constant(step, tf.int64), tf.constant(first, tf.int64), count)
        return moving.rows(*arguments, batch_size=6, seed=seed)["x"].numpy()

    whole = rows(0, 6)
    assert whole.shape == (6, 30, 14, 14, 1)
    assert whole.min() == -1
    assert whole.max() <= 1
    np.testing.assert_array_equal(rows(2, 3), whole[2:5])
    assert (rows(0, 6, step=3) != whole).any()
    assert (rows(0, 6, seed=6) != whole).any()


def test_two_replicas_share_a_batch_of_clips(moving, two_replicas):
    together = next(iter(training_batches(moving, batch_size=4, seed=1)))
    shared = next(iter(training_batches(moving, batch_size=4, seed=1, strategy=two_replicas)))
    parts = two_replicas.experimental_local_results(shared["x"])
    np.testing.assert_array_equal(np.concatenate(parts), together["x"])


def test_the_description_of_clips(moving):
    spec = moving.spec
    assert (spec.kind, spec.shape, spec.examples) == ("video", (30, 14, 14, 1), None)
    clips, labels = moving.held_out_examples(3)
    assert labels is None
    assert (moving.training_examples(3)[0] != clips).any()
    np.testing.assert_array_equal(spec.to_user_units(spec.to_model_units(clips)), clips)
    assert DataSpec.from_dict(spec.as_dict()) == spec
    with pytest.raises(ValueError, match="must be \\(frames, height, width, channels\\)"):
        DataSpec(name="x", kind="video", shape=(3, 8, 8), examples=1, held_out=1)


@pytest.fixture
def folder(tmp_path):
    """Five clips of twelve grey frames, whose level is clip and frame number."""
    for clip in range(5):
        (tmp_path / f"clip{clip}").mkdir()
        for frame in range(12):
            picture = PIL.Image.fromarray(np.full((8, 10), 20 * clip + frame, np.uint8))
            picture.save(tmp_path / f"clip{clip}" / f"{frame}.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("not a clip")
    return tmp_path


def test_clips_from_folders(folder):
    source = SOURCES["video"](path=str(folder), frames=11, held_out=0.4)
    assert source.spec.shape == (11, 8, 10, 1)
    assert (len(source.train), len(source.held_out), source.spec.examples) == (3, 2, 3)
    clips = np.concatenate([source.train, source.held_out])[:, :, 0, 0, 0]
    expected = 20 * np.arange(5)[:, None] + np.arange(11)  # frame 10 comes after frame 9
    np.testing.assert_array_equal(clips[np.argsort(clips[:, 0])], expected)
    again = SOURCES["video"](path=str(folder), frames=11, held_out=0.4)
    np.testing.assert_array_equal(again.train, source.train)
    assert SOURCES["video"](path=str(folder), size=8).spec.shape == (12, 8, 8, 1)


def test_colours_stay(folder):
    PIL.Image.new("RGB", (10, 8), (255, 0, 0)).save(folder / "clip0" / "0.png")
    assert SOURCES["video"](path=str(folder)).spec.shape == (12, 8, 10, 3)


def test_clips_from_an_archive(tmp_path):
    clips = np.random.default_rng(0).integers(0, 256, (10, 5, 8, 8), np.uint8)
    np.savez(tmp_path / "grey.npz", clips=clips, other=np.zeros(3))
    source = SOURCES["video"](path=str(tmp_path / "grey.npz"), frames=4)
    assert source.spec.shape == (4, 8, 8, 1)
    assert len(source.held_out) == 1
    batch = source.rows(tf.constant(0, tf.int64), tf.constant(0, tf.int64), 3, batch_size=3, seed=0)
    assert batch["x"].shape == (3, 4, 8, 8, 1)
    np.savez(tmp_path / "colour.npz", np.repeat(clips[..., None], 3, axis=-1))
    assert SOURCES["video"](path=str(tmp_path / "colour.npz")).spec.shape == (5, 8, 8, 3)


def test_mistakes_in_files_are_sentences(folder, tmp_path):
    def refused(match, **options):
        with pytest.raises(ValueError, match=match):
            SOURCES["video"](**options)

    refused("and exist. Received: path=none", path="none")
    refused("Received: frames=13, and 12 in", path=str(folder), frames=13)
    refused("at least 2 frames. Received: 1", path=str(folder), frames=1)
    refused("folder of frames for every clip", path=str(folder / "empty"))
    PIL.Image.new("L", (9, 8)).save(folder / "clip2" / "3.png")
    refused("`size` must be given", path=str(folder))
    (folder / "clip2" / "3.png").write_bytes(b"no picture")
    refused("whole pictures only", path=str(folder))
    np.savez(tmp_path / "float.npz", clips=np.zeros((9, 3, 8, 8, 1)))
    refused("dtype=float64", path=str(tmp_path / "float.npz"))
    np.savez(tmp_path / "two.npz", a=np.zeros(1), b=np.zeros(1))
    refused("hold its clips as `clips`", path=str(tmp_path / "two.npz"))
    np.savez(tmp_path / "few.npz", clips=np.zeros((3, 3, 8, 8, 1), np.uint8))
    np.savez(tmp_path / "same.npz", clips=np.zeros((10, 3, 8, 8, 1), np.uint8))
    refused("The clips must differ. Received: 10 times the same clip", path=tmp_path / "same.npz")
    small = np.random.default_rng(0).integers(0, 256, (10, 3, 4, 9, 1), np.uint8)
    np.savez(tmp_path / "small.npz", clips=small)
    refused("Frames must be at least 8 x 8 pixels. Received: 9 x 4", path=tmp_path / "small.npz")
    refused("at least 4 clips", path=str(tmp_path / "few.npz"))
    refused("frames=4 for clips of 3", path=str(tmp_path / "few.npz"), frames=4)
    (tmp_path / "broken.npz").write_bytes(b"PK")
    refused("must be a .npz", path=str(tmp_path / "broken.npz"))


def test_a_frame_that_claims_to_be_huge_is_refused_from_its_header(folder):
    PIL.Image.new("1", (5000, 5000)).save(folder / "clip1" / "0.png")
    with pytest.raises(ValueError, match="5000 x 5000 pixels, more than 16,777,216"):
        SOURCES["video"](path=str(folder))
    # So many that Pillow itself, too, would raise: an error of its own kind.
    (folder / "clip1" / "0.png").write_bytes(bomb(20_000))
    with pytest.raises(ValueError, match="20000 x 20000 pixels, more than 16,777,216"):
        SOURCES["video"](path=str(folder))


def test_frames_are_read_like_other_images(folder):
    """What is transparent is white, 16 bits are scaled, and nothing starts another program."""
    clear = PIL.Image.new("RGBA", (10, 8), (9, 9, 9, 0))
    deep = PIL.Image.fromarray(np.full((8, 10), 40 * 257, np.uint16))
    clear.save(folder / "clip0" / "0.png")
    deep.save(folder / "clip0" / "1.png")
    source = SOURCES["video"](path=str(folder), frames=2)
    clips = np.concatenate([source.train, source.held_out])[:, :, 0, 0, 0]
    assert [255, 40] in clips.tolist()
    picture = encoded(PIL.Image.new("RGB", (10, 8)), "EPS")
    (folder / "clip0" / "0.png").write_bytes(picture)
    with pytest.raises(ValueError, match="but it is none of PNG, JPEG"):
        SOURCES["video"](path=str(folder))


@pytest.fixture
def counted(tmp_path):
    """Ten clips of six frames, whose level is ten times the clip and the frame."""
    levels = 10 * np.arange(10)[:, None] + np.arange(6)
    clips = np.broadcast_to(levels[..., None, None].astype(np.uint8), (10, 6, 8, 9))
    np.savez(tmp_path / "clips.npz", clips=clips)
    return SOURCES["video"](path=str(tmp_path / "clips.npz"), past=3, held_out=0.3)


def levels(values, spec):
    """Of pixels that are all the same in a channel: int `(n, channels)`."""
    values = np.asarray(spec.to_user_units(values)).astype(int)
    assert (values == values[:, :1, :1]).all()
    return values[:, 0, 0]


def test_frames_come_after_those_before_them(counted):
    spec = counted.spec
    assert (spec.kind, spec.shape, spec.conditions) == ("image", (8, 9, 1), {"frames": (8, 9, 3)})
    assert (spec.examples, spec.held_out) == (7 * 3, 3 * 3)
    assert DataSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec
    batches = training_batches(counted, batch_size=7, seed=1)
    assert batches.element_spec["frames"].shape == (7, 8, 9, 3)
    epoch = list(batches.take(3))
    x = np.concatenate([levels(each["x"], spec) for each in epoch])
    past = np.concatenate([levels(each["frames"], spec) for each in epoch])
    np.testing.assert_array_equal(past, np.add(x, BEFORE))  # the oldest first, of the same clip
    assert sorted(x[:, 0] % 10) == [3] * 7 + [4] * 7 + [5] * 7
    clips = set(x[:, 0] // 10)
    assert len(clips) == 7
    assert len(set(x[:, 0])) == spec.examples
    second = [levels(each["x"], spec) for each in batches.skip(3).take(3)]
    assert (np.concatenate(second) != x).any()
    resumed = training_batches(counted, batch_size=7, seed=1, start_step=1).take(2)
    for later, first in zip(resumed, epoch[1:], strict=True):
        np.testing.assert_array_equal(later["frames"], first["frames"])


def test_views_of_frames_hold_no_clip_of_both_parts(counted):
    spec, found = counted.spec, []
    for examples, observations in (
        (counted.training_examples, counted.training_observations),
        (counted.held_out_examples, counted.held_out_observations),
    ):
        x, labels = examples()
        assert (labels, x.dtype) == (None, np.uint8)
        past = observations()["frames"]
        np.testing.assert_array_equal(levels(past, spec), np.add(x[:, 0, 0], BEFORE))
        few, few_past = examples(2)[0], observations(2)["frames"]
        np.testing.assert_array_equal(few, x[:2])
        np.testing.assert_array_equal(few_past, past[:2])
        found.append({int(level) // 10 for level in x[:, 0, 0, 0]})
        assert len(np.unique(x[: len(found[-1]), 0, 0, 0] // 10)) == len(found[-1])
    assert not found[0] & found[1]
    assert sorted(found[0] | found[1]) == list(range(10))


def test_a_frame_needs_as_many_before_it(tmp_path):
    with pytest.raises(ValueError, match=r"`past` must be less than the 3 frames .* past=3"):
        SOURCES["moving_digits"](frames=3, past=3)


def test_frames_of_drawn_clips(two_replicas):
    whole = SOURCES["moving_digits"](frames=6, size=12, past=2)
    spec = whole.spec
    assert (spec.kind, spec.shape, spec.examples) == ("image", (12, 12, 1), None)
    assert spec.conditions == {"frames": (12, 12, 2)}
    step = tf.constant(4, tf.int64)

    def rows(first, count, seed=3):
        return whole.rows(step, tf.constant(first, tf.int64), count, batch_size=8, seed=seed)

    together = rows(0, 8)
    for name, values in rows(2, 3).items():
        np.testing.assert_array_equal(values, together[name][2:5])
    assert (rows(0, 8, seed=4)["frames"] != together["frames"]).numpy().any()
    clips = SOURCES["moving_digits"](frames=6, size=12)
    seen = clips.rows(step, tf.constant(0, tf.int64), 8, batch_size=8, seed=3)["x"].numpy()
    places = set()
    for row in range(8):
        both = np.concatenate([together["frames"][row], together["x"][row]], axis=-1)
        windows = [np.moveaxis(seen[row, t - 2 : t + 1, ..., 0], 0, -1) for t in range(2, 6)]
        (place,) = [t for t, window in enumerate(windows) if (window == both).all()][:1]
        places.add(place)
    assert len(places) > 1
    shared = next(iter(training_batches(whole, batch_size=4, seed=1, strategy=two_replicas)))
    alone = next(iter(training_batches(whole, batch_size=4, seed=1)))
    for name, values in shared.items():
        parts = two_replicas.experimental_local_results(values)
        np.testing.assert_array_equal(np.concatenate(parts), alone[name])
    x, past = whole.held_out_examples(5)[0], whole.held_out_observations(5)["frames"]
    clip = clips.held_out_examples(5)[0]
    np.testing.assert_array_equal(x, clip[:, 2])
    before = spec.to_model_units(np.moveaxis(clip[:, :2, ..., 0], 1, -1))
    np.testing.assert_array_equal(past, before)
