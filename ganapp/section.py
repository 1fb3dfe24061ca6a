"""What a table of the configuration is: validated data, or the choice of a member with options."""

from typing import Annotated, Any, ClassVar, Self

import pydantic

from ganapp import plugins

Positive = Annotated[int, pydantic.Field(ge=1, lt=2**31)]
Weight = Annotated[float, pydantic.Field(ge=0)]
Fraction = Annotated[float, pydantic.Field(ge=0, le=1)]
Share = Annotated[float, pydantic.Field(gt=0, le=1)]
Seed = Annotated[int, pydantic.Field(ge=0, lt=2**31)]
Rate = Annotated[float, pydantic.Field(gt=0)]


class Section(pydantic.BaseModel):
    """A table of the configuration: unknown keys are errors, values never change."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, strict=True
    )


class PluginSection(Section):
    """A table that names a member of a family; its further keys are that member's options."""

    model_config = pydantic.ConfigDict(extra="allow")
    FAMILY: ClassVar[str]
    MEMBER: ClassVar[str] = "name"
    LEAVE: ClassVar[tuple[str, ...]] = ()

    @pydantic.model_validator(mode="after")
    def _check_options(self) -> Self:
        options = plugins.checked_options(
            self.FAMILY, self.member, self.options, self.LEAVE, tuple(type(self).model_fields)
        )
        self.__pydantic_extra__.update(options)
        return self

    @property
    def member(self) -> str:
        """Name of the chosen member."""
        return getattr(self, self.MEMBER)

    @property
    def options(self) -> dict[str, Any]:
        """Options of the chosen member."""
        return dict(self.__pydantic_extra__ or {})

    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the member with its options."""
        return plugins.build(self.FAMILY, self.member, self.options, *args, **kwargs)
