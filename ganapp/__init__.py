"""Trains, judges and ships generators: `python -m ganapp`, or in Python by the names below."""

import importlib
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType

from ganapp.training.kernels import enable_onednn

__version__ = "0.2.0"
# Each is imported when it is first asked for: the command line's help must not wait for TensorFlow.
_OFFERED = {
    "AUGMENTATIONS": ("ganapp.training.augmentations", "AUGMENTATIONS"),
    "BASELINES": ("ganapp.training.baselines", "BASELINES"),
    "DISCRIMINATORS": ("ganapp.models.networks", "DISCRIMINATORS"),
    "FEATURES": ("ganapp.training.evaluation.features", "FEATURES"),
    "GAN": ("ganapp.models.gan", "GAN"),
    "GENERATORS": ("ganapp.models.networks", "GENERATORS"),
    "METRICS": ("ganapp.training.evaluation.metrics", "METRICS"),
    "OBJECTIVES": ("ganapp.training.objectives", "OBJECTIVES"),
    "PRIORS": ("ganapp.training.priors", "PRIORS"),
    "SOURCES": ("ganapp.training.data", "SOURCES"),
    "TERMS": ("ganapp.training.terms", "TERMS"),
    "WEIGHTINGS": ("ganapp.training.weightings", "WEIGHTINGS"),
    "WEIGHT_CONSTRAINTS": ("ganapp.training.constraints", "CONSTRAINTS"),
    "Run": ("ganapp.python", "Run"),
    "Tables": ("ganapp.runner.tables", "Tables"),
    "UserError": ("ganapp.errors", "UserError"),
    "augmentations": ("ganapp.training.augmentations", None),
    "callbacks": ("ganapp.models.callbacks", None),
    "constraints": ("ganapp.training.data.tables.constraints", None),
    "export": ("ganapp.export", None),
    "load_plugin": ("ganapp.plugins", "load_plugin"),
    "metrics": ("ganapp.training.evaluation.arrays", None),
    "models": ("ganapp.models", None),
    "objectives": ("ganapp.training.objectives", None),
    "priors": ("ganapp.training.priors", None),
    "terms": ("ganapp.training.terms", None),
    "train": ("ganapp.python", "train"),
    "training": ("ganapp.training", None),
    "weightings": ("ganapp.training.weightings", None),
}
__all__ = [
    "AUGMENTATIONS",
    "BASELINES",
    "DISCRIMINATORS",
    "FEATURES",
    "GAN",
    "GENERATORS",
    "METRICS",
    "OBJECTIVES",
    "PRIORS",
    "SOURCES",
    "TERMS",
    "WEIGHTINGS",
    "WEIGHT_CONSTRAINTS",
    "Run",
    "Tables",
    "UserError",
    "augmentations",
    "callbacks",
    "constraints",
    "export",
    "load_plugin",
    "metrics",
    "objectives",
    "priors",
    "terms",
    "train",
    "weightings",
]

# TensorFlow's C++ side talks to stderr before Python can ask it not to; what matters arrives as
# exceptions. A user who wants the chatter sets the variable to 0.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Every way to TensorFlow leads through this package: the application, the networks, the tests.
if _too_late := enable_onednn():
    print(_too_late, file=sys.stderr)


class _SavedGAN:
    """Stands for `GAN` among the classes that Keras can load, until one is."""

    @classmethod
    def from_config(cls, config: dict[str, object]) -> object:
        return __getattr__("GAN").from_config(config)


def _register(keras: ModuleType) -> None:
    keras.saving.get_custom_objects().setdefault("ganapp>GAN", _SavedGAN)


def _import_keras(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    """Lets `keras.models.load_model` find a GAN after `import ganapp`, which imports no Keras."""
    load(module)
    _register(module)


def _import_tensorflow(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    """Holds back what TensorFlow says to everybody who imports it, before it reads any setting."""
    from ganapp.screen import quiet_stderr

    with quiet_stderr():
        load(module)
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "0":
        module.get_logger().setLevel("WARNING")  # where Python is interactive, it says more


class _ImportOf(importlib.abc.MetaPathFinder):
    """Has a function import a library, whoever asks for it: ganapp by itself does not."""

    def __init__(self, name: str, run: Callable[..., None]) -> None:
        self.name, self.run = name, run

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != self.name:
            return None
        sys.meta_path.remove(self)  # so that the others are asked
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: self.run(module, load)
        return spec


if "keras" in sys.modules:
    _register(sys.modules["keras"])
else:
    sys.meta_path.insert(0, _ImportOf("keras", _import_keras))
if "tensorflow" not in sys.modules:
    sys.meta_path.insert(0, _ImportOf("tensorflow", _import_tensorflow))


def __getattr__(name: str) -> object:
    """What the package offers, imported now."""
    if name == "CONSTRAINTS":
        raise AttributeError(
            "`ganapp.CONSTRAINTS`, those of weights, is now `ganapp.WEIGHT_CONSTRAINTS`; those of "
            "tables are in `ganapp.constraints`."
        )
    if name not in _OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _OFFERED[name]
    found = importlib.import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_OFFERED})
