"""Trains, judges and ships generators: `python -m ganapp`, or in Python by the names below."""

import importlib
import os
import sys

from ganapp.training.kernels import enable_onednn

__version__ = "0.2.0"
# Each is imported when it is first asked for: the command line's help must not wait for TensorFlow.
_OFFERED = {
    "GAN": ("ganapp.models.gan", "GAN"),
    "Tables": ("ganapp.runner.tables", "Tables"),
    "augmentations": ("ganapp.training.augmentations", None),
    "constraints": ("ganapp.training.data.tables.constraints", None),
    "export": ("ganapp.export", None),
    "metrics": ("ganapp.training.evaluation.metrics", None),
    "models": ("ganapp.models", None),
    "objectives": ("ganapp.training.objectives", None),
    "priors": ("ganapp.training.priors", None),
    "terms": ("ganapp.training.terms", None),
    "training": ("ganapp.training", None),
    "weightings": ("ganapp.training.weightings", None),
}
__all__ = [
    "GAN",
    "Tables",
    "augmentations",
    "constraints",
    "export",
    "metrics",
    "objectives",
    "priors",
    "terms",
    "weightings",
]

# TensorFlow's C++ side talks to stderr before Python can ask it not to; what matters arrives as
# exceptions. A user who wants the chatter sets the variable to 0.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Every way to TensorFlow leads through this package: the application, the networks, the tests.
if _too_late := enable_onednn():
    print(_too_late, file=sys.stderr)


def __getattr__(name: str) -> object:
    """What the package offers, imported now."""
    if name not in _OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _OFFERED[name]
    found = importlib.import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_OFFERED})
