"""Members of the user's own from a file that is named, and never from one that is not."""

import hashlib
import json
import re
import shlex
import shutil
import sys
import textwrap
import types
from pathlib import Path

import keras
import pytest
from run_case import assert_same_run, ganapp, newest

from ganapp import load_plugin, plugins
from ganapp.config.members import FAMILIES, build, option_names, options_model
from ganapp.export import ExportError
from ganapp.export.formats.keras_file import write_keras
from ganapp.plugins import PluginError
from ganapp.runs import check_free, claim_run
from ganapp.training.data import SOURCES
from ganapp.training.evaluation.metrics import METRICS
from ganapp.training.registry import REGISTERED
from ganapp.training.terms import TERMS

SOURCE = Path(__file__).with_name("own_members.py")
MODULE = "ganapp.plugins.own_members"
TOML = """
[data]
source = "spiral_arm"
turns = 1.5
[generator]
network = "sines"
width = 8
prior = { size = 2 }
[discriminator]
network = "one_layer"
[objective]
name = "boundary_seeking"
terms = { small_scores = { weight = 0.1, offset = 0.5 } }
[training]
epochs = 2
steps_per_epoch = 6
batch_size = 8
deterministic = true
log_every = 2
checkpoint_every = 6
sample_every = 12
evaluate_every = 6
[evaluation]
samples = 50
neighbours = 3
baseline_components = 2
metric = "mean_shift"
"""
TERM = """
import dataclasses
from ganapp import TERMS
from ganapp.training.terms import Term

@TERMS.register
@dataclasses.dataclass(frozen=True, kw_only=True)
class Mine(Term):
    "A term that is nothing."
    name = "mine"
"""


def forget():
    """What a process has that was given no plugin."""
    for plugin in plugins.named_plugins():
        sys.modules.pop(plugin.module, None)
    plugins._named.clear()
    while REGISTERED:
        family, name = REGISTERED.pop()
        family.discard(name)
    options_model.cache_clear()


@pytest.fixture(autouse=True)
def another_process():
    """Each test begins and ends like a process that was given no plugin."""
    forget()
    yield
    forget()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of the plugin, which the TOML file beside it names; and what was said."""
    folder = tmp_path_factory.mktemp("plugins")
    shutil.copy(SOURCE, folder)
    (folder / "mine.toml").write_text(f'[plugins]\nfiles = ["{SOURCE.name}"]\n{TOML}')
    said = ganapp("train", folder / "mine.toml", "--run", folder / "run")
    assert said.code == 0, said.errors
    forget()
    return folder / "run", said.output


@pytest.fixture
def write(tmp_path):
    """Writes a plugin."""

    def write(text, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write


def test_a_run_has_the_members_and_a_copy_of_their_file(run):
    directory, output = run
    assert re.search(r"plugin own_members\.py\s+objective boundary_seeking, term small_", output)
    assert (directory / "plugins" / SOURCE.name).read_bytes() == SOURCE.read_bytes()
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["plugins"] == {SOURCE.name: hashlib.sha256(SOURCE.read_bytes()).hexdigest()}
    figure = json.loads((directory / "report.json").read_text())["best"]["figures"]["mean_shift"]
    assert figure["value"] > 0
    assert figure["name"] == "largest shift of a mean"
    assert "largest shift of a mean" in (directory / "report.md").read_text()
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert any("penalty/small_scores" in row for row in rows)
    assert any("mean_shift" in row.get("evaluation", {}) for row in rows)


def test_a_resumed_run_is_the_same(run, tmp_path):
    resumed = shutil.copytree(run[0], tmp_path / "run")
    for path in (*newest(resumed), resumed / "report.json"):
        path.unlink()
    said = ganapp("resume", resumed, "--plugin", resumed / "plugins" / SOURCE.name)
    assert said.code == 0, said.errors
    assert "Continuing from step 6 of 12." in said.output
    assert_same_run(resumed, run[0])


def test_nothing_is_imported_that_nobody_named(run, tmp_path):
    """And the sentence holds the option that works, which names the run's own copy."""
    command = ("sample", run[0], "--out", tmp_path / "x.npz")
    said = ganapp(*command)
    assert said.code == 2
    assert MODULE not in sys.modules
    assert not REGISTERED
    assert "was trained with the plugin own_members.py" in said.errors
    (option,) = re.findall(r"`(--plugin .*?)`", said.errors)
    said = ganapp(*command, *shlex.split(option))
    assert said.code == 0, said.errors
    assert (tmp_path / "x.npz").exists()


