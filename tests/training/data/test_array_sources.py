"""`npz` and `npy`: images and vectors as people save them, and what of it is refused."""

import logging
import zipfile

import numpy as np
import pytest

from ganapp.training.data import arrays, training_batches
from ganapp.training.data.arrays import npy, npz

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 9, 11), dtype=np.uint8)
LABELS = np.arange(40) % 4
VECTORS = np.random.default_rng(1).normal(3.0, 5.0, (50, 3))


@pytest.fixture
def cache(tmp_path):
    return str(tmp_path / "cache")


@pytest.fixture
def from_npz(tmp_path, cache):
    """Calls `npz` on a file with these arrays."""

    def make(options=None, save=np.savez_compressed, **content):
        save(tmp_path / "x.npz", **content)
        return npz(path=tmp_path / "x.npz", cache_dir=cache, **(options or {}))

    return make


@pytest.fixture
def from_npy(tmp_path, cache):
    """Calls `npy` on a file with this array."""

    def make(content, labels=None, **options):
        np.save(tmp_path / "x.npy", content)
        if labels is not None:
            np.save(tmp_path / "labels.npy", labels)
            options["labels_path"] = tmp_path / "labels.npy"
        return npy(path=tmp_path / "x.npy", cache_dir=cache, **options)

    return make


def by_example(source):
    """Labels by the bytes of the examples, of both parts."""
    parts = source.training_examples(), source.held_out_examples()
    return {
        x.tobytes(): None if labels is None else int(labels[i])
        for examples, labels in parts
        for i, x in enumerate(examples)
    }


def named(images, labels):
    return {x.tobytes(): int(label) for x, label in zip(images, labels, strict=True)}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_keras_names_say_what_is_held_out(from_npz, save):
    source = from_npz(
        save=save,
        x_train=IMAGES[:30],
        y_train=LABELS[:30, None] + 5,
        x_test=IMAGES[30:],
        y_test=LABELS[30:, None] + 5,
    )
    spec = source.spec
    assert (spec.shape, spec.examples, spec.held_out) == ((9, 11, 1), 30, 10)
    assert spec.classes == ("5", "6", "7", "8")
    held_out, labels = source.held_out_examples()
    assert named(held_out, labels) == named(IMAGES[30:], LABELS[30:])
    assert by_example(source) == named(IMAGES, LABELS)
    assert not np.array_equal(
        source.training_examples()[0][..., 0], IMAGES[:30]
    )  # no longer sorted


@pytest.mark.parametrize(
    ("names", "labelled"),
    [
        (("x", "y"), True),
        (("images", "labels"), True),
        (("arr_0",), False),
        (("whatever",), False),
        (("samples", "latents"), False),
        (("x_train", "y_train"), True),
        (("train_images", "train_labels"), True),
    ],
)
def test_names_that_people_use(from_npz, names, labelled):
    content = dict(zip(names, (IMAGES, LABELS), strict=False))
    source = from_npz(**content)
    assert (source.spec.examples, source.spec.held_out) == (36, 4)
    expected = named(IMAGES, LABELS) if labelled else {x.tobytes(): None for x in IMAGES}
    assert by_example(source) == expected


def test_names_may_be_given(from_npz):
    options = {"examples_key": "b", "labels_key": "c", "held_out": 0.5}
    source = from_npz(options, a=IMAGES[:12], b=IMAGES, c=LABELS.astype("U"))
    assert source.spec.held_out == 20
    assert source.spec.classes == ("0", "1", "2", "3")
    assert by_example(source) == named(IMAGES, LABELS)


def test_uint8_images_in_a_npy_are_read_from_where_they_lie(from_npy, tmp_path):
    source = from_npy(IMAGES, LABELS)
    assert not (tmp_path / "cache").exists()
    assert by_example(source) == named(IMAGES, LABELS)
    batch = next(iter(training_batches(source, batch_size=8, seed=0)))
    back = source.spec.to_user_units(batch["x"]).numpy()
    assert named(back, batch["label"]).items() <= named(IMAGES, LABELS).items()


