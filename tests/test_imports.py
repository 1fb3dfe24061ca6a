"""The directions of dependence between the rooms, read with `ast`."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("models", "training", "export", "ganapp")
# What a room may import of the others. `ganapp` is below: only its runner composes.
ALLOWED = {"models": set(), "training": set(), "export": set()}
# The configuration and the options within it are checked against the registries; the runner alone
# makes objects of what they hold.
CONFIGURED = (
    "combinations.py",
    "config.py",
    "data_argument.py",
    "evaluation_config.py",
    "plugins.py",
    "scheduled.py",
    "section.py",
)
REGISTRIES = ("models.networks", "models.conditions", "models.rules", "training")
# The standard library and numpy only.
ANYWHERE = (
    "training.array_files",
    "training.files",
    "training.kernels",
    "training.lookup",
    "training.non_finite",
)
# What commands start without the runner, because it needs no TensorFlow.
LIGHT = ("export.errors", "export.publishing", "export.server", "export.verifying")


def files_of(room):
    return sorted((ROOT / room).rglob("*.py"))


def imported(path):
    """Full dotted names of everything a file imports, at its top or anywhere within."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*package, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def room_of(name):
    return name.split(".")[0]


def rooms_imported(path):
    own = path.relative_to(ROOT).parts[0]
    names = {name for name in imported(path) if not name.startswith(ANYWHERE)}
    return {room_of(name) for name in names} & set(ROOMS) - {own}


def label(path):
    return str(path.relative_to(ROOT))


def cases(*rooms):
    return [pytest.param(path, id=label(path)) for room in rooms for path in files_of(room)]


def test_rooms_are_found():
    for room in ROOMS:
        assert files_of(room), room
    assert rooms_imported(Path(__file__)) == set()
    assert "models" in rooms_imported(ROOT / "tests" / "case.py")  # imports are seen


@pytest.mark.parametrize("path", cases(*ALLOWED))
def test_a_room_keeps_to_itself(path):
    room = path.relative_to(ROOT).parts[0]
    assert rooms_imported(path) <= ALLOWED[room]


@pytest.mark.parametrize("path", cases("ganapp"))
def test_only_the_runner_composes(path):
    relative = path.relative_to(ROOT / "ganapp")
    if relative.parts[0] in ("runner", "runner.py"):
        return
    foreign = {name for name in imported(path) if room_of(name) in ROOMS[:3]}
    foreign = {name for name in foreign if not name.startswith(ANYWHERE)}
    if relative.parts[0] in CONFIGURED:
        foreign = {name for name in foreign if not name.startswith(REGISTRIES)}
    if relative.parts[0] == "commands":
        foreign = {name for name in foreign if not name.startswith(LIGHT)}
    assert foreign == set()


@pytest.mark.parametrize("path", cases(*ROOMS, "tests", "benchmarks"))
def test_style_of_a_file(path):
    source = path.read_text()
    names = imported(path)
    assert not {name for name in names if name.startswith(("tensorflow.keras", "keras.src"))}
    tree = ast.walk(ast.parse(source))
    attributes = [x for x in tree if isinstance(x, ast.Attribute) and x.attr == "keras"]
    assert not [x for x in attributes if isinstance(x.value, ast.Name) and x.value.id == "tf"]
