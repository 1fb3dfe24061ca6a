"""What a baseline alone is fitted on and judged by: validated data."""

from ganapp.config import DataConfig
from ganapp.evaluation_config import EvaluationConfig
from ganapp.section import PluginSection, Section


class BaselineConfig(PluginSection):
    """A baseline and its options."""

    FAMILY = "baseline"
    name: str


class BaselineRun(Section):
    """A baseline, its data, and how its samples are judged."""

    baseline: BaselineConfig
    data: DataConfig
    evaluation: EvaluationConfig = EvaluationConfig()
