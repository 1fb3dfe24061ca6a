"""The benchmark of the input pipelines: no source is left out, and what trains on each is valid."""

import pytest

from benchmarks import pipeline
from ganapp.training.data import SOURCES


def test_every_source_is_measured():
    assert {name.partition(",")[0] for name in pipeline.CASES} == set(SOURCES)


@pytest.mark.parametrize("name", pipeline.DRAWN)
def test_a_configuration_is_made_where_there_is_no_preset(name, tmp_path):
    preset, make = pipeline.CASES[name]
    config = pipeline.configuration(preset, make(tmp_path))
    assert (config.data.source, config.generator.network) == (name, "mlp")


def test_clips_have_no_training_to_compare_with(monkeypatch):
    monkeypatch.setattr(pipeline, "SIDE", 8)
    row = pipeline.measured("video", 0.01)
    assert row[:3] == ["video", "10 x 8 x 8 x 1", "-"]
    assert float(row[3].replace(",", "")) > 0
    assert row[4:] == ["-", "-"]
