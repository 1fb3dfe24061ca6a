"""The tables of systems: what is compared has as many parameters; a pyramid counts whole."""

import json

import numpy as np
import pytest

from benchmarks import systems
from ganapp.config.loading import level_configs, load_config
from ganapp.runner.experiment import compose


def count_parameters(config):
    parts = level_configs(config) or [config]
    counts = [
        {name: network.count_params() for name, network in compose(part).networks.items()}
        for part in parts
    ]
    return {name: sum(each[name] for each in counts) for name in counts[0]}


@pytest.mark.parametrize("name", systems.COMPARISONS)
def test_what_is_compared_has_as_many_parameters(name, tmp_path):
    comparison = systems.COMPARISONS[name]
    data = []
    if name.startswith("mnist"):  # in the size of the digits that are handed over
        pixels = np.random.default_rng(0).integers(0, 255, (100, 28, 28), dtype=np.uint8)
        np.savez(tmp_path / "digits.npz", x_train=pixels, y_train=np.arange(100) % 10)
        data = [f"data={{ source = 'npz', path = '{tmp_path / 'digits.npz'}' }}"]
    counts = [
        count_parameters(load_config(comparison.preset, [*data, *settings]))
        for settings in comparison.cases.values()
    ]
    for player in ("generator", "discriminator"):
        sizes = [each[player] for each in counts]
        assert max(sizes) <= 1.02 * min(sizes), player


def test_a_row_is_a_run_and_counts_all_levels(tmp_path, monkeypatch):
    for folder, counts in (("", (9, 9)), ("levels/0", (1000, 20)), ("levels/1", (500, 7))):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        players = dict(zip(("generator", "discriminator"), counts, strict=True))
        (tmp_path / folder / "manifest.json").write_text(json.dumps({"parameters": players}))
    figure = {"value": 0.5, "floor": 0.25, "baseline": 0.75}
    asked = []

    def train(preset, name, settings, *, folder, data):
        asked.append((preset, name, settings, folder, data))
        figures = dict.fromkeys(systems.FIGURES, figure)
        last = {"figures": figures, "counts": {"matched": 300}}
        judged = {"best": None, "last": last, "directory": str(tmp_path)}
        return judged | {"steps": 40, "training_seconds": 3, "processor_seconds": 9}

    monkeypatch.setattr(systems, "train", train)
    comparison = systems.Comparison(preset="some", cases={"a b": ["x=1"], "c": []})
    lines = systems.compare("pair", comparison, ["a b"], 3).splitlines()
    assert asked == [("some", "pair-a-b-seed3", ["x=1", "training.seed=3"], "systems", None)]
    assert lines[2] == "| a b | 1,500 + 27 | 40 | 3 | 9 | 0.5 | 0.5 | 0.5 | 0.5 |"
    assert lines[3].startswith("| 300 held-out ones (floor) | ")
    assert "0.25" in lines[3]
    assert "0.75" in lines[4]
