"""What a run keeps of its data, and gives back bit for bit."""

import json

import numpy as np
import pytest
from table_run_case import people

from ganapp.config.loading import load_config
from ganapp.errors import UserError
from ganapp.runner import experiment as experiments
from ganapp.runner.experiment import read_stored_data, stored_data_of
from ganapp.runs import Run
from ganapp.training.data import SOURCES


def kept(config, source, folder):
    """What is stored, and what is read back."""
    run, stored = Run(folder), stored_data_of(config, source)
    stored.write(run)
    run.manifest.write_text(json.dumps({"data": stored.spec.as_dict()}))
    return stored, read_stored_data(run)


@pytest.mark.parametrize("name", ["ring", "digits", "stacked_digits", "moons"])
def test_points_and_images(name, tmp_path):
    stored, found = kept(load_config("ring"), SOURCES[name](), tmp_path)
    assert found.spec == stored.spec
    assert found.class_shares == ()
    assert found.stacked == (name == "stacked_digits")
    assert (found.modes is None) == (name != "ring")
    if name == "ring":
        np.testing.assert_array_equal(found.modes.centres, stored.modes.centres)
        assert found.modes.sigma == 0.01
    if name == "moons":
        np.testing.assert_array_equal(found.real, stored.real)


def test_a_table_with_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "EXAMPLES", 30)
    people().to_csv(tmp_path / "people.csv", index=False)
    source = SOURCES["csv"](path=tmp_path / "people.csv", label="city", components=2)
    config = load_config("wine", ["generator.condition=concatenation"])
    stored, found = kept(config, source, tmp_path)
    assert found.spec == stored.spec
    assert found.class_shares == stored.class_shares
    assert sum(found.class_shares) == pytest.approx(1.0)
    np.testing.assert_array_equal(found.real, source.train[:30])
    before = (tmp_path / "data.npz").read_bytes()
    found.write(Run(tmp_path))
    assert (tmp_path / "data.npz").read_bytes() == before


def test_a_run_that_has_kept_nothing(tmp_path):
    assert read_stored_data(Run(tmp_path)) is None
    (tmp_path / "manifest.json").write_text('{"data": {}}')
    assert read_stored_data(Run(tmp_path)) is None


def test_a_damaged_file_is_named(tmp_path):
    kept(load_config("ring"), SOURCES["ring"](), tmp_path)
    content = (tmp_path / "data.npz").read_bytes()
    for broken in (content[:100], b"", b"no archive"):
        (tmp_path / "data.npz").write_bytes(broken)
        with pytest.raises(UserError, match=r"data\.npz is damaged; delete it"):
            read_stored_data(Run(tmp_path))
    (tmp_path / "data.npz").write_bytes(content)
    (tmp_path / "manifest.json").write_text('{"data": {"shape": [2], "colour": "red"}}')
    with pytest.raises(UserError, match="describes data that this ganapp does not know"):
        read_stored_data(Run(tmp_path))