@pytest.mark.parametrize("verb", ["evaluate", "diagnose", "export", "encode", "resume"])
def test_every_verb_that_builds_says_so(run, verb):
    said = ganapp(verb, run[0])
    assert said.code == 2
    assert "ganapp imports only what you name" in said.errors


def test_files_are_read_without_it(run):
    assert ganapp("show", run[0]).code == 0
    assert ganapp("runs", run[0].parent).code == 0
    assert MODULE not in sys.modules


@pytest.mark.parametrize("verb", ["resume", "evaluate"])
def test_another_file_of_its_name_is_refused(run, write, verb):
    other = write(SOURCE.read_text() + "# changed\n", SOURCE.name)
    said = ganapp(verb, run[0], "--plugin", other)
    assert said.code == 2
    assert f"{other} is not the file that the run" in said.errors
    assert f"`--plugin {run[0] / 'plugins' / SOURCE.name}`" in said.errors
    assert MODULE not in sys.modules


def test_a_changed_copy_is_not_recommended(run, tmp_path):
    changed = shutil.copytree(run[0], tmp_path / "run")
    with (copy := changed / "plugins" / SOURCE.name).open("a") as file:
        file.write("# changed\n")
    for arguments in ((), ("--plugin", copy)):
        said = ganapp("evaluate", changed, *arguments)
        assert said.code == 2
        assert "put the file of the sha256" in said.errors


def test_a_run_is_resumed_without_others(run, write, tmp_path):
    other, own = write(TERM), run[0] / "plugins" / SOURCE.name
    plain = claim_run(tmp_path / "plain", "").directory
    for directory, options in ((run[0], ("--plugin", own)), (plain, ())):
        said = ganapp("resume", directory, *options, "--plugin", other)
        assert said.code == 2
        assert "was trained without the plugin mine.py" in said.errors


def test_lists_have_the_members_wherever_the_option_stands():
    for arguments in (("list", "terms", "--plugin", SOURCE), ("--plugin", SOURCE, "list", "terms")):
        output = ganapp(*arguments).output
        assert "small_scores  Mean square of the scores of real examples" in output
        assert "--set objective.terms.small_scores.weight=…" in output
        assert "plugin   own_members.py" in output
        forget()
    assert "small_scores" not in ganapp("list", "terms").output


def test_figures_are_listed():
    figures = {
        each["name"]: each for each in json.loads(ganapp("list", "figures", "--json").output)
    }
    assert figures["frechet_distance"]["set"] == "evaluation.metric=frechet_distance"
    assert figures["path_length"]["set"] == 'evaluation.figures=["path_length"]'
    assert figures.keys() == METRICS.figures.keys()
    load_plugin(SOURCE)
    own = json.loads(ganapp("list", "figures", "--json").output)[-1]
    assert own["summary"] == "largest shift of a mean, lower is better"
    assert own["plugin"] == SOURCE.name


def test_data_of_a_plugin_are_shown(tmp_path):
    said = ganapp("data", "spiral_arm", "--set", "data.examples=500", "--plugin", SOURCE, "--json")
    assert said.code == 0, said.errors
    assert json.loads(said.output)["training"] == 400


