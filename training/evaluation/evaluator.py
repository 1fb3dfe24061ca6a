"""Evaluates samples against real data, with a floor and a baseline beside every figure."""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.baselines import MixtureBaseline
from ganapp.training.evaluation.checks import NotComputable, check_labels, check_samples
from ganapp.training.evaluation.metric import (
    Codes,
    Comparison,
    Conditional,
    EvaluationData,
    Metric,
    Paths,
    ReportData,
    SampleSet,
)
from ganapp.training.evaluation.metrics import METRICS
from ganapp.training.evaluation.metrics.memorisation import training_neighbours

REFERENCES = ("all", "train")
RESAMPLES = 50  # for the errors that a verdict respects: a tenth of an error off
MOST_RESAMPLED = 25_000_000  # pairs of samples and real examples: a second of neighbours
ROUNDING = 1e-12  # of a figure: what summing in another order makes of equal resamples
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class ReportColumn:
    """A column of a report: values by figure, reasons of missing ones, details by metric."""

    values: dict[str, float | None] = dataclasses.field(default_factory=dict)
    reasons: dict[str, str] = dataclasses.field(default_factory=dict)
    details: dict[str, dict[str, object]] = dataclasses.field(default_factory=dict)

    def add(self, key: str, value: float | NotComputable) -> None:
        self.values[key] = None
        if isinstance(value, NotComputable):
            self.reasons[key] = str(value)
        elif not math.isfinite(value):
            self.reasons[key] = f"The figure came out as {value}"
        else:
            self.values[key] = (int if isinstance(value, int | np.integer) else float)(value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """Every figure with its floor, its matched value and its baseline; plain JSON-ready values.

    Args:
        data: name of the source.
        reference: `"all"` or `"train"`: the real examples `value` and `baseline` compare with.
        counts: generated, train, held_out, matched: numbers of samples.
        neighbours: k.
        seed: of everything drawn.
        network: hash of the feature space's network and its options; empty where it has none.
        baseline: name of the baseline.
        figures: by key: name, better, space, value, generated, real, matched, floor,
            matched_generated, matched_real, baseline, `reasons` for those that are `None`, `main`:
            whether a verdict counts it, and `standard_error` of the value where it was resampled.
        details: by the first key of a metric: what else it found about the generated samples.
    """

    data: str
    reference: str
    counts: dict[str, int]
    neighbours: int
    seed: int
    network: str = ""
    baseline: str
    figures: dict[str, ReportData]
    details: dict[str, ReportData]

    def as_dict(self) -> dict[str, object]:
        """A JSON-ready copy: no NaN, no infinities, no numpy types."""
        return dataclasses.asdict(self)


class Evaluator:
    """Evaluates samples of one source.

    Args:
        data: the real data.
        baseline_components: Gaussians of the baseline mixture; as many as there are modes when
            these are known.
        figures: keys of figures that a report computes on request only.
        training_figures: keys of figures that `evaluate` computes although a report alone would.
        reference: real examples to compare with: `"all"` (training and held-out) or `"train"`.

    Raises:
        ValueError: an unknown reference.
    """

    def __init__(
        self,
        data: EvaluationData,
        *,
        baseline_components: int = 10,
        figures: Collection[str] = (),
        training_figures: Collection[str] = (),
        reference: str = "all",
    ) -> None:
        if reference not in REFERENCES:
            raise ValueError(
                f"`reference` must be one of {REFERENCES}. Received: reference={reference!r}"
            )
        self.data, self.spec, self.seed, self.reference = data, data.spec, data.seed, reference
        self._baseline_components = baseline_components
        possible = [metric for metric in METRICS if metric.applies(data)]
        self._always = [m for m in possible if m.wanted(report=False, requested=training_figures)]
        self._in_training = [
            m
            for m in self._always
            if not (m.costly and m.figures.keys().isdisjoint(training_figures))
        ]
        self.metrics = [
            m for m in possible if m.wanted(report=True, requested={*figures, *training_figures})
        ]
        self._seconds: dict[str, float] = {}
        self._floors: dict[int, ReportColumn] = {}
        self._baselines: dict[int, ReportColumn] = {}

    @functools.cached_property
    def baseline(self) -> MixtureBaseline:
        """The mixture, fitted on the training data at first use."""
        modes = self.data.modes
        count = self._baseline_components if modes is None else len(modes.centres)
        return self._timed(
            "fit",
            lambda: MixtureBaseline(
                self.spec,
                self.data.train.samples,
                mixture_components=count,
                components=self.data.components,
                seed=self.seed,
            ),
        )

    @property
    def baseline_seconds(self) -> dict[str, float]:
        """Seconds that the mixture took to `fit` and to `sample`; empty before its first use."""
        return dict(self._seconds)

    @property
    def keys(self) -> tuple[set[str], set[str]]:
        """Figures that `evaluate` gives, and those that a report on any generator holds."""
        whole = [metric for metric in self.metrics if metric.needs not in ("labels", "codes")]
        always, in_report = (
            {key for m in some for key in m.figures} for some in (self._always, whole)
        )
        return always, in_report

    def evaluate(self, samples: ArrayLike) -> dict[str, float | None]:
        """Figures of samples `(n, *shape)` in user units that need no report; `None` where there is
        none.

        Raises:
            ValueError: wrong shape or type, no samples, or values that are not finite.
        """
        return self._compute(self._always, self._sample_set(samples), self._reference()).values

    def evaluate_in_training(self, samples: ArrayLike) -> dict[str, float | None]:
        """As `evaluate`, without what takes longer than a short training and was not requested."""
        return self._compute(self._in_training, self._sample_set(samples), self._reference()).values

    def report(
        self,
        samples: ArrayLike,
        *,
        labels: np.ndarray | None = None,
        paths: Paths | None = None,
        conditional: Conditional | None = None,
        codes: Codes | None = None,
    ) -> Report:
        """The figures of these samples with floor, matched value and baseline.

        `floor`: held-out real data against the training data, what a perfect sampler would score.
        `matched`: as many generated samples as the floor has, against the same training data.
        `baseline`: as many samples of the mixture as there are generated ones, against the same
        real data as `value`. Floor and baseline are computed once per count.

        Args:
            samples: as for `evaluate`.
            labels: int `(n,)`, the classes that were requested, if any were.
            paths: of their generator, for the path length.
            conditional: likewise, for figures of what it makes for an observation.
            codes: likewise, where a network reads them back.
        """
        given = self._sample_set(samples, labels, paths=paths, conditional=conditional, codes=codes)
        header = self._header(len(given))
        matched = header["counts"]["matched"]
        columns = {
            "value": self._compute(self.metrics, given, self._reference()),
            "matched": self._matched(given, matched),
            "floor": self._floor(len(given), matched),
            "baseline": self._baseline_column(len(given)),
        }
        pairs = len(given) * len(self._reference())
        counted = [  # by a verdict; what has a limit of samples costs their square
            metric
            for metric in self.metrics
            if metric.when == "always" and (metric.most is None or pairs <= MOST_RESAMPLED)
        ]
        errors = self._standard_errors(counted, given, RESAMPLES)
        figures = {}
        for metric in self.metrics:
            if not metric.can_use(given):
                continue
            for key, figure in metric.figures.items():
                figures[key] = {
                    "name": figure.name or key.replace("_", " "),
                    "better": figure.better,
                    "main": metric.when == "always",
                    **self._figure_terms(metric, len(given)),
                    **{name: column.values[key] for name, column in columns.items()},
                    "reasons": {
                        name: column.reasons[key]
                        for name, column in columns.items()
                        if key in column.reasons
                    },
                }
                if key in errors:
                    figures[key]["standard_error"] = errors[key]
        return Report(
            **header, baseline=self.baseline.name, figures=figures, details=columns["value"].details
        )

    def figure(
        self, key: str, samples: ArrayLike, *, labels: np.ndarray | None = None
    ) -> ReportData:
        """One figure of these samples with its standard error and counts.

        Args:
            key: of the figure.
            samples: as for `evaluate`.
            labels: as for `report`.

        Raises:
            NotComputable: these data or samples do not have it.
        """
        given = self._sample_set(samples, labels)
        metric = next((each for each in self.metrics if key in each.figures), None)
        if metric is None or not metric.can_use(given):
            needs = "data of this kind do not have it"
            if metric is not None:
                needs = f"it needs {metric.needs}, which arrays of samples do not have"
            raise NotComputable(needs)
        column = self._compute([metric], given, self._reference())
        if column.values[key] is None:
            raise NotComputable(column.reasons[key])
        terms, figure = self._figure_terms(metric, len(given)), metric.figures[key]
        return {
            "key": key,
            "name": figure.name or key.replace("_", " "),
            "better": figure.better,
            "value": column.values[key],
            "standard_error": self._standard_errors([metric], given, RESAMPLES).get(key),
            **{name: terms[name] for name in ("space", "generated", "real")},
        }

    def terms(self, generated: int) -> dict[str, object]:
        """All that a report on so many samples says without computing a figure."""
        figures = {
            key: self._figure_terms(metric, generated)
            for metric in self.metrics
            for key in metric.figures
        }
        return {**self._header(generated), "figures": figures}

    def standard_errors(
        self, samples: ArrayLike, *, labels: np.ndarray | None = None, resamples: int = 100
    ) -> dict[str, float]:
        """Standard errors of figures: how much they would differ for other samples.

        Efron's bootstrap over the generated samples, at least 2 `resamples`: they are drawn again
        with replacement, and the real data stay as they are. Only figures for which that is cheap,
        and whose resamples vary, are there.
        """
        return self._standard_errors(self.metrics, self._sample_set(samples, labels), resamples)

    def nearest_training_examples(self, samples: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """For each sample the distance `(n,)` to, and the index `(n,)` of, the nearest one.

        Distances are between plain values: pixels, or columns.
        """
        features = self._sample_set(samples).features(self.data.plain_space)
        return training_neighbours(self.data)(features)

    def _sample_set(
        self, samples: ArrayLike, labels: ArrayLike | None = None, **generator: object
    ) -> SampleSet:
        checked = check_samples(self.spec, "samples", samples)
        labels = check_labels("labels", labels, len(checked))
        return SampleSet(checked, neighbours=self.data.neighbours, labels=labels, **generator)

    def _reference(self) -> SampleSet:
        return self.data.train if self.reference == "train" else self.data.everything

    def _matched(self, samples: SampleSet, count: int) -> ReportColumn:
        if count == 0:
            return self._empty_column("There is no held-out data to match")
        return self._at_floor(lambda metric: samples, len(samples))

    def _floor(self, generated: int, count: int) -> ReportColumn:
        if count == 0:
            return self._empty_column("There is no held-out data to take a floor from")
        if generated not in self._floors:
            self._floors[generated] = self._at_floor(self._perfect, generated)
        return self._floors[generated]

    def _at_floor(self, samples: Callable[[Metric], SampleSet], generated: int) -> ReportColumn:
        drawn: dict[Callable | None, SampleSet] = {}

        def some(metric: Metric) -> SampleSet:
            if metric.perfect not in drawn:
                count = self._matched_count(metric, generated)
                drawn[metric.perfect] = samples(metric).drawn(count, self.seed)
            return drawn[metric.perfect]

        return self._compute(self.metrics, some, self.data.train)

    def _perfect(self, metric: Metric) -> SampleSet | None:
        """The real examples that the floor of a metric is taken from."""
        return self.data.held_out if metric.perfect is None else metric.perfect(self.data)

    def _matched_count(self, metric: Metric, generated: int) -> int:
        perfect = self._perfect(metric)
        return 0 if perfect is None else min(generated, len(perfect))

    def _baseline_column(self, count: int) -> ReportColumn:
        if count not in self._baselines:
            model = self.baseline
            drawn = self._timed("sample", lambda: model.sample(count, self.seed))
            samples = self._sample_set(drawn)
            self._baselines[count] = self._compute(self.metrics, samples, self._reference())
        return self._baselines[count]

    def _timed(self, name: str, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        found = work()
        self._seconds[name] = time.perf_counter() - began
        return found

    def _empty_column(self, reason: str) -> ReportColumn:
        keys = [key for metric in self.metrics for key in metric.figures]
        return ReportColumn(dict.fromkeys(keys), dict.fromkeys(keys, reason))

    def _compute(
        self,
        metrics: Iterable[Metric],
        samples: SampleSet | Callable[[Metric], SampleSet],
        reference: SampleSet,
    ) -> ReportColumn:
        column = ReportColumn()
        for metric in metrics:
            own = samples(metric) if callable(samples) else samples
            try:
                sides = (metric.used(side, self.seed) for side in (own, reference))
                # Of a diverged generator squares overflow; what is not finite gets its sentence.
                with np.errstate(over="ignore", invalid="ignore"):
                    values, details = metric.compute(Comparison(self.data, *sides))
            except NotComputable as reason:
                values, details = dict.fromkeys(metric.figures, reason), {}
            for key in metric.figures:
                column.add(key, values[key])
            if details:
                column.details[metric.key] = details
        return column

    def _standard_errors(
        self, metrics: Iterable[Metric], samples: SampleSet, resamples: int
    ) -> dict[str, float]:
        found: dict[str, float] = {}
        for metric in metrics:
            if metric.resample is None:
                continue
            sides = [metric.used(side, self.seed) for side in (samples, self._reference())]
            count = len(sides[0])
            drawn = np.random.default_rng(self.seed).multinomial(
                count, np.full(count, 1.0 / count), size=resamples
            )
            try:
                # Of a diverged generator squares overflow; what is not finite is left out below.
                with np.errstate(over="ignore", invalid="ignore"):
                    values = metric.resample(Comparison(self.data, *sides), drawn)
                    errors = {key: float(np.std(each, ddof=1)) for key, each in values.items()}
            except NotComputable:
                continue
            # Resamples that never vary, as of a share of 0, say nothing: the truth need not be 0.
            least = {key: ROUNDING * np.abs(each).max() for key, each in values.items()}
            found |= {key: e for key, e in errors.items() if np.isfinite(e) and e > least[key]}
        return found

    def _figure_terms(self, metric: Metric, generated: int) -> dict[str, object]:
        try:
            space = metric.space(self.data).name
        except NotComputable:  # the real data do not make one
            space = ""
        used = metric.used_count
        return {
            "space": space,
            "generated": used(generated),
            "real": used(metric.real(self.data, self._reference())),
            "matched_generated": used(self._matched_count(metric, generated)),
            "matched_real": used(metric.real(self.data, self.data.train)),
        }

    def _header(self, generated: int) -> dict[str, object]:
        held_out = len(self.data.held_out or ())
        return {
            "data": self.spec.name,
            "reference": self.reference,
            "counts": {
                "generated": generated,
                "train": len(self.data.train),
                "held_out": held_out,
                "matched": min(generated, held_out),
            },
            "neighbours": self.data.neighbours,
            "seed": self.seed,
            "network": getattr(self.data.distance_space, "identity", ""),
        }
