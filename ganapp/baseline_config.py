"""What a baseline alone is fitted on and judged by: validated data."""

from ganapp.judged_config import JudgedData
from ganapp.section import PluginSection


class BaselineConfig(PluginSection):
    """A baseline and its options."""

    FAMILY = "baseline"
    name: str


class BaselineRun(JudgedData):
    """A baseline, its data, and how its samples are judged."""

    baseline: BaselineConfig
