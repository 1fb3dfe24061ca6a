"""Named members of a family: a dictionary that refuses duplicates and suggests near matches.

Standard library only.
"""

import importlib
from collections.abc import Iterable
from typing import Any

from ganapp.training.messages import did_you_mean


class UnknownNameError(ValueError):
    """A name that is in no registry, with the names that are."""


class Registry(dict):
    """Maps names to members; a lookup of an unknown name raises one sentence.

    Args:
        kind: what the members are, for the sentence, e.g. `"objective"`.
        members: objects with a `name`, or (name, member) pairs.
    """

    def __init__(self, kind: str, members: Iterable) -> None:
        super().__init__()
        self.kind = kind
        for member in members:
            name, value = member if isinstance(member, tuple) else (member.name, member)
            if name in self:
                raise ValueError(f"The {kind} {name!r} is registered twice.")
            self[name] = value

    def __missing__(self, name: str):
        hint = did_you_mean(str(name), self)
        raise UnknownNameError(
            f"There is no {self.kind} called {name!r}; there are {', '.join(sorted(self))}.{hint}"
        )


def import_members() -> None:
    """Imports whatever of this room a saved GAN may hold, so that Keras knows it."""
    for family in ("objectives", "priors"):
        importlib.import_module(f".{family}", __package__)


def find_objective(name: str) -> Any:
    """The objective of that name with its paper's defaults.

    Objectives are imported by the call, so that `GAN.compile(objective="hinge")` works
    although the room of the networks imports nothing of this one.

    Raises:
        UnknownNameError: there is none; the sentence lists those there are.
    """
    return importlib.import_module(".objectives", __package__).OBJECTIVES[name]()
