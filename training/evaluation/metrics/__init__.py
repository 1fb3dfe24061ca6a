"""The registry of metrics, in the order of a report. A new one is a file here and a line below."""

from ganapp.training.evaluation.metric import Metric
from ganapp.training.evaluation.metrics.class_histogram import CLASS_HISTOGRAM
from ganapp.training.evaluation.metrics.class_score import CLASS_SCORE
from ganapp.training.evaluation.metrics.clips import CHANGE_DISTANCE, FRAME_DISTANCE, MOTION
from ganapp.training.evaluation.metrics.codes import CODE_ACCURACY, CODE_INFORMATION
from ganapp.training.evaluation.metrics.conditional_energy import CONDITIONAL_ENERGY
from ganapp.training.evaluation.metrics.copied_rows import COPIED_ROWS
from ganapp.training.evaluation.metrics.disentanglement import DISENTANGLEMENT
from ganapp.training.evaluation.metrics.energy_distance import ENERGY_DISTANCE
from ganapp.training.evaluation.metrics.frechet_distance import FRECHET_DISTANCE
from ganapp.training.evaluation.metrics.inversion import INVERSION
from ganapp.training.evaluation.metrics.kernel_distance import KERNEL_DISTANCE
from ganapp.training.evaluation.metrics.lost_tails import LOST_TAILS
from ganapp.training.evaluation.metrics.memorisation import AUTHENTICITY, DUPLICATES, MEMORISED
from ganapp.training.evaluation.metrics.modes import MODES, STACKED_MODES
from ganapp.training.evaluation.metrics.path_length import PATH_LENGTH
from ganapp.training.evaluation.metrics.precision_recall import PRECISION_RECALL
from ganapp.training.evaluation.metrics.requested_classes import (
    ASKED_ACCURACY,
    CLASS_COVERAGE,
    TRANSFER_ACCURACY,
)
from ganapp.training.evaluation.metrics.table_columns import TABLE_COLUMNS
from ganapp.training.evaluation.metrics.tstr import TSTR
from ganapp.training.evaluation.metrics.two_sample_test import LOGISTIC_TEST, NEIGHBOUR_TEST
from ganapp.training.evaluation.metrics.wasserstein import (
    EXACT_WASSERSTEIN,
    PYRAMID_WASSERSTEIN,
    SLICED_WASSERSTEIN,
)

METRICS: list[Metric] = [
    PRECISION_RECALL,
    FRECHET_DISTANCE,
    KERNEL_DISTANCE,
    CLASS_HISTOGRAM,
    MEMORISED,
    MODES,
    STACKED_MODES,
    TABLE_COLUMNS,
    TSTR,
    COPIED_ROWS,
    LOST_TAILS,
    FRAME_DISTANCE,
    CHANGE_DISTANCE,
    MOTION,
    ASKED_ACCURACY,
    CLASS_COVERAGE,
    TRANSFER_ACCURACY,
    CODE_ACCURACY,
    CODE_INFORMATION,
    DISENTANGLEMENT,
    CLASS_SCORE,
    CONDITIONAL_ENERGY,
    INVERSION,
    SLICED_WASSERSTEIN,
    PYRAMID_WASSERSTEIN,
    EXACT_WASSERSTEIN,
    ENERGY_DISTANCE,
    NEIGHBOUR_TEST,
    LOGISTIC_TEST,
    AUTHENTICITY,
    DUPLICATES,
    PATH_LENGTH,
]
