"""Named members of a family: a dictionary that refuses duplicates and suggests near matches.

Standard library only.
"""

import functools
import importlib
from collections.abc import Iterable
from typing import Any, Protocol

from ganapp.training.messages import did_you_mean


class UnknownNameError(ValueError):
    """A name that is in no registry, with the names that are."""


class RegistrationError(ValueError):
    """A member that a registry does not take, with the reason."""


class Family(Protocol):
    """What members are registered with."""

    kind: str

    def register(self, member: Any) -> Any:
        """Adds a member and gives it back."""

    def discard(self, name: str) -> None:
        """Takes a member out again."""


REGISTERED: list[tuple[Family, str]] = []
"""What was registered beside ganapp's own members, in order: the family and the name."""


class Registry(dict):
    """Maps names to members; a lookup of an unknown name raises one sentence.

    `register` adds a member of the user's, as a decorator:

        @TERMS.register
        class Pull(Term):
            name = "pull"

        @GENERATORS.register("mine")
        def generator(inputs, shape, *, width: int = 64): ...

    Args:
        kind: what the members are, for sentences, e.g. `"objective"`.
        members: objects with a `name`, or (name, member) pairs.
        base: the class that every member is derived from; functions have none.
        extends: a registry of which all members, later ones too, are members here.
    """

    def __init__(
        self,
        kind: str,
        members: Iterable,
        *,
        base: type | None = None,
        extends: "Registry | None" = None,
    ) -> None:
        super().__init__(extends or {})
        self.kind, self.base = kind, base
        self._extensions: list[Registry] = []
        if extends is not None:
            extends._extensions.append(self)
        for member in members:
            name, value = member if isinstance(member, tuple) else (member.name, member)
            self._add(name, value)

    def register(self, member: Any) -> Any:
        """Adds a member by its `name` and gives it back; of a name, the decorator for it.

        Raises:
            RegistrationError: it has no name that a configuration could say, one that is taken, or
                is of another kind.
        """
        if isinstance(member, str):
            return functools.partial(self._register, member)
        return self._register(getattr(member, "name", ""), member)

    def discard(self, name: str) -> None:
        """Takes a member out again."""
        for registry in (self, *self._extensions):
            del registry[name]

    def _register(self, name: str, member: Any) -> Any:
        if not isinstance(name, str) or not name.isidentifier():
            raise RegistrationError(
                f"The {self.kind} needs a name of letters, digits and _, as its `name` or in "
                f'`register("...")`. Received: {name!r}'
            )
        derived = isinstance(member, type) and issubclass(member, self.base or object)
        if not (derived or (self.base is None and callable(member))):
            wanted = "a function"
            if self.base is not None:
                wanted = f"a class derived from `{self.base.__module__}.{self.base.__name__}`"
            raise RegistrationError(
                f"The {self.kind} {name!r} must be {wanted}. Received: {member!r}"
            )
        self._add(name, member)
        REGISTERED.append((self, name))
        return member

    def _add(self, name: str, member: Any) -> None:
        for registry in (self, *self._extensions):
            if name in registry:
                raise RegistrationError(
                    f"There is a {registry.kind} called {name!r} already: every name is given once."
                )
        for registry in (self, *self._extensions):
            registry[name] = member

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
