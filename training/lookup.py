"""Finds members by name; what holds them is imported when somebody asks. Standard library only.

So `GAN.compile(objective="hinge")` works, although the room of the networks imports nothing of
this one.
"""

import importlib
from typing import Any


def objective_called(name: str) -> Any:
    """The objective of that name with its paper's defaults.

    Raises:
        ValueError: there is none; the sentence lists those there are.
    """
    return importlib.import_module(".objectives", __package__).OBJECTIVES[name]()
