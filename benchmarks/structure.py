"""Figures of the code's structure: `python -m benchmarks.structure [--list [--under PATH]]`.

Everything is read from the source with `ast`; nothing of the application is imported. Product code
is `ganapp/`, `models/`, `training/` and `export/`, without tests and benchmarks.
"""

import argparse
import ast
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOMS = ("ganapp", "models", "training", "export")
# Documented as public in spite of the underscore.
PUBLIC = {"_replace", "_asdict", "_make", "_fields", "_field_defaults", "_exit"}
# A member is a file of its own in the folder of its family, and a line in a registry.
FAMILIES = {
    "metric": "ganapp.training.evaluation.metrics",
    "export format": "ganapp.export.formats",
    "verb": "ganapp.commands",
}
# The verb whose way to `fit` is followed.
TRAIN = ("ganapp.commands.train", "train")


@dataclass
class Module:
    """A file of the product.

    Args:
        path: of the file, from the root of the repository.
        name: dotted, as it is imported.
        source: its text.
        imports: module imported -> lines where that happens.
        aliases: name within the module -> `(module, name there or None)`.
    """

    path: Path
    name: str
    source: str
    imports: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    aliases: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.source, str(self.path))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree."""
        return list(ast.walk(self.tree))

    @property
    def is_package(self) -> bool:
        """Whether the file is the `__init__` of a package."""
        return self.path.name == "__init__.py"


@dataclass(frozen=True)
class Member:
    """A member of a family.

    Args:
        files: its own, the modules of its room that it alone imports, and the registry.
        users: files that import something else of it, and change only where that does.
    """

    files: list[str]
    users: list[str]


class House:
    """All files of the product and who imports whom."""

    def __init__(self, root: Path) -> None:
        self.modules: dict[str, Module] = {}
        for room in ROOMS:
            for path in sorted((root / room).rglob("*.py")):
                module = Module(path.relative_to(root), *_name_and_source(root, path))
                self.modules[module.name] = module
        for module in self.modules.values():
            self._read_imports(module)

    def _read_imports(self, module: Module) -> None:
        for node in module.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self.modules:
                        module.imports[alias.name].append(node.lineno)
                        module.aliases[alias.asname or alias.name] = (alias.name, None)
            elif isinstance(node, ast.ImportFrom):
                self._read_import_from(module, node)

    def _read_import_from(self, module: Module, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parts = module.name.split(".") + (["__init__"] if module.is_package else [])
            base = ".".join([*parts[: -node.level], *([base] if base else [])])
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            target, name = (whole, None) if whole in self.modules else (base, alias.name)
            if target in self.modules:
                module.imports[target].append(node.lineno)
                module.aliases[alias.asname or alias.name] = (target, name)

    @cached_property
    def importers(self) -> dict[str, set[str]]:
        """Module -> modules that import it, also by a name in a string (lazy registries)."""
        found: dict[str, set[str]] = defaultdict(set)
        for module in self.modules.values():
            for target in module.imports:
                found[target].add(module.name)
            for node in module.nodes:
                if isinstance(node, ast.Constant) and node.value in self.modules:
                    found[node.value].add(module.name)
        return found


def _name_and_source(root: Path, path: Path) -> tuple[str, str]:
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[0] != "ganapp":
        parts.insert(0, "ganapp")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts), path.read_text(encoding="utf-8")


def lines_of(house: House) -> dict[str, tuple[int, int]]:
    """Lines and files of every room."""
    counts = dict.fromkeys(ROOMS, (0, 0))
    for module in house.modules.values():
        lines, files = counts[module.path.parts[0]]
        counts[module.path.parts[0]] = (lines + len(module.source.splitlines()), files + 1)
    return counts


def single_importers(house: House) -> list[str]:
    """Modules that one other module imports and nobody else.

    `__init__` files are aside on both sides: a member of a registry has that alone as importer.
    """
    found = []
    for name, module in house.modules.items():
        importers = [house.modules[each] for each in house.importers[name] - {name}]
        if len(importers) == 1 and not module.is_package and not importers[0].is_package:
            found.append(f"{module.path} <- {importers[0].path}")
    return found


def private_attributes(house: House) -> list[str]:
    """Uses of `x._y` where `_y` is neither the object's own nor defined in the same module."""
    return [
        f"{module.path}:{node.lineno} {ast.unparse(node)}"
        for module in house.modules.values()
        for node in _private_uses(module)
    ]


