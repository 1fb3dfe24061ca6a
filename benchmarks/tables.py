"""How useful the rows of a table are: what a classifier learns from generated and from real ones.

    python -m benchmarks.tables                                   # half an hour on two cores
    python -m benchmarks.tables --data wine --split 0 --setting preset

For each split the preset is trained (`data.split` and `training.seed` are both its number), and the
generator of its best checkpoint draws ten sets of rows: as many as there are real training rows,
and 1,000. A random forest learns the label from each set and tells that of the held-out rows. The
real training rows are learnt from by ten forests, and so are ten sets of as many drawn from them
with replacement; the Gaussian mixture draws as the generator does. One set and one forest are a
throw of the dice: with 36 held-out wines a row is 2.8 points.

What has been trained is remembered (`benchmarks/running.py`): stop it and start it again.
"""

import argparse
import dataclasses
import os
import statistics
from pathlib import Path

from benchmarks.running import cell, markdown, train
from ganapp.screen import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_stderr():
    import numpy as np

    from ganapp.runner.saved_runs import open_generator, samples_from
    from ganapp.runs import open_run
    from ganapp.training.baselines import BASELINES, RealData
    from ganapp.training.data import SOURCES
    from ganapp.training.evaluation.features.spaces import TableColumns
    from ganapp.training.evaluation.metrics.copied_rows import copies
    from ganapp.training.evaluation.metrics.tstr import accuracy_elsewhere

DRAWS, MANY = 10, 1_000
SETTINGS = {
    "preset": [],
    "conditional": ["generator.condition=concatenation", "discriminator.packing=1"],
}
ALLOWED = 5.0  # points that generated rows may be worse than real ones
HEAD = [
    "table",
    "split",
    "learnt from",
    "as many, %",
    "worst set",
    "points short",
    "1,000, %",
    "copied",
    "closest record",
]


@dataclasses.dataclass(frozen=True)
class Row:
    """What one maker of rows reached on one split; shares of the held-out rows, by set."""

    maker: str
    as_many: list[float]
    many: list[float] | None = None
    copied: float | None = None
    closest: float | None = None

    def cells(self, real: "Row") -> list[str]:
        """Its row of the table without table and split."""
        mean = percent(self.as_many)
        short = percent(real.as_many) - mean
        mark = f" (more than {ALLOWED:g})" if short > ALLOWED else ""
        return [
            self.maker,
            f"{mean:.1f}",
            f"{100 * min(self.as_many):.1f}",
            "-" if self is real else f"{short:.1f}{mark}",
            f"{percent(self.many):.1f}" if self.many else "-",
            cell(self.copied),
            cell(self.closest),
        ]


class Split:
    """Real rows of one split, and the forests that learn from any rows.

    Args:
        data: name of the source.
        number: of the split.
    """

    def __init__(self, data: str, number: int) -> None:
        self.source = SOURCES[data](split=number)
        self.train = self.source.training_examples()[0]
        self.held_out = self.source.held_out_examples()[0]
        self._space = TableColumns(self.source.spec)

    def accuracy(self, rows: np.ndarray, seed: int) -> float:
        """What a forest tells of the held-out rows after these."""
        table = self.source.spec.table
        return accuracy_elsewhere(self._space, table, rows, self.held_out, seed=seed)

    def real(self) -> Row:
        """Ten forests, one set of rows."""
        return Row("real rows", [self.accuracy(self.train, seed) for seed in range(DRAWS)])

    def redrawn(self) -> Row:
        """Ten sets of as many rows drawn from the real ones: what drawing alone costs."""
        shares = []
        for seed in range(DRAWS):
            rows = np.random.default_rng(seed).choice(self.train, len(self.train))
            shares.append(self.accuracy(rows, seed))
        return Row("real rows, redrawn", shares)

    def judged(self, maker: str, draw, closest: float | None = None) -> Row:
        """Ten sets of `draw(count, seed)`, of both sizes."""
        accuracies = {}
        for count in (len(self.train), MANY):
            sets = [draw(count, seed) for seed in range(1, DRAWS + 1)]
            accuracies[count] = [self.accuracy(rows, seed) for seed, rows in enumerate(sets)]
        copied = copies(np.concatenate(sets), self.train)
        return Row(maker, *accuracies.values(), copied, closest)

    def mixture(self) -> Row:
        """The baseline."""
        data = RealData(spec=self.source.spec, train=self.train)
        return self.judged("mixture", BASELINES["mixture"]().fit(data).sample)


def gan_row(split: Split, data: str, number: int, setting: str) -> Row:
    """A trained preset."""
    settings = [f"data.split={number}", f"training.seed={number}", *SETTINGS[setting]]
    report = train(data, f"{data}-{setting}-{number}", settings, folder="tables")
    generator, _ = open_generator(open_run(Path(report["directory"])), "best")

    def draw(count: int, seed: int) -> np.ndarray:
        return samples_from(generator, generator.gan.inputs(count, seed=seed))

    figures = (report["best"] or report["last"])["figures"]
    return split.judged(f"GAN, {setting}", draw, figures["closest_record"]["value"])


def together(rows: list[Row]) -> Row:
    """All splits of one maker; the worst set is the worst of all."""
    first = rows[0]

    def joined(name: str) -> list[float]:
        return [share for row in rows for share in getattr(row, name)]

    if first.many is None:
        return Row(first.maker, joined("as_many"))
    copied = statistics.mean(row.copied for row in rows)
    closest = None if first.closest is None else statistics.mean(row.closest for row in rows)
    return Row(first.maker, joined("as_many"), joined("many"), copied, closest)


def percent(shares: list[float]) -> float:
    """Their mean in percent."""
    return 100 * statistics.mean(shares)


def measured(data: str, splits: list[int], settings: list[str]) -> list[list[str]]:
    """The rows of one table, split by split and then together."""
    found, lines = [], []
    for number in splits:
        split = Split(data, number)
        rows = [split.real(), split.redrawn(), split.mixture()]
        rows += [gan_row(split, data, number, setting) for setting in settings]
        found.append(rows)
        for row in rows:
            lines.append([data, str(number), *row.cells(rows[0])])
            print("|", " | ".join(lines[-1]), "|", flush=True)
    makers = [together(list(rows)) for rows in zip(*found, strict=True)]
    return [*lines, *([data, "all", *maker.cells(makers[0])] for maker in makers)]


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", choices=("wine", "cancer"))
    parser.add_argument("--split", action="append", type=int)
    parser.add_argument("--setting", action="append", choices=SETTINGS)
    arguments = parser.parse_args()
    splits, settings = arguments.split or [0, 1, 2], arguments.setting or SETTINGS
    rows = [
        row
        for data in arguments.data or ("wine", "cancer")
        for row in measured(data, splits, list(settings))
    ]
    print(f"\n{markdown([HEAD, *rows], left=3)}")


if __name__ == "__main__":
    main()
