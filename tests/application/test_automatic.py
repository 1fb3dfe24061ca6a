"""Configurations for data that nobody has written one for."""

import numpy as np
import pandas as pd
import pytest

from ganapp.commands.train import automatic, image_channels, image_penalty
from ganapp.config.loading import validated
from ganapp.training.data.spec import DataSpec
from ganapp.training.data.tables.sources import table_source


def spec(kind="image", shape=(32, 32, 3), examples=50_000, classes=()):
    width = shape[0] if kind == "vector" else 0
    return DataSpec(
        name="digits",
        kind=kind,
        shape=shape,
        examples=examples,
        held_out=10,
        classes=classes,
        mean=(0.0,) * width,
        scale=(1.0,) * width,
    )


@pytest.mark.parametrize(
    ("side", "channels"),
    [
        (8, [32]),
        (9, [32]),
        (28, [32, 64, 128]),
        (32, [32, 64, 128]),
        (64, [16, 32, 64, 128]),
        (128, [8, 16, 32, 64, 128]),
        (256, [8, 16, 32, 64, 128, 192]),
    ],
)
def test_maps_are_halved_to_four_pixels(side, channels):
    assert image_channels(side, side) == channels


def test_frames_of_clips_are_channels_and_keep_them():
    assert image_channels(64, 64, lean=False) == [32, 64, 128, 192]
    tables, reasons = automatic(spec("video", (5, 64, 64, 3), 400))
    assert tables["discriminator"]["channels"] == [32, 64, 128, 192]
    assert "few at the finest" not in reasons[0]


def test_larger_images_are_learnt_in_small_batches():
    tables, reasons = automatic(spec(shape=(64, 64, 3)))
    assert "few at the finest" in reasons[0]
    assert any(reason.startswith("batches: of 16") for reason in reasons)
    training = tables["training"]
    assert (training["batch_size"], training["ema_half_life"]) == (16, 8000.0)
    assert training["epochs"] * training["steps_per_epoch"] == 12_000
    assert automatic(spec(shape=(32, 32, 3)))[0]["training"]["batch_size"] == 64


def test_penalties_grow_with_the_side():
    assert image_penalty(28 * 28) == (2.0, 0.5)
    assert image_penalty(56 * 56) == (4.0, 1.0)
    assert image_penalty(32 * 32, augmented=True) == (0.2, 0.05)


def test_few_images_are_augmented_and_penalised_less():
    for examples, weight, augmented in ((9_999, 0.2, True), (10_000, 2.3, False)):
        objective = automatic(spec(shape=(32, 32, 3), examples=examples))[0]["objective"]
        assert objective["terms"]["r1"]["weight"]["start"] == weight
        assert ("diff_augment" in objective.get("augmentations", {})) == augmented


SPECS = [spec(), spec(shape=(8, 12, 1), examples=300), spec("vector", (7,), 90)]


@pytest.mark.parametrize("given", [*SPECS, spec("vector", (2,), None)])
def test_every_choice_is_a_valid_configuration(given):
    tables, reasons = automatic(given)
    config = validated({"data": {"source": "digits"}, **tables}, "automatic")
    assert config.objective.name in {"relativistic", "non_saturating"}
    assert len(reasons) >= 2
    if given.examples is not None:
        assert config.training.batch_size <= given.examples


def test_choices_for_vectors_are_explained():
    tables, reasons = automatic(spec("vector", (20,), 900))
    said = [reason.partition(":")[0] for reason in reasons]
    assert said == ["networks", "prior", "objective", "penalties", "length"]
    assert "normal with 20 dimensions" in reasons[1]
    assert tables["generator"]["prior"]["size"] == 20
    assert "R1 and R2 from 0.2 to 0.002" in reasons[3]


def test_a_table_is_told_what_its_label_may_be():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=60), "city of": ["a", "b"] * 30})
    of = {label: table_source(frame, name="csv", label=label) for label in ("", "city of")}
    _, reasons = automatic(of[""].spec)
    (hint,) = (reason for reason in reasons if reason.startswith("label: none"))
    assert """`--set 'data.label="city of"'`""" in hint
    _, reasons = automatic(of["city of"].spec, of["city of"].train_labels)
    assert not any("label: none" in reason for reason in reasons)


def test_few_images_are_augmented():
    few, reasons = automatic(spec(examples=2000))
    assert few["objective"]["augmentations"] == {"diff_augment": {}}
    assert any("2,000 images are few" in reason for reason in reasons)
    many, reasons = automatic(spec())
    assert "augmentations" not in many["objective"]
    assert not any("augment" in reason for reason in reasons)


@pytest.mark.parametrize(("count", "condition"), [(3, "concatenation"), (40, "embedding")])
def test_networks_are_told_the_classes(count, condition):
    labels = np.append(np.arange(count).repeat(20), -1)  # one image is of an unknown class
    given = spec(examples=len(labels), classes=tuple(map(str, range(count))))
    tables, reasons = automatic(given, labels)
    config = validated({"data": {"source": "digits"}, **tables}, "automatic")
    assert config.generator.condition == condition
    assert config.discriminator.condition == "projection"
    assert config.evaluation.features.name == "classifier"
    assert any(f"which of {count} to make" in reason for reason in reasons)


def test_classes_with_few_images_are_not_told():
    labels = np.array([0] * 19 + [1] * 100)
    tables, reasons = automatic(spec(examples=119, classes=("a", "b")), labels)
    assert "condition" not in tables["generator"]
    assert "condition" not in tables["discriminator"]
    assert any("one has 19 training examples" in reason for reason in reasons)


def test_clips_are_made_whole_and_not_augmented():
    tables, reasons = automatic(spec("video", (5, 16, 12, 1), 400))
    assert tables["discriminator"]["network"] == "dcgan"
    assert "augmentations" not in tables["objective"]
    assert any("16 x 12 pixels and 5 frames, made together" in reason for reason in reasons)