def test_options_are_checked_like_those_of_any_member(tmp_path):
    (tmp_path / "mine.toml").write_text(TOML)
    for setting, sentence in (
        ("objective.terms.small_scores.offst=1.0", "Did you mean `offset`?"),
        ("objective.terms.small_scores.offset=true", "should be a valid number"),
        ("evaluation.metric=mean_shft", "`metric` must be among"),
        ("generator.network=sine", "Did you mean 'sines'"),
    ):
        said = ganapp("train", tmp_path / "mine.toml", "--set", setting, "--plugin", SOURCE)
        assert said.code == 2
        assert sentence in said.errors


def test_without_its_plugin_a_configuration_names_nothing(tmp_path):
    (tmp_path / "mine.toml").write_text(TOML)
    said = ganapp("train", tmp_path / "mine.toml", "--dry-run")
    assert said.code == 2
    assert "There is no objective called 'boundary_seeking'" in said.errors


def test_a_network_need_not_take_what_nobody_asks_for():
    load_plugin(SOURCE)
    assert "one_layer" in FAMILIES["companion"]
    assert build("discriminator", "one_layer", {"width": 4}, {"x": (2,)}).count_params() == 17
    sentence = "discriminator network 'one_layer' takes no argument `condition`"
    with pytest.raises(ValueError, match=sentence):
        build("discriminator", "one_layer", {}, {"x": (2,)}, condition="projection")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1", "registers nothing"),
        ("class X(:\n    pass", "line 1: SyntaxError: invalid syntax"),
        ("\nimport nosuch", "line 2: ModuleNotFoundError: No module named 'nosuch'"),
        ("def f():\n    return y\n\nf()", "line 2: NameError: name 'y' is not defined"),
        ("import sys\nsys.exit('bye')", "line 2: SystemExit: bye"),
        (TERM.replace('"mine"', '"r1"'), "There is a term called 'r1' already"),
        (TERM.replace('    name = "mine"', ""), "The term needs a name"),
        (TERM.replace('"mine"', '"my.term"'), "letters, digits and _"),
        (TERM.replace("(Term)", "").replace("(frozen=True, kw_only=True)", ""), "base.Term`"),
        (
            TERM.replace(", kw_only=True", "") + "    size: int = 3\n",
            "must take nothing by position",
        ),
        (
            "from ganapp import GENERATORS\n@GENERATORS.register('g')\ndef g(inputs, s, w=3): 1",
            "must take `inputs` and `shape` by position, and its options by keyword alone",
        ),
        (
            'from ganapp import SOURCES\n@SOURCES.register("s")\ndef s(*, size=3): 0',
            "The data source 's' must give its option 'size' a type",
        ),
        (
            "from ganapp import SOURCES\nclass A: 0\n@SOURCES.register('s')\ndef s(*, a: A = 0): 0",
            "of a type that a configuration cannot hold",
        ),
        ("from ganapp import METRICS\nMETRICS.register(len)", "line 2: A metric must be a `ganapp"),
        (
            "from ganapp import METRICS\nMETRICS.register(METRICS[0])",
            "There is a figure called 'precision' already",
        ),
    ],
)
def test_mistakes_in_a_plugin_are_sentences(write, text, sentence):
    path = write(text)
    said = ganapp("list", "terms", "--plugin", path)
    assert said.code == 2
    assert "Traceback" not in said.errors
    assert said.errors.startswith(f"Error: The plugin {path} ")
    assert sentence in said.errors
    assert not REGISTERED
    assert "ganapp.plugins.mine" not in sys.modules


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('plugins = "mine.py"', "`plugins` must be a table of `files`"),
        ('[plugins]\nfile = ["mine.py"]', "`plugins` must be a table of `files`"),
        ('[plugins]\nfiles = ["mine.py"]\nfolder = "x"', "`plugins` must be a table of `files`"),
        ('[plugins]\nfiles = ["none.py"]', "none.py cannot be read: No such file or directory."),
        ('[plugins]\nfiles = ["mine.txt"]', "ending in .py. Received: "),
    ],
)
def test_mistakes_in_the_table_are_sentences(tmp_path, table, sentence):
    (tmp_path / "mine.toml").write_text(f"{table}\n{TOML}")
    said = ganapp("train", tmp_path / "mine.toml", "--dry-run")
    assert said.code == 2
    assert sentence in " ".join(said.errors.split())


