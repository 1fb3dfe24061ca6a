"""Data from files on the command line: paths, mistakes, and a run from beginning to end."""

import json
import zipfile

import numpy as np
import PIL.Image
import pytest
from run_case import ganapp, written

from ganapp.config.loading import as_toml, load_config, load_saved
from ganapp.config.members import options_model
from ganapp.runner.training import about_files_and_classes
from ganapp.training.data import SOURCES, MemmapSource

FRECHET = "evaluation.metric=frechet_distance"  # a ring is judged by its modes, others cannot
TINY = """
[data]
source = "folder"
path = "images"
[generator]
network = "mlp"
units = [4]
prior = { size = 4 }
[discriminator]
network = "mlp"
units = [4]
[objective]
name = "non_saturating"
[training]
epochs = 1
steps_per_epoch = 4
batch_size = 8
checkpoint_every = 2
sample_every = 4
evaluate_every = 4
[evaluation]
samples = 50
neighbours = 2
components = 4
baseline_components = 2
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current directory: a configuration and a folder of images that are not square."""
    (tmp_path / "images").mkdir()
    draw = np.random.default_rng(0)
    for number in range(60):
        pixels = draw.integers(0, 256, (8, 12, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    (tmp_path / "tiny.toml").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_path_is_saved_as_the_current_directory_has_it(place, monkeypatch):
    config = load_config("tiny.toml")
    assert config.data.options["path"] == str(place / "images")
    changed = load_config("tiny.toml", ["data.path=images/../other", "data.size=16"])
    assert changed.data.options["path"] == str(place / "other")
    monkeypatch.setenv("HOME", "/home/of")
    home = load_config("tiny.toml", ["data.path=~/photos"])
    assert home.data.options["path"] == "/home/of/photos"
    left_out = load_config("tiny.toml", ["data={source='npy', path='x.npy'}"])
    assert left_out.data.options["labels_path"] is None
    whole = load_config("digits", ["data={source='npy', path='x.npy', labels_path='y.npy'}"])
    assert whole.data.options["labels_path"] == str(place / "y.npy")
    assert config.data.options["cache_dir"] == ""  # the default one
    kept = load_config("tiny.toml", ["data.cache_dir=made"])
    assert kept.data.options["cache_dir"] == str(place / "made")


@pytest.mark.parametrize("source", ["csv", "parquet", "video", "npz", "npy", "folder"])
def test_every_source_of_files_is_found_from_everywhere(source, place, monkeypatch):
    config = load_config("ring", [f"data={{source='{source}', path='here/x'}}", FRECHET])
    saved = place / "config.toml"
    saved.write_text(as_toml(config))
    monkeypatch.chdir("/")
    assert load_saved(saved).data.options["path"] == str(place / "here" / "x")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("data={source='folder'}", "`data.path` is missing."),
        ("data.path=''", "data.path: must be a path. Received: ''."),
        ("data.path=5", "data.path: must be a path. Received: 5."),
        ("data.path=imags", "Received: path='{place}/imags'. Did you mean '{place}/images'?"),
        ("data.sise=8", "`sise` is not an option of the data source 'folder'"),
        ("data.resize=fit", "`data.resize`: input should be 'crop', 'pad' or 'stretch'."),
        ("data.channels=2", "`data.channels`: input should be 0, 1, 3 or 4."),
        ("data.held_out=1.0", "`data.held_out`: input should be less than 1."),
        ("data.path=tiny.toml", "`path` must be a folder with images, or a .zip or .tar"),
    ],
)
def test_mistakes_are_one_sentence(place, setting, sentence):
    said = ganapp("train", "tiny.toml", "--dry-run", "--set", setting)
    assert said.code == 2
    assert sentence.format(place=place) in said.errors.replace("\n", " ").replace("  ", " ")
    assert "Traceback" not in said.errors
    assert sorted(path.name for path in place.iterdir()) == ["images", "tiny.toml"]


