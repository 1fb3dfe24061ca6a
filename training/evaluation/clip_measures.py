"""Figures of clips: their frames one by one, and how they move."""

from collections.abc import Callable

import numpy as np

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.clips import motion
from ganapp.training.evaluation.distances import frechet_distance
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.features import FeatureSpace
from ganapp.training.evaluation.measure import Details, Measure, Values

MOST_CLIPS = 2000  # their frames are many more


def _is_video(evidence: Evidence) -> bool:
    return evidence.spec.kind == "video"


def _distance(key: str, space: Callable[[Evidence], FeatureSpace]) -> Measure:
    """Fréchet distance between the pieces that this space makes of clips."""

    def compute(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
        first, second = (side.moments(space(evidence)) for side in (reference, batch))
        return {key: frechet_distance(first, second)}, {"dimension": len(first.mean)}

    return Measure(
        better={key: "lower"}, applies=_is_video, space=space, compute=compute, most=MOST_CLIPS
    )


def _motion(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    real, found = motion(reference.samples), motion(batch.samples)
    values: Values = {
        "motion": NotComputable("The real clips do not move"),
        "autocorrelation_distance": NotComputable("Either side's pixels are all the same"),
    }
    details: Details = {"change": found.change, "real_change": real.change}
    if real.change > 0:
        values["motion"] = found.change / real.change
    if real.autocorrelation is not None and found.autocorrelation is not None:
        difference = found.autocorrelation - real.autocorrelation
        values["autocorrelation_distance"] = float(np.sqrt(np.mean(np.square(difference))))
        details["autocorrelation"] = found.autocorrelation.tolist()
        details["real_autocorrelation"] = real.autocorrelation.tolist()
    return values, details


CLIP_MEASURES: tuple[Measure, ...] = (
    _distance("frame_distance", lambda evidence: evidence.frame_space),
    _distance("change_distance", lambda evidence: evidence.change_space),
    Measure(
        better={"motion": "one", "autocorrelation_distance": "lower"},
        applies=_is_video,
        compute=_motion,
        most=MOST_CLIPS,
    ),
)
