"""Data and how samples are judged against them, where nothing is trained: validated data."""

from ganapp.config import DataConfig
from ganapp.evaluation_config import EvaluationConfig
from ganapp.section import Section


class JudgedData(Section):
    """Real data, and how samples are compared with them."""

    data: DataConfig
    evaluation: EvaluationConfig = EvaluationConfig()
