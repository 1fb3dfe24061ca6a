"""The table `evaluation`: in which space, by which figures and on how many samples."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

import pydantic

from ganapp.section import PluginSection, Positive, Section
from ganapp.training.evaluation.metrics import METRICS

FIGURES = [key for metric in METRICS for key in metric.figures]
CHOOSING = [  # figures that may choose the best checkpoint
    key
    for metric in METRICS
    for key, figure in metric.figures.items()
    if figure.better in ("higher", "lower") and metric.needs is None
]


class FeaturesConfig(PluginSection):
    """The feature space in which samples are compared with real data."""

    FAMILY = "features"
    name: str = "pca"


class EvaluationConfig(Section):
    """How the run is judged; `metric` chooses the best checkpoint.

    `figures` are those that a report holds on request only; `features` may be a name or a table;
    `baselines` are fitted for the report.
    """

    samples: Annotated[int, pydantic.Field(ge=50)] = 2500
    reference: Literal["all", "train"] = "all"
    neighbours: Positive = 5
    components: Positive = 32
    baseline_components: Positive = 10
    features: FeaturesConfig = FeaturesConfig()
    figures: list[str] = []
    baselines: list[str] = ["mixture"]
    metric: str = "frechet_distance"
    seed: Annotated[int, pydantic.Field(ge=0, lt=2**31)] = 0

    @pydantic.field_validator("features", mode="before")
    @classmethod
    def _a_name_is_a_table(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @pydantic.field_validator("metric")
    @classmethod
    def _known_metric(cls, metric: str) -> str:
        return _known("metric", metric, CHOOSING)

    @pydantic.field_validator("figures")
    @classmethod
    def _known_figures(cls, figures: list[str]) -> list[str]:
        return [_known("figures", figure, FIGURES) for figure in figures]


def _known(field: str, name: str, names: Collection[str]) -> str:
    if name not in names:
        raise ValueError(f"`{field}` must be among {', '.join(sorted(names))}. Received: {name!r}")
    return name
