"""Judges generated samples against real data, with a floor and a baseline beside every figure."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.baselines import MixtureBaseline
from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.bootstrap import spreads
from ganapp.training.evaluation.checks import check_labels, check_samples
from ganapp.training.evaluation.choices import Choice, PrincipalPixels
from ganapp.training.evaluation.computing import computed
from ganapp.training.evaluation.evidence import Batch, Evidence, Modes
from ganapp.training.evaluation.measures import MEASURES, Measure
from ganapp.training.evaluation.outcome import NAMES, Outcome, Report
from ganapp.training.evaluation.path_length import Paths
from ganapp.training.evaluation.stacks import Singles
from ganapp.training.evaluation.terms import TimedMixture, figure_terms, known_before

REFERENCES = ("all", "train")
RESAMPLES = 50  # for the errors that a verdict respects: a tenth of an error off
MOST_RESAMPLED = 25_000_000  # pairs of samples and real examples: a second of neighbours


class Judge:
    """Judges samples of one source.

    Args:
        spec: the source's description.
        train: training examples in user units, uint8 `(n, h, w, c)` or float32 `(n, d)`; for a
            source without end, one fresh draw.
        held_out: real examples not trained on (a second draw for a source without end), or
            `None`: then there is no floor and no memorised share.
        train_labels: int `(n,)`, for the class figures.
        held_out_labels: int `(h,)`, for the classifier's accuracy.
        modes: an object with `centres (m, 2)` and `sigma` in user units, or `None`.
        singles: for stacks, the labelled grey images that their channels are drawn from.
        neighbours: k of precision, recall, density and coverage.
        components: principal components of the `pca` space and of the baseline.
        features: the feature space; PCA for distances and plain values for neighbours by default.
        figures: keys of figures that a report computes on request only.
        along: keys of figures that `judge` computes although a report alone would.
        cache: folder for what takes long to work out from the real data; kept nowhere if `None`.
        baseline_components: Gaussians of the baseline mixture; as many as `modes` has when known.
        reference: real examples to compare with: `"all"` (training and held-out) or `"train"`.
        seed: of everything drawn; the same seed and samples give the same figures.

    Raises:
        ValueError: an argument is not as described, or the training examples do not differ.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        train: ArrayLike,
        held_out: ArrayLike | None = None,
        train_labels: ArrayLike | None = None,
        held_out_labels: ArrayLike | None = None,
        modes: Modes | None = None,
        singles: Singles | None = None,
        neighbours: int = 5,
        components: int = 32,
        baseline_components: int = 10,
        features: Choice | None = None,
        figures: Collection[str] = (),
        along: Collection[str] = (),
        cache: Path | None = None,
        reference: str = "all",
        seed: int = 0,
    ) -> None:
        if reference not in REFERENCES:
            raise ValueError(
                f"`reference` must be one of {REFERENCES}. Received: reference={reference!r}"
            )
        for name, value in {"neighbours": neighbours, "components": components}.items():
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")
        train = check_samples(spec, "train", train)
        if held_out is not None and len(held_out) > 0:
            held_out = check_samples(spec, "held_out", held_out)
        else:
            held_out = held_out_labels = None  # a source without held-out data gives an empty array
        self.spec, self.reference, self.seed = spec, reference, seed
        self.neighbours = neighbours
        self._evidence = Evidence(
            spec,
            train=train,
            held_out=held_out,
            train_labels=check_labels("train_labels", train_labels, len(train)),
            held_out_labels=None
            if held_out is None
            else check_labels("held_out_labels", held_out_labels, len(held_out)),
            modes=modes,
            singles=singles,
            neighbours=neighbours,
            components=components,
            features=features or PrincipalPixels(),
            cache=cache,
            seed=seed,
        )
        possible = [measure for measure in MEASURES if measure.applies(self._evidence)]
        self._always = [m for m in possible if m.wanted(report=False, asked=along)]
        self._along = [
            m for m in self._always if not (m.costly and set(along).isdisjoint(m.better))
        ]
        self._measures = [m for m in possible if m.wanted(report=True, asked={*figures, *along})]
        self._mixture = TimedMixture(
            spec,
            train,
            mixture_components=baseline_components if modes is None else len(modes.centres),
            components=components,
            seed=seed,
        )
        self._floors: dict[int, Outcome] = {}
        self._baselines: dict[int, Outcome] = {}

    @property
    def baseline(self) -> MixtureBaseline:
        """The mixture, fitted on the training data at first use."""
        return self._mixture.model

    @property
    def baseline_seconds(self) -> dict[str, float]:
        """How long the mixture took to `fit` and to `sample`; empty before its first use."""
        return dict(self._mixture.seconds)

    @property
    def keys(self) -> tuple[set[str], set[str]]:
        """Figures that `judge` gives, and those that a report on any generator holds."""
        whole = [measure for measure in self._measures if measure.needs != "labels"]
        sets = [{key for m in some for key in m.better} for some in (self._always, whole)]
        return sets[0], sets[1]

    def judge(self, samples: ArrayLike) -> dict[str, float | None]:
        """Figures of these samples that need no report: key -> value, `None` where there is none.

        Args:
            samples: generated samples `(n, *shape)` in user units.

        Raises:
            ValueError: wrong shape or type, no samples, or values that are not finite.
        """
        return self._compute(self._always, self._batch(samples), self._reference()).values

    def judge_along(self, samples: ArrayLike) -> dict[str, float | None]:
        """As `judge`, without what takes longer than a short training and was not asked for."""
        return self._compute(self._along, self._batch(samples), self._reference()).values

    def report(
        self,
        samples: ArrayLike,
        *,
        labels: np.ndarray | None = None,
        paths: Paths | None = None,
    ) -> Report:
        """The figures of these samples with floor, matched value and baseline.

        `floor`: held-out real data against the training data, what a perfect sampler would score.
        `matched`: as many generated samples as the floor has, against the same training data.
        `baseline`: as many samples of the mixture as there are generated ones, against the same
        real data as `value`. Floor and baseline are computed once per count.

        Args:
            samples: generated samples `(n, *shape)` in user units.
            labels: int `(n,)`, the classes that their generator was asked for, if it was.
            paths: of their generator, for the path length.

        Raises:
            ValueError: as for `judge`.
        """
        batch = self._batch(samples, labels, paths)
        header = self._header(len(batch))
        matched = header["counts"]["matched"]
        columns = {
            "value": self._compute(self._measures, batch, self._reference()),
            "matched": self._matched(batch, matched),
            "floor": self._floor(len(batch), matched),
            "baseline": self._baseline(len(batch)),
        }
        errors = self._errors(batch)
        figures = {
            key: self._figure(key, measure, columns, len(batch)) | errors.get(key, {})
            for measure in self._measures
            if measure.fits(batch)
            for key in measure.better
        }
        return Report(
            **header,
            baseline=self.baseline.name,
            figures=figures,
            details=columns["value"].details,
        )

    def terms(self, generated: int) -> dict[str, Any]:
        """What a report on so many samples says of how it came about; nothing is judged.

        Returns:
            As in a `Report`: all but its values.
        """
        figures = {
            key: self._terms(each, generated) for each in self._measures for key in each.better
        }
        return {**self._header(generated), "figures": figures}

    def spreads(
        self, samples: ArrayLike, *, labels: np.ndarray | None = None, resamples: int = 100
    ) -> dict[str, float]:
        """Standard errors of the figures for which that is cheap, see `bootstrap.spreads`.

        Args:
            samples: generated samples `(n, *shape)` in user units.
            labels: as for `report`.
            resamples: at least 2.

        Raises:
            ValueError: as for `judge`.
        """
        sides = self._batch(samples, labels), self._reference()
        return spreads(self._measures, self._evidence, *sides, resamples=resamples, seed=self.seed)

    def nearest_training_examples(self, samples: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """For each sample the distance `(n,)` to, and the index `(n,)` of, the nearest one.

        Distances are between plain values: pixels, or columns.
        """
        features = self._batch(samples).features(self._evidence.plain_space)
        return self._evidence.training_neighbours(features)

    def _batch(self, samples: ArrayLike, labels: Any = None, paths: Paths | None = None) -> Batch:
        checked = check_samples(self.spec, "samples", samples)
        labels = check_labels("labels", labels, len(checked))
        return Batch(checked, neighbours=self.neighbours, labels=labels, paths=paths)

    def _reference(self) -> Batch:
        return self._evidence.train if self.reference == "train" else self._evidence.everything

    def _matched(self, batch: Batch, count: int) -> Outcome:
        if count == 0:
            return self._nothing("There is no held-out data to match")
        return self._at_floor(lambda measure: batch, len(batch))

    def _floor(self, generated: int, count: int) -> Outcome:
        if count == 0:
            return self._nothing("There is no held-out data to take a floor from")
        if generated not in self._floors:
            self._floors[generated] = self._at_floor(self._perfect, generated)
        return self._floors[generated]

    def _at_floor(self, batch: Callable[[Measure], Batch], generated: int) -> Outcome:
        """Each measure on as many of its samples as the floor has, against the training data."""
        outcome, batches = Outcome({}, {}, {}), {}
        for measure in self._measures:
            if measure.perfect not in batches:
                count = self._matched_count(measure, generated)
                batches[measure.perfect] = batch(measure).drawn(count, self.seed)
            some = batches[measure.perfect]
            outcome.update(self._compute([measure], some, self._evidence.train))
        return outcome

    def _perfect(self, measure: Measure) -> Batch | None:
        """The real examples that the floor of a measure is taken from."""
        own = measure.perfect
        return self._evidence.held_out if own is None else own(self._evidence)

    def _matched_count(self, measure: Measure, generated: int) -> int:
        perfect = self._perfect(measure)
        return 0 if perfect is None else min(generated, len(perfect))

    def _baseline(self, count: int) -> Outcome:
        if count not in self._baselines:
            batch = self._batch(self._mixture.sample(count, self.seed))
            self._baselines[count] = self._compute(self._measures, batch, self._reference())
        return self._baselines[count]

    def _nothing(self, reason: str) -> Outcome:
        keys = [key for measure in self._measures for key in measure.better]
        return Outcome(dict.fromkeys(keys), dict.fromkeys(keys, reason), {})

    def _compute(self, measures: list[Measure], batch: Batch, reference: Batch) -> Outcome:
        return computed(measures, self._evidence, batch, reference, seed=self.seed)

    def _figure(
        self, key: str, measure: Measure, columns: dict[str, Outcome], generated: int
    ) -> dict[str, Any]:
        return {
            "name": NAMES.get(key, key.replace("_", " ")),
            "better": measure.better[key],
            "main": measure.when == "always",
            **self._terms(measure, generated),
            **{column: outcome.values[key] for column, outcome in columns.items()},
            "reasons": {
                column: outcome.reasons[key]
                for column, outcome in columns.items()
                if key in outcome.reasons
            },
        }

    def _terms(self, measure: Measure, generated: int) -> dict[str, Any]:
        matched = self._matched_count(measure, generated)
        sides = self._evidence, self._reference()
        return figure_terms(measure, *sides, generated=generated, matched=matched)

    def _errors(self, batch: Batch) -> dict[str, dict[str, float]]:
        """Standard errors of what a verdict counts, by figure; not where they would take long."""
        pairs = len(batch) * len(self._reference())
        counted = [
            measure
            for measure in self._measures
            # What has a limit of samples costs their square.
            if measure.when == "always" and (measure.most is None or pairs <= MOST_RESAMPLED)
        ]
        sides = batch, self._reference()
        found = spreads(counted, self._evidence, *sides, resamples=RESAMPLES, seed=self.seed)
        return {key: {"standard_error": error} for key, error in found.items()}

    def _header(self, generated: int) -> dict[str, Any]:
        settings = {key: getattr(self, key) for key in ("reference", "neighbours", "seed")}
        return settings | known_before(self._evidence, generated)
