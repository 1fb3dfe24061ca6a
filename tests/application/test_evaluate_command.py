"""Judging from the command line: other settings, samples from anywhere, runs beside each other."""

import json
import shutil

import numpy as np
import PIL.Image
import pytest
from case import small_images
from evaluation_cases import make_evaluator
from run_case import ganapp

from ganapp.runner.evaluation import draw_pictures
from ganapp.training.data import ArraySource


@pytest.fixture
def points(tmp_path):
    """Samples of the ring that are nearly right: 200 points on a circle of radius 1."""
    angles = np.random.default_rng(0).integers(8, size=200) * np.pi / 4
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points += 0.01 * np.random.default_rng(1).normal(size=points.shape)
    path = tmp_path / "points.npz"
    np.savez(path, samples=points.astype(np.float32), latents=np.zeros(3))
    return path


def test_samples_from_anywhere_are_judged(points, tmp_path):
    said = ganapp("evaluate", "--samples", points, "--real", "ring", "--json")
    assert said.code == 0, said.errors
    report = json.loads(said.output)
    figures = report["last"]["figures"]
    assert figures["modes"]["value"] == 8
    assert figures["high_quality"]["value"] > 0.9
    assert "path_length" not in figures  # that is of a generator
    assert "exact_wasserstein" not in figures  # on request only
    plain = tmp_path / "points.npy"
    np.save(plain, np.load(points)["samples"])
    asked = 'evaluation.figures=["exact_wasserstein"]'
    said = ganapp("evaluate", "--samples", plain, "--real", "ring", "--set", asked)
    assert "Wasserstein distance, exact" in said.output
    assert "200 samples of" in said.output
    assert "This sample" in said.output


def test_a_folder_of_grey_pictures_is_judged(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(30):
        pixels = generator.integers(0, 256, (8, 8)).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    said = ganapp("evaluate", "--samples", tmp_path, "--real", "digits", "--json")
    assert said.code == 0, said.errors
    figures = json.loads(said.output)["last"]["figures"]
    assert figures["precision"]["value"] == 0.0
    assert figures["precision"]["generated"] == 30


def test_clips_are_judged_and_drawn(tmp_path):
    random = np.random.default_rng(0)
    frames = np.repeat(random.integers(0, 256, (90, 1, 8, 8)), 4, axis=1).astype(np.uint8)
    for name, clips in {"real": frames + random.integers(9, size=frames.shape, dtype=np.uint8),
                        "still": frames[:50, :, :, :, None]}.items():  # fmt: skip
        np.savez(tmp_path / f"{name}.npz", clips=clips)
    real, out = f"video:{tmp_path / 'real.npz'}", tmp_path / "out"
    arguments = ["evaluate", "--samples", tmp_path / "still.npz", "--real", real, "--out", out]
    said = ganapp(*arguments)
    assert said.code == 0, said.errors
    assert "Fréchet distance of frames" in said.output
    report = json.loads((out / "report.json").read_text())
    figures = report["last"]["figures"]
    assert figures["motion"]["value"] == 0
    assert figures["motion"]["floor"] > 0.8
    assert set(report["pictures"].values()) == {
        "pictures/samples.png", "pictures/neighbours.png", "pictures/clips.gif"
    }  # fmt: skip
    for path in report["pictures"].values():
        assert (out / path).stat().st_size > 500
    assert "must be an empty or a new folder" in ganapp(*arguments).errors
    assert "a run's report goes to" in ganapp("evaluate", tmp_path, "--out", out).errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "takes either a run directory or --samples"),
        (["none", "--samples", "x.npz"], "takes either a run directory or --samples"),
        (["--samples", "x.npz"], "`--samples` and `--real` belong together"),
        (["--samples", "x.npz", "--real", "ring"], "must be a file or a folder"),
        (["{npz}", "--real", "rign"], "There is no data source called 'rign'"),
        (["{npz}", "--real", "ring:/x"], "The data source 'ring' takes nothing after it"),
        (["{npz}", "--real", "digits"], "`samples` must have the shape (n, 8, 8, 1)"),
        (["{broken}", "--real", "ring"], "must be a whole file of numbers"),
        (["{named}", "--real", "ring"], "must hold an array called 'samples'"),
        (["{text}", "--real", "ring"], "must be a .npy, .npz, .csv or .parquet file, or a folder"),
        (["{npz}", "--real", "ring", "--set", "training.epochs=3"], "settings of the real data"),
        (["{npz}", "--real", "ring", "--set", "data.size=3"], "`size` is not an option of"),
        (["{npz}", "--real", "ring", "--set", "data.source=x"], "There is no data source called"),
        (["{npz}", "--real", "none.toml"], "The configuration none.toml cannot be read"),
        (["{csv}", "--real", "ring"], "for tables alone"),
        (["{npz}", "--real", "ring", "--set", "evaluation.features=pixels"], "only for images"),
        (["{npz}", "--real", "ring", "--set", "evaluation.features=inceptoin"], "'inception'"),
        (["{npz}", "--real", "ring", "--set", "evaluation.metric=mode_kl"], "must be figures that"),
        (["{npz}", "--real", "ring", "--set", "evaluation.metric=path_length"], "must be among"),
    ],
)
def test_mistakes_get_one_sentence(points, tmp_path, arguments, sentence):
    (tmp_path / "broken.npz").write_bytes(points.read_bytes()[:90])
    np.savez(tmp_path / "named.npz", one=np.zeros(3), two=np.zeros(3))
    (tmp_path / "text.md").write_text("1, 2")
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n")
    files = {
        "{npz}": points,
        "{broken}": tmp_path / "broken.npz",
        "{named}": tmp_path / "named.npz",
        "{text}": tmp_path / "text.md",
        "{csv}": tmp_path / "rows.csv",
    }
    filled = []
    for argument in arguments:
        filled += ["--samples", files[argument]] if argument in files else [argument]
    said = ganapp("evaluate", *filled)
    assert said.code == 2
    assert sentence in said.errors.replace("\n", " ")
    assert "Traceback" not in said.errors