def test_a_plugin_is_loaded_once(write, tmp_path):
    path = write(TERM)
    module = load_plugin(path)
    assert module is load_plugin(str(path)) is sys.modules["ganapp.plugins.mine"]
    assert TERMS["mine"] is module.Mine
    assert module.__file__ == str(path)
    copy = write(TERM, "elsewhere/mine.py")  # of the same content: such as a run's own
    assert load_plugin(copy) is module
    write(f"{TERM}\n# changed", "elsewhere/mine.py")
    with pytest.raises(ValueError, match="Two plugins are called mine"):
        load_plugin(copy)
    write(f"{TERM}\n# changed")
    with pytest.raises(ValueError, match="has changed since it was loaded"):
        load_plugin(path)


def test_a_failed_plugin_leaves_nothing_and_may_be_mended(write):
    path = write(f"{TERM}\nraise RuntimeError('late')")
    with pytest.raises(PluginError, match=r"line 12: RuntimeError: late"):
        load_plugin(path)
    assert "mine" not in TERMS
    write(
        f"{TERM}\n@TERMS.register\nclass Bad(Mine):\n    name = 'b'\n    __init__ = lambda s, x: 0"
    )
    with pytest.raises(PluginError, match="must take nothing by position"):
        load_plugin(path)
    assert "mine" not in TERMS
    write(f"{TERM}    size: int = 3\n")
    assert load_plugin(path).Mine is TERMS["mine"]
    assert option_names("term", "mine") == {"weight", "interval", "size"}


def test_the_plugin_of_the_document_is_one(write):
    document = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
    (text,) = re.findall(r"```python\n(# my_gan\.py\n.*?)```", document, re.DOTALL)
    module = load_plugin(write(text, "my_gan.py"))
    source = SOURCES["helix"](examples=200)
    points = source.training_examples()[0]
    assert points.shape == (180, 3)
    comparison = types.SimpleNamespace(samples=types.SimpleNamespace(samples=2 * points))
    assert module.radius_error(comparison)[0]["radius_error"] == pytest.approx(1.0, abs=1e-5)
    assert "radius_error" in METRICS.figures
    assert FAMILIES["generator"]["sines"]({"z": (2,)}, (3,), width=4).output_shape == (None, 3)
    assert TERMS["drift"](target=2.0).target == 2.0


def test_keras_finds_the_classes_of_a_plugin(tmp_path):
    load_plugin(SOURCE)
    model = FAMILIES["generator"]["sines"]({"z": (2,)}, (2,))
    model.save(tmp_path / "model.keras")
    forget()
    load_plugin(SOURCE)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[2]) is sys.modules[MODULE].Sine


def test_a_keras_file_that_no_other_process_could_load_is_not_written(tmp_path):
    load_plugin(SOURCE)
    bundle = types.SimpleNamespace(generator=FAMILIES["generator"]["sines"]({"z": (2,)}, (2,)))
    with pytest.raises(ExportError, match=rf"written in {re.escape(MODULE)}, which a fresh"):
        write_keras(bundle, tmp_path / "model.keras")
    assert not any(tmp_path.iterdir())


def test_a_claim_that_was_killed_leaves_no_plugin_behind(write, tmp_path):
    (left := tmp_path / "run" / "plugins").mkdir(parents=True)
    (left / "former.py").write_text("")
    with pytest.raises(plugins.UserError, match="is not empty"):
        check_free(tmp_path / "run")  # somebody's folder
    (tmp_path / "run" / ".lock").touch()
    plugins.name_plugin(write(TERM))
    run = claim_run(tmp_path / "run", "")
    assert [path.name for path in run.plugins.iterdir()] == ["mine.py"]
