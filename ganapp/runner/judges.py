"""Judges of a source, as the evaluation section describes them."""

from collections.abc import Sequence
from pathlib import Path

from ganapp.errors import UserError
from ganapp.evaluation_config import EvaluationConfig
from ganapp.training.baselines import BASELINES
from ganapp.training.data import Source
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.metrics import METRICS


def checked_judge(
    evaluation: EvaluationConfig, source: Source, *, cache: Path | None = None
) -> Evaluator:
    """A judge that has every figure that was asked for.

    Args:
        evaluation: the section.
        source: the real data.
        cache: folder for what takes long to work out from them.

    Raises:
        UserError: the feature space cannot be made, or the data have no such figure.
    """
    try:
        judge = make_judge(evaluation, source, cache=cache)
    except ValueError as error:
        raise UserError(str(error).strip()) from error
    along, whole = judge.keys
    asked = {"metric": ({evaluation.metric}, along), "figures": (set(evaluation.figures), whole)}
    for field, (wanted, possible) in asked.items():
        if not wanted <= possible:
            raise UserError(
                f"`evaluation.{field}` must be figures that the data {source.spec.name!r} have in "
                f"the feature space {evaluation.features.name!r}. "
                f"Received: {', '.join(sorted(wanted - possible))}"
            )
    return judge


def make_judge(
    evaluation: EvaluationConfig, source: Source, *, cache: Path | None = None
) -> Evaluator:
    """The judge that the evaluation section describes.

    Args:
        evaluation: the section.
        source: the real data.
        cache: folder for what takes long to work out from them.

    Raises:
        ValueError: the feature space cannot be made.
    """
    source = source.judged
    count = judged_count(evaluation, source)
    train, train_labels = source.training_examples(count)
    held_out, held_out_labels = source.held_out_examples(count)
    return Evaluator(
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
        training_figures=(evaluation.metric,),
        cache=None if cache is None else cache / "evaluation",
        reference=evaluation.reference,
        seed=evaluation.seed,
    )


def judged_count(evaluation: EvaluationConfig, source: Source) -> int | None:
    """How many real examples of each kind are judged with; `None` means all there are."""
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
    return next(m.figures[metric].better for m in METRICS if metric in m.figures)