def test_a_run_is_judged_with_other_settings_and_compared(finished, tmp_path):
    before = (finished / "config.toml").read_bytes()
    asked = 'evaluation.figures=["exact_wasserstein"]'
    said = ganapp("evaluate", finished, "--set", asked, "--json")
    assert said.code == 0, said.errors
    report = json.loads(said.output)
    assert report["best"]["figures"]["exact_wasserstein"]["value"] > 0.0
    assert report["best"]["figures"]["path_length"]["value"] > 0.0
    assert (finished / "config.toml").read_bytes() == before
    assert (finished / "pictures" / "figures.png").exists()
    assert "pictures/figures.png" in (finished / "report.md").read_text()
    assert ganapp("evaluate", finished, "--set", "training.epochs=9").code == 2

    other, out = tmp_path / "other", tmp_path / "compared"
    shutil.copytree(finished, other)
    said = ganapp("compare", finished, other, "--out", out, "--json")
    assert said.code == 0, said.errors
    content = json.loads(said.output)
    assert json.loads((out / "comparison.json").read_text()) == content
    precision = content["figures"]["precision"]
    assert precision["runs"][0] == precision["runs"][1]
    assert precision["best"] == [0, 1]
    low, high = content["figures"]["frechet_distance"]["runs"][0]["interval"]
    value = report["best"]["figures"]["frechet_distance"]["value"]
    assert low < value < high
    assert (low + high) / 2 == pytest.approx(value)
    with PIL.Image.open(out / "comparison.png") as picture:
        assert picture.width > 1.8 * picture.height
    said = ganapp("compare", finished, other, "--out", out)
    assert "±" in said.output
    assert "bootstrap" in said.output


def test_a_report_in_other_terms_is_not_mixed_with_the_intervals(finished, tmp_path):
    """`evaluate --set` leaves a report that the run's own judge would not write."""
    twin, out = tmp_path / "twin", tmp_path / "compared"
    shutil.copytree(finished, twin)
    for path, change in ((finished, {"neighbours": 9}), (twin, {"space": "elsewhere"})):
        report = json.loads((path / "report.json").read_text())
        for which in ("best", "last"):
            report[which] |= change if "neighbours" in change else {}
            figure = report[which]["figures"]["frechet_distance"]
            figure |= {"value": 12345.0} | (change if "space" in change else {})
        (path / "report.json").write_text(json.dumps(report))
    said = ganapp("compare", finished, twin, "--out", out, "--json")
    assert said.code == 0, said.errors
    content = json.loads(said.output)
    distance = content["figures"]["frechet_distance"]
    assert [run["neighbours"] for run in content["runs"]] == [5, 5]
    assert distance["comparable"]
    assert distance["runs"][0] == distance["runs"][1]
    assert distance["runs"][0]["value"] < 12345.0
    assert content["figures"]["path_length"]["runs"][0]["interval"] is not None
    assert content["figures"]["neighbour_test"]["runs"][0]["interval"] is not None


def test_values_of_other_counts_are_said_not_to_be_comparable(finished, tmp_path):
    other, out = tmp_path / "other", tmp_path / "compared"
    shutil.copytree(finished, other)
    text = (other / "config.toml").read_text()
    changed = text.replace("neighbours = 5", "neighbours = 3")
    assert changed != text
    (other / "config.toml").write_text(changed)
    said = ganapp("compare", finished, other, "--out", out)
    assert said.code == 0, said.errors
    assert "different numbers of neighbours" in said.errors
    assert "! No row can be compared between the runs" in said.output.replace("\n", " ")
    assert "*" not in said.output.split("! No row")[0]
    figures = json.loads((out / "comparison.json").read_text())["figures"]
    for figure in figures.values():
        assert (figure["comparable"], figure["best"], figure["floor"]) == (False, [], None)
        assert len({str(run["space"]) for run in figure["runs"]}) == 1


def test_comparing_asks_for_two_runs_and_a_folder(finished, tmp_path):
    assert "at least two runs" in ganapp("compare", finished).errors
    assert ganapp("compare", finished, tmp_path / "none").code == 2


def test_bars_of_a_class_without_a_known_label_are_left_out(tmp_path):
    """The judge knows two of three classes; their bars have their own names."""
    draw = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = (40 * draw.integers(0, 3, (60, 8, 8, 1)) + 100 * labels[:, None, None, None]).astype(
        np.uint8
    )
    spec = small_images(60, 3, "abc")
    source = ArraySource(spec, images, images[:3], labels, np.array([0, 1, 2]))
    judge = make_evaluator(spec, train=images, held_out=images[:3], train_labels=labels)
    report = judge.report(images[:40]).as_dict()
    assert report["details"]["classes_found"]["names"] == ["a", "b"]
    drawn = draw_pictures(source, judge, tmp_path, images, report, whose="nobody")
    assert drawn["Classes of the samples, by a classifier"] == "pictures/classes.png"
