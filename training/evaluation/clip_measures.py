"""Figures of clips: their frames one by one, and how they move."""

import numpy as np

from training.evaluation.checks import NotComputable
from training.evaluation.clips import motion
from training.evaluation.distances import frechet_distance
from training.evaluation.evidence import Batch, Evidence
from training.evaluation.features import FeatureSpace
from training.evaluation.measure import Details, Measure, Values

MOST_CLIPS = 2000  # their frames are many more


def _frames(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    return _distance("frame_distance", evidence.frame_space, batch, reference)


def _changes(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    return _distance("change_distance", evidence.change_space, batch, reference)


def _distance(
    key: str, space: FeatureSpace, batch: Batch, reference: Batch
) -> tuple[Values, Details]:
    first, second = reference.moments(space), batch.moments(space)
    return {key: frechet_distance(first, second)}, {"dimension": len(first.mean)}


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


def _is_video(evidence: Evidence) -> bool:
    return evidence.spec.kind == "video"


CLIP_MEASURES: tuple[Measure, ...] = (
    Measure(
        better={"frame_distance": "lower"},
        applies=_is_video,
        space=lambda evidence: evidence.frame_space,
        compute=_frames,
        most=MOST_CLIPS,
    ),
    Measure(
        better={"change_distance": "lower"},
        applies=_is_video,
        space=lambda evidence: evidence.change_space,
        compute=_changes,
        most=MOST_CLIPS,
    ),
    Measure(
        better={"motion": "one", "autocorrelation_distance": "lower"},
        applies=_is_video,
        compute=_motion,
        most=MOST_CLIPS,
    ),
)
