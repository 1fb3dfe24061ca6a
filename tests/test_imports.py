"""The directions of dependence between the rooms, read with `ast`."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("models", "training", "export", "ganapp")
# What a room may import of the others. `ganapp` is below: only runner, verbs, `python.py` compose.
ALLOWED = {"models": set(), "training": set(), "export": set()}
# What the rooms above share: named tensors with the one place that calls a network, the critic that
# terms are given, the global batch, and how settings are saved. These four know TensorFlow, Keras
# and each other only.
SHARED = {
    "training": tuple(
        f"ganapp.models.{name}" for name in ("critic", "replicas", "serialization", "tensors")
    ),
    "export": ("ganapp.models.tensors",),
}
# The configuration is checked against the registries; the runner makes objects of it.
REGISTRIES = (
    "ganapp.models.networks",
    "ganapp.models.rules",
    "ganapp.training",
)
# The standard library and numpy only.
ANYWHERE = (
    "ganapp.training.array_files",
    "ganapp.training.files",
    "ganapp.training.kernels",
    "ganapp.training.messages",
    "ganapp.training.registry",
)


def files_of(room):
    return sorted((ROOT / room).rglob("*.py"))


def imported(path):
    """Full dotted names of everything a file imports, at its top or anywhere within."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = path.relative_to(ROOT).parts[: -node.level]
                inside = ("ganapp",) if package[0] in ROOMS[:3] else ()
                module = ".".join([*inside, *package, *([module] if module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def room_of(name):
    """The room of a dotted name, `None` if it is not ours."""
    package, _, rest = name.partition(".")
    if package != "ganapp":
        return None
    first = rest.partition(".")[0]
    return first if first in ROOMS[:3] else "ganapp"


def rooms_imported(path):
    own = path.relative_to(ROOT).parts[0]
    free = (*ANYWHERE, *SHARED.get(own, ()))
    names = {name for name in imported(path) if not name.startswith(free)}
    return {room_of(name) for name in names} - {None, own}


def label(path):
    return str(path.relative_to(ROOT))


def cases(*rooms):
    return [pytest.param(path, id=label(path)) for room in rooms for path in files_of(room)]


def test_rooms_are_found():
    for room in ROOMS:
        assert files_of(room), room
    assert rooms_imported(Path(__file__)) == set()
    assert "models" in rooms_imported(ROOT / "tests" / "case.py")  # imports are seen


@pytest.mark.parametrize("room", ROOMS[:3])
def test_a_room_has_one_name(room):
    """As `ganapp.models` only: a module loaded under two names is two modules."""
    spec = importlib.util.find_spec(f"ganapp.{room}")
    assert Path(spec.origin) == ROOT / room / "__init__.py"
    alone = importlib.util.find_spec(room)  # a folder of the tests may have the name
    assert alone is None or alone.origin is None


@pytest.mark.parametrize("path", cases(*ALLOWED))
def test_a_room_keeps_to_itself(path):
    room = path.relative_to(ROOT).parts[0]
    assert rooms_imported(path) <= ALLOWED[room]


@pytest.mark.parametrize("module", SHARED["training"])
def test_what_rooms_share_knows_nothing_else_of_ours(module):
    path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    ours = {name for name in imported(path) if name.startswith("ganapp.")}
    assert {name for name in ours if not name.startswith(SHARED["training"])} == set()


@pytest.mark.parametrize("path", cases("ganapp"))
def test_only_the_runner_the_verbs_and_the_door_from_python_compose(path):
    relative = path.relative_to(ROOT / "ganapp")
    if relative.parts[0] in ("commands", "runner", "python.py"):
        return
    foreign = {name for name in imported(path) if room_of(name) in ROOMS[:3]}
    foreign = {name for name in foreign if not name.startswith(ANYWHERE)}
    if relative.parts[0] == "config":
        foreign = {name for name in foreign if not name.startswith(REGISTRIES)}
    assert foreign == set()


@pytest.mark.parametrize("path", cases(*ROOMS, "tests", "benchmarks"))
def test_style_of_a_file(path):
    source = path.read_text()
    names = imported(path)
    assert not {name for name in names if name.startswith(("tensorflow.keras", "keras.src"))}
    tree = ast.walk(ast.parse(source))
    attributes = [x for x in tree if isinstance(x, ast.Attribute) and x.attr == "keras"]
    assert not [x for x in attributes if isinstance(x.value, ast.Name) and x.value.id == "tf"]
    top = {name.partition(".")[0] for name in names}
    assert not top & set(ROOMS[:3]), "a room is imported as `ganapp.<room>`"
