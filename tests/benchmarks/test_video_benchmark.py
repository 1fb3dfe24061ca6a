"""The tables of predicted clips: every case is a configuration, and stands beside its own law."""

import pytest

from benchmarks import video
from ganapp.config.loading import load_config
from ganapp.training.evaluation.rollouts import ENERGY, MEAN, PREDICTION


@pytest.mark.parametrize("group", video.GROUPS)
def test_cases_of_a_group_have_the_same_data(group):
    data = [load_config(video.PRESET, settings).data for settings in group.cases.values()]
    assert all(each == data[0] for each in data)


def test_random_bounces_are_judged_by_their_draws():
    mirrors, random = video.GROUPS
    bounces = [
        load_config(video.PRESET, next(iter(group.cases.values()))).data.options["bounce"]
        for group in (mirrors, random)
    ]
    assert bounces == ["mirror", "random"]
    assert random.draws > 1
    names = (PREDICTION, MEAN, *video.REFERENCES)
    values = {name: [float(n), n + 0.25] for n, name in enumerate(names)}
    found = dict.fromkeys(random.cases, dict.fromkeys(random.figures, values))
    text = video.tables(random, found, {case: ["1,000", "9"] for case in random.cases})
    lines = text.split(f"| {ENERGY} |")[1].splitlines()
    assert lines[0] == " parameters | seconds | +1 | +2 |"
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1:] for line in lines[2:10]}
    assert rows["random bounces"] == ["1,000", "9", "0.00", "0.25 |"]
    assert rows["random bounces: mean of its draws"] == ["1,000", "9", "1.00", "1.25 |"]
    assert rows["draw from the law"] == ["-", "-", "5.00", "5.25 |"]