def test_float32_vectors_in_a_npy_are_read_from_where_they_lie(from_npy, tmp_path):
    vectors = VECTORS.astype(np.float32)
    source = from_npy(vectors)
    assert not (tmp_path / "cache").exists()
    train, _ = source.training_examples()
    np.testing.assert_allclose(source.spec.mean, train.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(source.spec.scale, train.std(axis=0), rtol=1e-5)
    assert set(by_example(source)) == {v.tobytes() for v in vectors}


@pytest.mark.parametrize("layout", ["C", "F"])
def test_other_vectors_are_converted_once(from_npy, layout, monkeypatch):
    source = from_npy(np.asarray(VECTORS, order=layout))
    assert source.spec.kind == "vector"
    assert set(by_example(source)) == {v.tobytes() for v in VECTORS.astype(np.float32)}
    train, _ = source.training_examples()
    np.testing.assert_allclose(source.spec.mean, train.mean(axis=0), rtol=1e-5)
    x = next(iter(training_batches(source, batch_size=45, seed=0)))["x"].numpy()
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=1e-5)


def test_far_from_zero_the_scale_keeps_its_digits(from_npy):
    far = 1e5 + np.arange(50.0)[:, None] * [1.0, 2.0]
    source = from_npy(far.astype(np.float32))
    train, _ = source.training_examples()
    np.testing.assert_allclose(source.spec.scale, train.astype(float).std(axis=0), rtol=1e-9)


def test_the_cache_is_used(from_npz, monkeypatch):
    first = by_example(from_npz(x=VECTORS))
    content = {"x": VECTORS}
    monkeypatch.setattr(arrays, "_write_examples", None)
    with pytest.raises(TypeError):
        from_npz(x=VECTORS + 1)
    monkeypatch.undo()
    assert by_example(from_npz(**content)) == first


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("low", [0.0, -1.0])
def test_floating_point_images_get_256_levels(from_npy, kind, low):
    levels = np.resize(np.arange(256, dtype=np.uint8), (20, 9, 11, 3))
    levels[0, 0, 0], levels[-1] = 7, np.arange(297).reshape(9, 11, 3) % 255 + 1
    images = (levels / 255.0 * (1 - low) + low).astype(kind)
    source = from_npy(images)
    assert source.spec.shape == (9, 11, 3)
    assert f"floats from {low:g} to 1, rounded to 256 levels" in source.spec.description
    assert set(by_example(source)) == {x.tobytes() for x in levels}


def test_labels_that_tell_nothing_apart_are_left_out(from_npz, caplog):
    with caplog.at_level(logging.WARNING, "ganapp"):
        source = from_npz(x=IMAGES, y=np.zeros(40, int))
    assert "labels of x.npz are left out: they name a single class" in caplog.text
    assert source.spec.classes == ()
    assert source.training_examples()[1] is None


def test_classes_below_zero_are_not_lost_in_silence(from_npz, caplog):
    with caplog.at_level(logging.WARNING, "ganapp"):
        source = from_npz(x=IMAGES, y=LABELS - 2)
    assert source.spec.classes == ("0", "1")
    assert [each.getMessage() for each in caplog.records] == [
        "20 labels of x.npz are below 0 (-2, -1) and count as unknown; to keep them as classes, "
        "number the classes from 0."
    ]
    caplog.clear()
    with caplog.at_level(logging.WARNING, "ganapp"):
        assert from_npz(x=IMAGES, y=LABELS % 2 * 2 - 1).spec.classes == ("-1", "1")
        assert from_npz(x=IMAGES, y=LABELS).spec.classes == ("0", "1", "2", "3")
    assert not caplog.records


@pytest.mark.parametrize(
    "form",
    [
        np.eye(4)[LABELS],
        np.eye(4, dtype=np.uint8)[LABELS],
        LABELS.astype(np.float32),
        LABELS[:, None].astype(np.float64),
        LABELS > 1,
    ],
)
def test_labels_in_the_forms_that_keras_makes(from_npz, form):
    source = from_npz(x=IMAGES, y=form)
    if form.dtype == bool:
        assert by_example(source) == named(IMAGES, LABELS > 1)
        return
    assert source.spec.classes == ("0", "1", "2", "3")
    assert by_example(source) == named(IMAGES, LABELS)


