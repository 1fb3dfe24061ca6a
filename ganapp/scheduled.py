"""Numbers that may also move over the training: `0.1` or `{ start = 0.1, end = 0.0 }`."""

import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pydantic

from ganapp.training.schedules import Anneal


class AnnealConfig(pydantic.BaseModel):
    """A value that moves over the whole training; see `ganapp.training.schedules.Anneal`."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, strict=True
    )
    start: float
    end: float
    shape: Literal["linear", "cosine", "exponential"] = "cosine"

    @pydantic.model_validator(mode="after")
    def _check_shape(self) -> "AnnealConfig":
        if min(self.start, self.end) < 0:
            raise ValueError(
                "`start` and `end` must not be negative. "
                f"Received: start={self.start}, end={self.end}"
            )
        if self.shape == "exponential" and not min(self.start, self.end) > 0:
            raise ValueError(
                "`start` and `end` must be above 0 for an exponential shape, which changes by "
                f"equal ratios. Received: start={self.start}, end={self.end}"
            )
        if self.shape == "cosine" and self.start == 0:
            raise ValueError(
                "`start` must be above 0 for the cosine shape; choose shape='linear'. "
                "Received: start=0"
            )
        return self

    def anneal(self) -> Anneal:
        """The plain object."""
        return Anneal(start=self.start, end=self.end, shape=self.shape)


def scheduled(number: Any) -> Any:
    """The type of a number that may also be a table with start, end and shape.

    Tagged by what came, so that a mistake is explained once and not for each alternative.
    """
    return Annotated[
        Annotated[number, pydantic.Tag("<number>")]
        | Annotated[AnnealConfig, pydantic.Tag("<table>")],
        pydantic.Discriminator(
            lambda given: "<table>" if isinstance(given, dict | AnnealConfig) else "<number>"
        ),
    ]


def is_scheduled(hint: Any) -> bool:
    """Whether a type hint allows a schedule beside a number."""
    parts = typing.get_args(hint)
    return any(part is Anneal or typing.get_origin(part) is Callable for part in parts) or any(
        is_scheduled(part) for part in parts if typing.get_args(part)
    )
