"""What TensorBoard reads back."""

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from callback_case import StandIn
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganapp.training.callbacks.tensorboard import Board, TensorBoardLog, tag_of, truncate_events

SCALARS = {
    "losses/discriminator",
    "losses/generator",
    "scores/real",
    "scores/fake",
    "scores/gap",
    "scores/real_std",
    "scores/fake_std",
    "probabilities/D(x)",
    "probabilities/D(G(z))",
    "gradients/generator_norm",
    "gradients/discriminator_norm",
    "learning_rates/generator",
    "learning_rates/discriminator",
    "penalties/r1",
    "penalty_weights/r1",
    "throughput/examples_per_second",
}


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [(event.step, tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


def steps(points):
    return [step for step, _ in points]


def log(folder, every=2, **options):
    clock = iter(range(100))
    options = {"examples_per_step": 10, "configuration": "seed = 3"} | options
    return TensorBoardLog(Board(folder), every, clock=lambda: next(clock), **options)


def test_tags_and_values(tmp_path):
    StandIn().train(5, [log(tmp_path, last=5)])
    points = read(tmp_path)
    assert set(points) == {*SCALARS, "configuration"}
    assert steps(points["losses/generator"]) == [2, 4, 5]
    values = [float(value) for _, value in points["losses/generator"]]
    assert values == [np.float32(np.sin(step + 1)) for step in (2, 4, 5)]
    speeds = [float(value) for _, value in points["throughput/examples_per_second"]]
    assert speeds == [20.0, 20.0, 10.0]  # the clock goes one second from point to point
    assert points["configuration"][0][1].item() == b"```toml\nseed = 3\n```"


def test_several_fits_write_one_configuration(tmp_path):
    callback, model = log(tmp_path), StandIn()
    model.train(3, [callback])
    model.train(3, [callback])
    points = read(tmp_path)
    assert steps(points["losses/generator"]) == [2, 4, 6]
    assert len(points["configuration"]) == 1


def test_a_resumed_run_appends_a_file(tmp_path):
    StandIn().train(4, [log(tmp_path)])
    resumed = StandIn()
    resumed.step.assign(4)
    resumed.train(4, [log(tmp_path)])
    assert len(list(tmp_path.iterdir())) == 2
    # TensorBoard reads files by their names; two of one second and one process come as text: 10, 9.
    assert sorted(steps(read(tmp_path)["losses/generator"])) == [2, 4, 6, 8]


def raw_steps(folder):
    """Every event with a value, as a reader sees it that knows nothing of restarts."""
    events = (
        tf.compat.v1.Event.FromString(record)
        for path in sorted(folder.iterdir())
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    )
    return [event.step for event in events if event.HasField("summary")]


def test_a_resumed_run_leaves_every_step_once(tmp_path):
    StandIn().train(6, [log(tmp_path)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert truncate_events(tmp_path, 6) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert truncate_events(tmp_path, 3) > 0
    assert set(raw_steps(tmp_path)) == {0, 2}
    resumed = StandIn()
    resumed.step.assign(3)
    resumed.train(3, [log(tmp_path)])
    points = read(tmp_path)
    # Files of one second come in the order of text.
    assert sorted(steps(points["losses/generator"])) == [2, 4, 6]
    assert steps(points["configuration"]) == [0]


def test_half_an_event_of_a_killed_run_goes(tmp_path):
    StandIn().train(4, [log(tmp_path)])
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    truncate_events(tmp_path, 4)
    assert 0 < path.stat().st_size < len(whole) - 5
    assert set(raw_steps(tmp_path)) == {0, 2}  # a step is one event


def test_a_run_that_starts_over_has_no_events(tmp_path):
    StandIn().train(4, [log(tmp_path)])
    truncate_events(tmp_path, 0)
    assert not list(tmp_path.iterdir())
    assert truncate_events(tmp_path / "none", 3) == 0


def test_histograms_images_and_evaluation(tmp_path):
    board = Board(tmp_path)
    for step in (2, 4):
        board.histograms(step, {"scores/real_histogram": np.arange(7.0)})
    board.images(3, {"samples/ema": PIL.Image.new("L", (4, 3), 99)})
    board.evaluation(3, {"modes": 8})
    board.close()
    points = read(tmp_path)
    assert steps(points["scores/real_histogram"]) == [2, 4]
    assert points["scores/real_histogram"][0][1][:, 2].sum() == 7
    assert points["evaluation/modes"][0][1] == 8
    width, height, png = points["samples/ema"][0][1]
    assert (width, height) == (b"4", b"3")
    assert tf.reduce_all(tf.io.decode_png(png) == 99)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("penalty/gradient", "penalties/gradient"),
        ("generator_term/pull", "generator_terms/pull"),
        ("balance", "training/balance"),
    ],
)
def test_further_names(name, tag):
    assert tag_of(name) == tag
