"""Configurations for data that nobody has written one for."""

import pytest

from ganapp.loading import validated
from ganapp.runner.automatic import KINDS, automatic, image_channels, image_penalty
from training.data.spec import DataSpec


def spec(kind="image", shape=(32, 32, 3), examples=50_000):
    width = shape[0] if kind == "vector" else 0
    return DataSpec(
        name="digits",
        kind=kind,
        shape=shape,
        examples=examples,
        held_out=10,
        mean=(0.0,) * width,
        scale=(1.0,) * width,
    )


@pytest.mark.parametrize(
    ("side", "channels"),
    [
        (8, [48]),
        (9, [48]),
        (28, [48, 96, 192]),
        (32, [48, 96, 192]),
        (64, [48, 96, 192, 192]),
        (256, [48, 96, 192, 192, 192, 192]),
    ],
)
def test_maps_are_halved_to_four_pixels(side, channels):
    assert image_channels(side, side) == channels


def test_penalties_grow_with_the_side():
    assert image_penalty(64) == (0.5, 0.05)
    assert image_penalty(32 * 32) == (2.0, 0.2)


SPECS = [spec(), spec(shape=(8, 12, 1), examples=300), spec("vector", (7,), 90)]


@pytest.mark.parametrize("given", [*SPECS, spec("vector", (2,), None)])
def test_every_choice_is_a_valid_configuration(given):
    tables, reasons = automatic(given)
    config = validated({"data": {"source": "digits"}, **tables}, "automatic")
    assert config.objective.name == "relativistic"
    assert len(reasons) >= 2
    if given.examples is not None:
        assert config.training.batch_size <= given.examples


def test_few_images_are_augmented():
    few, reasons = automatic(spec(examples=2000))
    assert few["objective"]["stabilisers"] == {"diff_augment": {}}
    assert any("2,000 images are few" in reason for reason in reasons)
    many, reasons = automatic(spec())
    assert "stabilisers" not in many["objective"]
    assert not any("augment" in reason for reason in reasons)


def test_other_kinds_are_refused(monkeypatch):
    monkeypatch.delitem(KINDS, "vector")
    with pytest.raises(ValueError, match="There is no network for data of the kind 'vector'"):
        automatic(spec("vector", (7,), 90))
