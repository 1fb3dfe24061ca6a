"""Signatures as functions: what they give, and what they refuse with which words."""

import io
import itertools
import json
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from servable_case import answer, ask
from version_case import SIZE, write_serving

from ganapp.export.server.batching import Batching
from ganapp.export.server.errors import DeadlineExceeded, InvalidArgument, Overloaded
from ganapp.export.server.servable import Servable
from ganapp.export.server.spec import SERVING, BrokenVersion

DRAW = {"count": np.array(5), "seed": np.array(3)}


@pytest.fixture
def digits(version_folders):
    return version_folders / "digits" / "1"


def test_signatures_agree_with_each_other(digits):
    sampled, pictures = ask(digits, ("sample", DRAW), ("sample_png", DRAW))
    assert sampled["samples"].dtype == np.uint8
    assert sampled["latents"].shape == (5, SIZE)
    generated = answer(digits, "serving_default", {"z": sampled["latents"]})["image"]
    levels = np.clip(np.round((generated + 1) * 127.5), 0, 255)
    np.testing.assert_array_equal(levels, sampled["samples"])
    for content, image in zip(pictures["image_bytes"], sampled["samples"], strict=True):
        picture = Image.open(io.BytesIO(content))
        assert (picture.format, picture.mode) == ("PNG", "L")
        np.testing.assert_array_equal(np.array(picture), image[..., 0])


def test_answers_do_not_depend_on_the_company(digits):
    """Requests of one row, of many, and larger than a batch: the bits of the generator alone."""
    z = np.random.default_rng(0).normal(size=(70, SIZE)).astype(np.float32)
    (alone,) = ask(digits, ("serving_default", {"z": z}), batching=Batching(max_batch_size=128))
    cuts = [0, 1, 2, 5, 40, 41, 70]
    parts = [z[start:stop] for start, stop in itertools.pairwise(cuts)]
    together = ask(
        digits,
        *(("serving_default", {"z": part}) for part in parts),
        batching=Batching(max_batch_size=8),
    )
    found = np.concatenate([each["image"] for each in together])
    np.testing.assert_array_equal(found, alone["image"])


def test_class_and_truncation_and_their_defaults(digits):
    plain, explicit, odd, likeliest = ask(
        digits,
        ("sample", DRAW),
        ("sample", DRAW | {"class": np.array(-1), "truncation": np.array(1.0)}),
        ("sample", DRAW | {"class": np.array(1)}),
        ("sample", DRAW | {"truncation": np.array(0)}),
    )
    np.testing.assert_array_equal(plain["samples"], explicit["samples"])
    np.testing.assert_array_equal(odd["latents"][:, -1], np.ones(5))
    np.testing.assert_array_equal(likeliest["latents"][:, :-2], np.zeros((5, SIZE - 2)))


def test_vectors_come_in_the_users_units(version_folders):
    of = [answer(version_folders / name / "1", "sample", DRAW) for name in ("points", "table")]
    assert of[0]["samples"].dtype == np.float32
    np.testing.assert_allclose(of[0]["samples"], of[1]["samples"], rtol=1e-6)
    with pytest.raises(InvalidArgument, match='"sample_png" not found in signature def'):
        answer(version_folders / "points" / "1", "sample_png", DRAW)