def test_a_run_on_a_folder_goes_on_with_the_same_images_alone(place, monkeypatch):
    """From another directory, too, or with the images in an archive; changed ones stop it.

    Nor does it touch what is there; with the old images back, it goes on.
    """
    said = ganapp("train", "tiny.toml", "--run", "run")
    assert said.code == 0, said.errors
    run = place / "run"
    config = load_saved(run / "config.toml")
    source = config.data.build()
    assert isinstance(source, MemmapSource)
    assert (source.spec.shape, source.spec.examples, source.spec.held_out) == ((8, 12, 3), 54, 6)
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["data"]["shape"] == [8, 12, 3]
    assert manifest["data"]["classes"] == []
    assert json.loads((run / "report.json").read_text())["last"]["counts"]["train"] == 54

    before, image = written(run), place / "images" / "7.png"
    content = image.read_bytes()
    PIL.Image.new("RGB", (12, 8)).save(image)
    said = ganapp("resume", "run")
    assert said.code == 2
    sentence = "have changed since it was started; put the old ones back or train anew. Received: "
    assert f"{sentence}{place / 'images'}" in said.errors.replace("\n", " ")
    image.unlink()
    said = ganapp("resume", "run")
    assert said.code == 2
    counts = "(54 training and 6 held-out examples then, 53 training and 6 held-out examples now)"
    assert counts in said.errors.replace("\n", " ")
    assert written(run) == before
    judged = ganapp("evaluate", "run")
    assert judged.code == 0
    assert "the figures are of other examples than it saw" in judged.errors.replace("\n", " ")
    image.write_bytes(content)

    monkeypatch.chdir("/")
    resumed = ganapp("resume", run)
    assert resumed.code == 0, resumed.errors
    assert "step 4 of 4" in resumed.output

    monkeypatch.chdir(place)
    with zipfile.ZipFile(place / "archive", "w") as archive:
        for each in sorted(place.glob("images/*.png"), reverse=True):
            archive.write(each, f"photos/{each.name}")
    (place / "images").rename(place / "elsewhere")
    (place / "archive").rename(place / "images")
    resumed = ganapp("resume", "run")
    assert resumed.code == 0, resumed.errors
    (place / "images").rename(place / "archive.zip")
    lost = ganapp("evaluate", "run")
    assert lost.code == 2
    assert "The data of this run are no longer where they were." in lost.errors
    assert ganapp("sample", "run", "--out", "pictures", "--count", 3).code == 0
    judged = ganapp("evaluate", "run", "--data", "archive.zip")
    assert (judged.code, judged.errors) == (0, "")


def test_a_plan_says_what_became_a_class_and_what_was_left_out(place):
    for number in range(25):
        for count in range(1 if number == 7 else 2):
            pixels = np.random.default_rng(99 * number + count).integers(0, 256, (8, 12, 3), "u1")
            (place / "more" / f"[red]{number}").mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(pixels).save(place / "more" / f"[red]{number}" / f"{count}.png")
    (place / "more" / "a.txt").write_text("")
    (place / "more" / "gone").symlink_to("/nowhere")
    source = options_source(place / "more")
    rows = about_files_and_classes(source)
    assert rows["classes"].startswith("25 with training examples each: [red]0 ")
    assert "[red]19 " in rows["classes"]
    assert "[red]20 " not in rows["classes"]
    assert ", ... and 5 more, smallest " in rows["classes"]
    assert rows["left out"] == (
        "2 files: a.txt (it is not named as an image (.txt)); gone (it is a link to nothing); a "
        "run names all of them in bad_files.txt"
    )
    assert about_files_and_classes(options_source(place / "images")) == {}


def options_source(path):
    return SOURCES["folder"](path=path, cache_dir=str(path.parent / "cache"))


def test_listing_says_what_must_be_given():
    (folder,) = (
        each
        for each in json.loads(ganapp("list", "data", "--json").output)
        if each["name"] == "folder"
    )
    assert folder["options"]["path"] == "required"
    assert folder["options"]["size"] == 0
    assert options_model("data", "folder").model_fields["path"].is_required()