def test_a_row_of_zeros_has_no_class(from_npz):
    one_hot = np.eye(4)[LABELS]
    one_hot[:4] = 0
    assert by_example(from_npz(x=IMAGES, y=one_hot)) == named(IMAGES, np.r_[[-1] * 4, LABELS[4:]])
    with pytest.raises(
        ValueError, match=r"must have the same form. Received: \(40, 4\) and \(40,\)"
    ):
        from_npz(x_train=IMAGES, y_train=one_hot, x_test=IMAGES, y_test=LABELS)


def random_rows(columns, kind=np.uint8):
    return np.random.default_rng(2).integers(0, 256, (40, columns)).astype(kind)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (random_rows(784), "of 784 bytes look like images of 28 x 28, and are taken for vectors: "),
        (random_rows(3072), "'data.shape=[32,32,3]'` makes them images, `'data.shape=[3,32,32]'`"),
        (
            random_rows(64, np.float64) / 255,
            "Rows of 64 numbers from -1 to 1 look like images of 8",
        ),
        (random_rows(784, np.float32), ""),
        (random_rows(783), ""),
        (random_rows(49), ""),
    ],
)
def test_rows_that_look_like_images_are_told(from_npz, from_npy, rows, said):
    for source in (from_npz(x=rows), from_npy(rows)):
        assert source.spec.kind == "vector"
        assert len(source.notes) == bool(said)
        assert said in " ".join(source.notes)


def test_rows_become_images_of_a_shape(from_npz, from_npy):
    rows = random_rows(9 * 11 * 3)
    images = rows.reshape(-1, 9, 11, 3)
    for make in (lambda **options: from_npz(options, x=rows), lambda **o: from_npy(rows, **o)):
        assert set(by_example(make(shape=(9, 11, 3)))) == {x.tobytes() for x in images}
        planes = {
            np.ascontiguousarray(x.reshape(3, 9, 11).transpose(1, 2, 0)).tobytes() for x in rows
        }
        assert set(by_example(make(shape=(3, 9, 11)))) == planes
        with pytest.raises(ValueError, match=r"shape=\[9, 11\], which are 99, and rows of 297"):
            make(shape=(9, 11))


def test_constant_columns_of_flat_images_are_told_for_what_they_are(from_npz):
    rows = random_rows(784)
    rows[:, :28] = 0
    with pytest.raises(ValueError, match=r"constant columns 0, .* look like images of 28 x 28"):
        from_npz(x=rows)