def _private_uses(module: Module) -> Iterator[ast.Attribute | ast.ImportFrom]:
    own = set(_defined_names(module.nodes))
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if any(_is_private(name) for name in names) and node.module != "__future__":
                yield node
        elif isinstance(node, ast.Attribute) and _is_private(node.attr):
            value = ast.unparse(node.value)
            if value not in ("self", "cls", "super()", "type(self)") and node.attr not in own:
                yield node


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def _defined_names(nodes: list[ast.AST]) -> Iterator[str]:
    """Functions, classes, variables and attributes of `self` that a module makes."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and ast.unparse(node.value) in ("self", "cls")
        ):
            yield node.attr


def mentions_of_any(house: House) -> list[str]:
    """Places where an annotation says `Any`, one line a mention."""
    return [
        f"{module.path}:{line}"
        for module in house.modules.values()
        for annotation in _annotations(module.nodes)
        for line in _any_lines(annotation)
    ]


def _annotations(nodes: list[ast.AST]) -> Iterator[ast.expr]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            yield node.returns
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield node.annotation


def _any_lines(annotation: ast.expr) -> Iterator[int]:
    for node in ast.walk(annotation):
        if "Any" in (getattr(node, "id", ""), getattr(node, "attr", "")):
            yield node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                inside = ast.parse(node.value, mode="eval").body
            except SyntaxError:  # a literal or the text of `Annotated`
                continue
            yield from (node.lineno for _ in _any_lines(inside))


def circles(house: House) -> list[list[str]]:
    """Groups of modules that import each other, at their top, in functions or for types alone."""
    graph = {name: set(module.imports) - {name} for name, module in house.modules.items()}
    return [sorted(group) for group in _strongly_connected(graph) if len(group) > 1]


def _strongly_connected(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Tarjan's algorithm."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> Iterator[list[str]]:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in order:
                yield from visit(target)
                lowest[name] = min(lowest[name], lowest[target])
            elif target in stack:
                lowest[name] = min(lowest[name], order[target])
        if lowest[name] == order[name]:
            place = stack.index(name)
            yield stack[place:]
            del stack[place:]

    for name in graph:
        if name not in order:
            yield from visit(name)


def files_of_members(house: House, package: str) -> dict[str, Member]:
    """Member of a family -> the files that a person has in hand who adds it or takes it away.

    A member is what the family's `__init__`, its registry, imports from its folder; a module that
    half of the others import is none, but the contract or a helper of them all.
    """
    registry, found = house.modules[package], {}
    inside = [each for each in registry.imports if each.startswith(f"{package}.")]
    for name in inside:
        siblings = house.importers[name] & set(inside) - {name}
        if 2 * len(siblings) >= len(inside):
            continue
        own = _owned(house, name)
        users = set().union(*(house.importers[each] for each in own)) - own - {package}
        files = [house.modules[each].path for each in (name, *sorted(own - {name}), package)]
        found[name] = Member(
            files=[str(path) for path in files],
            users=sorted(str(house.modules[each].path) for each in users),
        )
    return found


def _owned(house: House, name: str) -> set[str]:
    """A module with all modules of its room that nobody imports but it and its own."""
    room, own = house.modules[name].path.parts[0], {name}
    own |= {each for each in house.modules if each.startswith(f"{name}.")}  # a member's folder
    while True:
        more = {
            target
            for each in own
            for target in house.modules[each].imports
            if target not in own
            and house.importers[target] <= own
            and house.modules[target].path.parts[0] == room
        }
        if not more:
            return own
        own |= more


def way_to_fit(house: House) -> list[str]:
    """Files of `ganapp/` in which the verb `train` runs something, by following names from it.

    A name is followed where it is an import or a definition of the module; methods of objects
    from elsewhere cannot be told from the text, but whoever makes the object is followed.
    """
    seen: set[tuple[str, str]] = set()
    waiting = [TRAIN]
    while waiting:
        module, name = waiting.pop()
        if (module, name) in seen or module not in house.modules:
            continue
        seen.add((module, name))
        waiting += _uses(house, house.modules[module], name)
    files = {house.modules[module].path for module, _ in seen}
    return sorted(str(path) for path in files if path.parts[0] == "ganapp")


def _definitions(module: Module) -> dict[str, ast.AST]:
    found: dict[str, ast.AST] = {}
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {each.id: node for each in targets if isinstance(each, ast.Name)}
    return found


def _uses(house: House, module: Module, name: str) -> Iterator[tuple[str, str]]:
    """Names of other definitions that one definition of a module uses."""
    definitions = _definitions(module)
    if name not in definitions:  # a package hands on what it imports
        target, inner = module.aliases.get(name, ("", None))
        if target and inner:
            yield target, inner
        return
    for node in _code(definitions[name]):
        if isinstance(node, ast.Name):
            target, inner = module.aliases.get(node.id, (module.name, node.id))
            if inner and (target != module.name or inner in definitions):
                yield target, inner
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            target, inner = module.aliases.get(node.value.id, ("", None))
            if target and inner is None:  # `module.function`
                yield target, node.attr


def _code(definition: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a definition without its annotations, which run nothing."""
    for name, value in ast.iter_fields(definition):
        if name in ("annotation", "returns"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield node
                yield from _code(node)


def _counts(members: dict[str, Member]) -> str:
    """The median, the largest, and a note on what others import of the members."""
    if not members:
        return "not found"
    counts = [len(each.files) for each in members.values()]
    used = sum(bool(each.users) for each in members.values())
    note = f"; {used} of {len(counts)} are imported elsewhere, too" if used else ""
    return f"{statistics.median_low(counts)} (at most {max(counts)}{note})"


def print_table(rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Prints the table as Markdown."""
    print("| what | at the start | now | wanted |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def main() -> None:
    """Prints the table, and with `--list` what is counted in it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="name what is counted")
    parser.add_argument("--under", default="", help="with --list: paths that start with this alone")
    arguments = parser.parse_args()
    house = House(Path.cwd())  # `-m` finds this file from the root alone
    rooms = lines_of(house)
    lines, files = (sum(counts) for counts in zip(*rooms.values(), strict=True))
    single, private = single_importers(house), private_attributes(house)
    unknown, rings, way = mentions_of_any(house), circles(house), way_to_fit(house)
    members = {family: files_of_members(house, package) for family, package in FAMILIES.items()}
    print_table(
        [
            ("product lines", "40,662", f"{lines:,}", "33,000"),
            ("product files", "376", f"{files:,}", "220"),
            ("modules with exactly one importer", "105", str(len(single)), "35"),
            ("private attributes of other objects", "26", str(len(private)), "8"),
            ("mentions of `Any` in annotations", "565", str(len(unknown)), "150"),
            ("import circles", "1", str(len(rings)), "0"),
            ("files that a metric touches", "5-6", _counts(members["metric"]), "2"),
            (
                "files that an export format touches",
                "4-6",
                _counts(members["export format"]),
                "2",
            ),
            ("files that a verb touches", "3", _counts(members["verb"]), "2"),
            ("files of `ganapp/` from `train` to `fit`", "44", str(len(way)), "20"),
        ]
    )
    print(
        "\n"
        + ", ".join(f"{room}/ {lines:,} lines in {files}" for room, (lines, files) in rooms.items())
    )
    if arguments.list:
        lists = {
            "Modules with exactly one importer": single,
            "Private attributes of other objects": private,
            "`Any` in annotations, by file": _by_file(unknown),
            "Import circles": [" <-> ".join(ring) for ring in rings],
            "From `train` to `fit`": way,
        } | {
            f"Files of a {family}": [
                f"{x.files[0]}: {', '.join(x.files[1:])}"
                + (f" (imported by {', '.join(x.users)})" if x.users else "")
                for x in each.values()
            ]
            for family, each in members.items()
        }
        for title, entries in lists.items():
            kept = [entry for entry in entries if entry.startswith(arguments.under)]
            print(f"\n{title} ({len(kept)})")
            print("\n".join(f"  {entry}" for entry in kept))


def _by_file(places: list[str]) -> list[str]:
    counts: dict[str, int] = defaultdict(int)
    for place in places:
        counts[place.partition(":")[0]] += 1
    return [f"{path}: {count}" for path, count in sorted(counts.items(), key=lambda x: -x[1])]


if __name__ == "__main__":
    main()
