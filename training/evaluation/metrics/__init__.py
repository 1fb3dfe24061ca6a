"""The registry of metrics, in the order of a report. A new one is a file here and a line below."""

from ganapp.training.evaluation.metric import Figure, Metric
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
from ganapp.training.registry import REGISTERED, RegistrationError


class Metrics(list[Metric]):
    """The metrics in the order of a report; `register` adds one of the user's."""

    kind = "metric"

    @property
    def figures(self) -> dict[str, Figure]:
        """Every figure by its key."""
        return {key: figure for metric in self for key, figure in metric.figures.items()}

    def register(self, metric: Metric) -> Metric:
        """Adds a metric of the user's and gives it back.

        Raises:
            RegistrationError: it is none, or has a figure of a key that is taken.
        """
        if not isinstance(metric, Metric):
            raise RegistrationError(
                f"A metric must be a `{Metric.__module__}.Metric`. Received: {metric!r}"
            )
        for key in metric.figures:
            if key in self.figures:
                raise RegistrationError(
                    f"There is a figure called {key!r} already: every name is given once."
                )
        self.append(metric)
        REGISTERED.append((self, metric.key))
        return metric

    def discard(self, name: str) -> None:
        """Takes a metric out again, by the key of its first figure."""
        self[:] = [metric for metric in self if metric.key != name]


METRICS = Metrics(
    [
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
)