@pytest.mark.parametrize(
    ("signature", "inputs", "complaint"),
    [
        ("generate", {}, 'Serving signature name: "generate" not found in signature def'),
        ("serving_default", {}, r"0!=1 len\({}\) != len\({z}\).*Missing but required: {z}."),
        ("sample", DRAW | {"noise": np.array(1)}, r"Sent extra: {noise}. Missing but required: {}"),
        (
            "serving_default",
            {"z": np.zeros((2, 4))},
            r"`z` must have the shape \[-1, 5\].*\[2, 4\]",
        ),
        ("serving_default", {"z": np.zeros(5)}, r"`z` must have the shape \[-1, 5\].* \[5\]"),
        ("serving_default", {"z": np.zeros((0, 5))}, r"Received: \[0, 5\]"),
        ("serving_default", {"z": np.array([["a"] * 5])}, "`z` must be DT_FLOAT.*dtype=str"),
        ("serving_default", {"z": np.zeros((1, 5), bool)}, "`z` must be DT_FLOAT.*dtype=bool"),
        ("serving_default", {"z": np.full((1, 5), np.nan)}, "`z` must hold finite"),
        ("serving_default", {"z": np.full((1, 5), 1e300)}, "`z` must hold finite"),
        ("serving_default", {"z": np.zeros((41, 5))}, "`z` must have at most 40 rows.*41"),
        ("sample", DRAW | {"count": np.array([5])}, r"`count` must have the shape \[\].* \[1\]"),
        ("sample", DRAW | {"count": np.array(0)}, "`count` must be 1 to 40. Received: count=0"),
        ("sample", DRAW | {"count": np.array(41)}, "`count` must be 1 to 40"),
        ("sample", DRAW | {"count": np.array(2.5)}, "`count` must be DT_INT32.*float64"),
        ("sample", DRAW | {"seed": np.array(2**31)}, "`seed` must be DT_INT32, -2147483648 to"),
        ("sample", DRAW | {"class": np.array(2)}, "`class` must be -1 to 1. Received: class=2"),
        ("sample", DRAW | {"truncation": np.array(1.5)}, "`truncation` must be 0 to 1"),
    ],
)
def test_what_is_wrong_is_named(digits, signature, inputs, complaint):
    with pytest.raises(InvalidArgument, match=complaint) as caught:
        answer(digits, signature, inputs, samples_limit=40)
    assert caught.value.status == 400


def test_deadlines_hold_for_every_step(digits):
    past = time.monotonic() - 1
    for request in (("sample", DRAW, past), ("serving_default", {"z": np.zeros((1, 5))}, past)):
        with pytest.raises(DeadlineExceeded):
            answer(digits, *request)


def test_too_many_at_once_are_refused_and_the_others_answered(digits):
    many = [("sample", {"count": np.array(4), "seed": np.array(seed)}) for seed in range(40)]
    found = ask(digits, *many, batching=Batching(max_batch_size=4, max_enqueued_batches=5))
    refused = [each for each in found if isinstance(each, Overloaded)]
    answered = [each for each in found if isinstance(each, dict)]
    assert len(refused) + len(answered) == 40
    assert len(answered) >= 5
    assert refused


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: d["output"].update(shape=[6, 7, 1]), r"`image` must be float32 of the shape"),
        (
            lambda d: d["latent"].update(truncates=False),
            r"must have the inputs \['class', 'noise'\]",
        ),
        (lambda d: d["latent"].update(noise_size=9), "could not run the model"),
        (lambda d: d.update(units={"levels": False}), "`units` must be levels"),
        (lambda d: d["signatures"].pop("serving_default"), "must have serving_default"),
        (lambda d: d["signatures"]["sample"]["inputs"].pop("seed"), "must give sample the inputs"),
        (
            lambda d: d["artefacts"].update(litert="assets.extra/latents.tflite"),
            "not z and one output",
        ),
        (lambda d: d["artefacts"].update(litert=SERVING), r"must be \('.tflite'"),
    ],
)
def test_a_version_that_is_not_what_it_says_is_refused_at_once(
    version_folders, tmp_path, change, complaint
):
    folder = shutil.copytree(version_folders / "digits" / "2", tmp_path / "2")
    document = json.loads((folder / SERVING).read_text())
    change(document)
    write_serving(folder, document)
    with pytest.raises(BrokenVersion, match=complaint):
        Servable.open(folder, engine="litert")


def test_a_later_exports_signatures_are_not_offered(version_folders, tmp_path):
    folder = shutil.copytree(version_folders / "digits" / "2", tmp_path / "2")
    document = json.loads((folder / SERVING).read_text())
    document["signatures"]["invert"] = document["signatures"]["serving_default"]
    write_serving(folder, document)
    servable = Servable.open(folder, engine="litert")
    assert set(servable.signatures) == {"serving_default", "sample", "sample_png"}
    servable.abandon()