def test_a_part_of_the_range(from_npz, from_npy):
    deep = (IMAGES.astype(int) * 4095 // 255).astype(np.uint16)
    source = from_npz({"bits": 12}, x=deep)
    assert set(by_example(source)) == {
        x.tobytes() for x in np.round(deep * 255.0 / 4095).astype("u1")
    }
    assert "values of 12 bits as 256 levels" in source.spec.description
    with pytest.raises(ValueError, match=r"`--set data.bits=12` says that values are from 0 to"):
        from_npz(x=deep)
    with pytest.raises(ValueError, match=r"8 bits are 0 to 255. Received: from 0 to 4095"):
        from_npz({"bits": 8}, x=deep)
    (note,) = from_npy(IMAGES // 16).notes
    assert "the values 0 to 15 of 255 alone, which leaves 16 of 256 levels" in note
    assert by_example(from_npy(IMAGES // 16, bits=4)).keys() == {
        x.tobytes() for x in IMAGES // 16 * 17
    }
    assert from_npy(IMAGES).notes == ()


def bad_array(**changes):
    array = VECTORS.copy()
    for place, value in changes.items():
        array[int(place[1:]), 1] = value
    return array


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((20, 3, 16, 16)), r"must be the last axis: transpose it .*\(n, 3, 16, 16\)"),
        (np.zeros((20, 2, 9, 9, 3)), r"must hold images \(n, height, width\) or"),
        (np.zeros(20), r"must hold images"),
        (np.zeros((20, 0)), r"must hold images"),
        (np.float64(3), r"must hold images"),
        (np.zeros((0, 9, 9)), r"at least 10 examples in x.npy. Received: 0"),
        (np.zeros((0, 3), np.float32), r"at least 10 examples in x.npy. Received: 0"),
        (np.zeros((20, 7, 9)), r"at least 8 x 8 pixels. Received: 9 x 7"),
        (
            IMAGES * 1.0,
            r"x.npy must be uint8 from 0 to 255, or floats .* dtype=float64, from 0 to 255",
        ),
        (IMAGES.astype(int), r"must be uint8 .* Received: dtype=int64, from 0 to 255"),
        (
            np.where(IMAGES == 3, np.nan, 0.5),
            r"finite numbers. Received: NaN or infinity in example",
        ),
        (np.repeat(IMAGES[:1], 20, 0), r"must differ. Received: 20 times the same image"),
        (IMAGES[:10], r"at least 10 training examples. Received: 9"),
        (bad_array(r7=np.inf), r"NaN or infinity in example 7 "),
        (bad_array(r9=1e300), r"NaN or infinity in example 9 "),
        (bad_array(r4=np.nan).astype(np.float32), r"NaN or infinity in example 4 "),
        (VECTORS * [1, 0, 1], r"constant columns 1 \(counted from 0\)"),
        (np.zeros((20, 9), np.float32), r"constant columns 0, 1, 2, 3, 4 and 4 more"),
        (VECTORS.astype("U8"), r"must hold numbers. Received: dtype=<U8"),
        (VECTORS + 1j, r"must hold numbers. Received: dtype=complex128"),
        (VECTORS > 0, r"must hold numbers. Received: dtype=bool"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(from_npy, tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        from_npy(content)
    assert list((tmp_path / "cache").rglob("*.npy")) == []


def test_pickles_are_never_loaded(tmp_path, from_npz):
    objects = np.array([{}, []], dtype=object)
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    with pytest.raises(ValueError, match=r"objects.npy must hold .* without Python objects"):
        npy(path=tmp_path / "objects.npy")
    with pytest.raises(ValueError, match=r"'x' of x.npz must hold .* without Python objects"):
        from_npz(x=objects)


def test_damaged_files_are_told(tmp_path, from_npz, from_npy, cache):
    from_npy(IMAGES)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"x.npy must hold an array"):
        npy(path=tmp_path / "x.npy")
    from_npz(x=IMAGES, save=np.savez)
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[1000] ^= 255
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"x.npz is damaged: Bad CRC-32"):
        npz(path=tmp_path / "x.npz", cache_dir=cache)
    with pytest.raises(ValueError, match=r"`path` must be a .npz file. Received: path="):
        npz(path=tmp_path / "x.npy")
    (tmp_path / "y.npy").write_bytes(b"")
    with pytest.raises(ValueError, match=r"y.npy must hold an array"):
        npy(path=tmp_path / "y.npy")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": IMAGES, "b": LABELS}, r"`examples_key` must name .* one of: a, b. Received: none"),
        ({"x": IMAGES, "y": LABELS[:-1]}, r"one for each of 40 examples. Received: shape=\(39,\)"),
        ({"x": IMAGES, "y": np.eye(4)[LABELS] * 2}, r"Received: shape=\(40, 4\), dtype=float64"),
        ({"x": IMAGES, "y": LABELS / 2}, r"whole numbers or text, .* dtype=float64"),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES},
            r"Both or none of the training and held-out examples of x.npz must have labels",
        ),
        ({"x_train": IMAGES, "x_test": IMAGES[:, 1:]}, r"same shape. .* \(8, 11\) and \(9, 11\)"),
    ],
)
def test_arrays_that_do_not_belong_together(from_npz, content, message):
    with pytest.raises(ValueError, match=message):
        from_npz(**content)


def test_names_within_names(from_npz):
    source = from_npz({"examples_key": "data/x.y"}, **{"data/x.y": IMAGES, "b": LABELS})
    assert set(by_example(source)) == {x.tobytes() for x in IMAGES}


def test_names_that_are_not_there(from_npz):
    for option in ("examples_key", "labels_key"):
        with pytest.raises(ValueError, match=rf"`{option}` must be one of .*: x. .*{option}='z'"):
            from_npz({option: "z"}, x=IMAGES)


def test_an_archive_without_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.txt", "")
    with pytest.raises(ValueError, match=r"one of: none, for it holds no arrays"):
        npz(path=tmp_path / "x.npz")
