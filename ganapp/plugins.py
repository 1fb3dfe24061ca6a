"""Plugins: Python files of the user's in which members of their own are registered.

Only what is named is imported: by `--plugin`, in `[plugins]` of a TOML file, by `load_plugin`. A
run keeps a copy of each with its checksum, which nobody imports by itself.
"""

import dataclasses
import hashlib
import importlib.machinery
import importlib.util
import sys
import traceback
from pathlib import Path
from types import CodeType, ModuleType

from ganapp.errors import UserError
from ganapp.training.files import read_bytes
from ganapp.training.registry import REGISTERED, RegistrationError

LONGEST = 2**22  # bytes of a plugin


class PluginError(UserError, ValueError):
    """A plugin that cannot be used; its text is the sentence to print."""


@dataclasses.dataclass(frozen=True)
class Plugin:
    """A plugin as it was read.

    Args:
        path: of the file.
        source: its content.
        code: the same, compiled.
        members: what it registered, in words; once it is loaded.
    """

    path: Path
    source: bytes
    code: CodeType
    members: list[str] = dataclasses.field(default_factory=list, compare=False)

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    @property
    def module(self) -> str:
        """Name of the module: the same in every process, so that Keras finds its classes."""
        return f"{__name__}.{self.path.stem}"

    @property
    def sha256(self) -> str:
        """Checksum of the content."""
        return hashlib.sha256(self.source).hexdigest()


_named: dict[str, Plugin] = {}  # by the names of the files, in order


def named_plugins() -> tuple[Plugin, ...]:
    """The plugins that this process was given, in order."""
    return tuple(_named.values())


def name_plugin(path: str | Path) -> Plugin:
    """Notes that a plugin is to be loaded; its code is read and compiled, not run.

    Raises:
        PluginError: the file cannot be read, is no Python, or another one has its name.
    """
    path = Path(path).expanduser().absolute()
    if path.suffix != ".py":
        raise PluginError(f"A plugin must be a Python file, ending in .py. Received: {path}")
    try:
        source = read_bytes(path, LONGEST)
    except OSError as error:
        raise PluginError(f"The plugin {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise PluginError(f"The plugin {path} cannot be read: {error}.") from error
    known = _named.get(path.name)
    if known is None:
        _named[path.name] = Plugin(path, source, _compiled(path, source))
    elif known.source != source and known.path == path:
        raise PluginError(
            f"The plugin {path} has changed since it was loaded, and a plugin is loaded once: "
            "start Python (or the notebook's kernel) again."
        )
    elif known.source != source:
        raise PluginError(
            f"Two plugins are called {path.name}, and a run keeps them by their names: rename one. "
            f"Received: {known.path} and {path}"
        )
    return _named[path.name]


def _compiled(path: Path, source: bytes) -> CodeType:
    try:
        return compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f"line {error.lineno}: " if getattr(error, "lineno", None) else ""
        reason = getattr(error, "msg", None) or str(error) or "it is nested too deeply"
        raise PluginError(
            f"The plugin {path} cannot be loaded: {line}{type(error).__name__}: {reason}."
        ) from error


def load_named() -> None:
    """Runs the plugins that were named and are not loaded yet.

    Raises:
        PluginError: one fails, or registers nothing; nothing of it is left then.
    """
    for plugin in named_plugins():
        if plugin.module not in sys.modules:
            _load(plugin)


def load_plugin(path: str | Path) -> ModuleType:
    """Loads a Python file that registers members; they are then chosen by their names.

    A file is loaded once in a process, as the module `ganapp.plugins.<its name>`.

    Args:
        path: of the file, ending in .py.

    Raises:
        PluginError: a `ValueError`; the file cannot be read, fails or registers nothing, or a file
            of the same name and another content was loaded before.
    """
    plugin = name_plugin(path)
    load_named()
    return sys.modules[plugin.module]


def _load(plugin: Plugin) -> None:
    from ganapp.config.members import check_member, options_model

    spec = importlib.machinery.ModuleSpec(plugin.module, None, origin=str(plugin.path))
    spec.has_location = True  # gives the module its `__file__`
    module, before, finished = importlib.util.module_from_spec(spec), len(REGISTERED), False
    sys.modules[plugin.module] = module
    try:
        exec(plugin.code, module.__dict__)
        if len(REGISTERED) == before:
            raise PluginError(
                f"The plugin {plugin.path} registers nothing: put `@TERMS.register`, "
                '`@GENERATORS.register("name")` or the like above what it defines.'
            )
        for family, name in REGISTERED[before:]:
            check_member(family, name)
            plugin.members.append(f"{family.kind} {name}")
        finished = True
    except RegistrationError as error:
        raise PluginError(
            f"The plugin {plugin.path} cannot be loaded: {_line(plugin, error)}{error}"
        ) from error
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        said = (str(error).strip() or "no message").splitlines()[0]
        raise PluginError(
            f"The plugin {plugin.path} cannot be loaded: {_line(plugin, error)}"
            f"{type(error).__name__}: {said}"
        ) from error
    finally:
        if not finished:
            for family, name in REGISTERED[before:]:
                family.discard(name)
            del REGISTERED[before:], sys.modules[plugin.module], _named[plugin.name]
            options_model.cache_clear()  # of members that passed, before one did not


def _line(plugin: Plugin, error: BaseException) -> str:
    """The line of the plugin in which the error came up, if it did."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(plugin.path)]
    return f"line {lines[-1]}: " if lines else ""
