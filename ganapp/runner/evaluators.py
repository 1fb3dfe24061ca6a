"""What computes the figures of samples, as the evaluation section describes it."""

from collections.abc import Sequence
from pathlib import Path

from ganapp.config.schema import EvaluationConfig
from ganapp.errors import UserError
from ganapp.training.baselines import BASELINES
from ganapp.training.data import Source
from ganapp.training.evaluation.judge import Judge
from ganapp.training.evaluation.measures import MEASURES


def checked_evaluator(
    evaluation: EvaluationConfig, source: Source, *, cache: Path | None = None
) -> Judge:
    """An evaluator that has every figure that is configured.

    Args:
        evaluation: the section.
        source: the real data.
        cache: folder for what takes long to work out from them.

    Raises:
        UserError: the feature space cannot be made, or the data have no such figure.
    """
    try:
        judge = make_evaluator(evaluation, source, cache=cache)
    except ValueError as error:
        raise UserError(str(error).strip()) from error
    along, whole = judge.keys
    metric, figures = {evaluation.metric}, set(evaluation.figures)
    for field, wanted, possible in (("metric", metric, along), ("figures", figures, whole)):
        if not wanted <= possible:
            raise UserError(
                f"`evaluation.{field}` must be figures that the data {source.spec.name!r} have in "
                f"the feature space {evaluation.features.name!r}. "
                f"Received: {', '.join(sorted(wanted - possible))}"
            )
    return judge


def make_evaluator(
    evaluation: EvaluationConfig, source: Source, *, cache: Path | None = None
) -> Judge:
    """The evaluator that the evaluation section describes.

    Args:
        evaluation: the section.
        source: the real data.
        cache: folder for what takes long to work out from them.

    Raises:
        ValueError: the feature space cannot be made.
    """
    source = source.judged
    count = real_count(evaluation, source)
    train, train_labels = source.training_examples(count)
    held_out, held_out_labels = source.held_out_examples(count)
    return Judge(
        source.spec,
        train=train,
        held_out=held_out,
        train_labels=train_labels,
        held_out_labels=held_out_labels,
        modes=source.modes,
        singles=source.singles,
        neighbours=evaluation.neighbours,
        components=evaluation.components,
        baseline_components=evaluation.baseline_components,
        features=evaluation.features.build(),
        figures=evaluation.figures,
        along=(evaluation.metric,),
        cache=None if cache is None else cache / "evaluation",
        reference=evaluation.reference,
        seed=evaluation.seed,
    )


def real_count(evaluation: EvaluationConfig, source: Source) -> int | None:
    """How many real examples of each kind are compared with; `None` means all there are."""
    return evaluation.samples if source.spec.examples is None else None


def check_baselines(names: Sequence[str], source: Source) -> None:
    """Raises a ValueError about baselines that do not exist or that these data cannot have."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"`evaluation.baselines` must name each once. Received: {names}")
        if BASELINES[name].needs_density and source.density is None:
            raise ValueError(
                f"The baseline {name!r} must have data whose density is known, such as 'moons'. "
                f"Received: data.source={source.spec.name!r}"
            )


def metric_direction(metric: str) -> str:
    """`"higher"` or `"lower"`: which values of a figure are better."""
    return next(m.better[metric] for m in MEASURES if metric in m.better)
