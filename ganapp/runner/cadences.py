"""How often a run is recorded, judged and saved: fitted to its length."""

import dataclasses
import math

from ganapp.config import TrainingConfig
from ganapp.evaluation_config import EvaluationConfig


@dataclasses.dataclass(frozen=True)
class Usual:
    """The cadence of a setting that is left out.

    Args:
        every: steps between two times, in a run that is long enough.
        least: how many times a shorter run gets, as far as it has steps.
        most: how many times a longer run gets; `None` for as many as there are.
    """

    every: int
    least: int
    most: int | None = None

    def over(self, steps: int) -> int:
        """Steps between two times in a run of so many steps."""
        fewest = 1 if self.most is None else math.ceil(steps / self.most)
        return max(min(self.every, math.ceil(steps / self.least)), fewest)


USUAL = {
    "log_every": Usual(50, least=50),
    "checkpoint_every": Usual(500, least=5),
    "sample_every": Usual(500, least=4, most=100),
    "evaluate_every": Usual(1000, least=2, most=50),
}
# Steps from which on a run is judged on all samples that the report is made of: judging a shorter
# one on as many takes longer than training it.
WHOLE = 2000
FEWEST_SAMPLES = 250  # of which figures still mean something


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cadences:
    """Steps between two times of everything that happens along a training.

    Args:
        log: rows of scalars.
        checkpoint: checkpoints.
        sample: pictures.
        evaluate: evaluations.
        samples: how many samples an evaluation is made on.
        notes: sentences on settings that did not fit the length of the run.
    """

    log: int
    checkpoint: int
    sample: int
    evaluate: int
    samples: int
    notes: tuple[str, ...] = ()


def cadences_of(training: TrainingConfig, evaluation: EvaluationConfig, steps: int) -> Cadences:
    """The cadences of a run of so many steps.

    What the configuration leaves out goes by the length of the run; what it sets holds, unless the
    run is over before the first time.

    Args:
        training: the section.
        evaluation: the section.
        steps: of the whole run.
    """
    every, notes = {}, []
    for name, usual in USUAL.items():
        given, fitting = getattr(training, name), usual.over(steps)
        every[name] = fitting if given is None or given > steps else given
        if given is not None and given > steps:
            notes.append(
                f"`training.{name}` is {given:,}, more than the {steps:,} steps of this run; it is "
                f"taken as {fitting:,}"
            )
    samples = _samples(evaluation, steps)
    return Cadences(
        **{name.removesuffix("_every"): steps for name, steps in every.items()},
        samples=samples,
        notes=tuple(notes),
    )


def _samples(evaluation: EvaluationConfig, steps: int) -> int:
    """Samples of an evaluation along the training."""
    fitting = math.ceil(evaluation.samples * min(1.0, steps / WHOLE))
    # Nearest neighbours are looked for among the samples.
    return min(evaluation.samples, max(fitting, FEWEST_SAMPLES, evaluation.neighbours + 1))
