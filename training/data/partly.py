"""Data of which only some labels are known, as where labels are dear: semi-supervised learning."""

import dataclasses

import numpy as np
import tensorflow as tf

from ganapp.training.data.relabelled import Relabelled, RelabelledExamples
from ganapp.training.data.source import ArraySource, FiniteSource, Source, head

UNKNOWN = -1
LABEL_DRAWS = 2**43  # added to the seed, so that labels and points share no key
UNLABELLED = {"unlabelled", "unlabeled"}  # folders whose images have no class


def with_share_of_labels(source: Source, share: float, *, seed: int = 0) -> Source:
    """The same data, with the labels of all but some training examples unknown.

    Of every class the same share stays known, at least one label; what a small share keeps a larger
    one keeps, too. Held-out examples keep all their labels, for those who judge. Where examples
    are drawn without end, each keeps its label with that probability.

    Args:
        source: with labels.
        share: of the known training labels that stay known, above 0 and at most 1.
        seed: of which ones.

    Raises:
        ValueError: there are no labels.
    """
    received = f"Received: labelled={share:g} with data.source={source.spec.name!r}"
    if not source.spec.classes or source.training_labels() is None:
        raise ValueError(f"`data.labelled` needs data with labels. {received}, which has none")
    if isinstance(source, FiniteSource):
        # The same ones in every epoch.
        kept = keep_share(source.training_labels(), share, seed=seed)
        hide = RelabelledExamples if source.spec.label_start is None else _without_labels
        return hide(source, kept)
    return PartlyLabelledDraws(source, share, seed)


def _without_labels(source: ArraySource, labels: np.ndarray) -> ArraySource:
    """Rows of a table, the label column empty where the label is not known."""
    if (labels >= 0).all():
        return source
    table = dataclasses.replace(source.spec.table, partly_labelled=True)
    rows = source.train.copy()
    rows[labels < 0, table.label_place] = np.nan
    spec = dataclasses.replace(source.spec, table=table)
    return dataclasses.replace(source, spec=spec, train=rows, train_labels=labels)


def keep_share(labels: np.ndarray, share: float, *, seed: int) -> np.ndarray:
    """Labels with all but a share of each class replaced by -1.

    Args:
        labels: int `(n,)`, below 0 where unknown already.
        share: that is kept of each class, rounded, at least one label.
        seed: of the choice.

    Returns:
        int32 `(n,)`.
    """
    # Not `default_rng`: numpy may change its streams between releases, and never this one.
    order = np.random.RandomState(seed).permutation(len(labels))
    kept = np.full(len(labels), UNKNOWN, np.int32)
    for label in np.unique(labels[labels >= 0]):
        of_class = order[labels[order] == label]
        kept[of_class[: max(1, round(share * len(of_class)))]] = label
    return kept


class PartlyLabelledDraws(Relabelled):
    """Examples without an end; whether one is labelled is drawn with it.

    Args:
        source: with labels.
        share: probability of a label.
        seed: of the draws.
    """

    def __init__(self, source: Source, share: float, seed: int) -> None:
        super().__init__(source)
        self._share, self._seed = share, seed
        # Of the whole view: an example of it is labelled or not however many are asked for.
        self._view_labels = keep_share(source.training_labels(), share, seed=seed)

    def rows(self, step, first, count, *, batch_size, seed):
        examples, labels = self._source.rows(step, first, count, batch_size=batch_size, seed=seed)
        # Drawn for the whole batch: a row is labelled or not whoever asks for it.
        key = tf.stack([tf.constant(LABEL_DRAWS + self._seed, tf.int64), step])
        drawn = tf.random.stateless_uniform((batch_size,), key)[first : first + count]
        known = tf.ensure_shape(drawn < self._share, (count,))
        return examples, tf.where(known, labels, UNKNOWN)

    def training_labels(self):
        return self._view_labels

    def training_examples(self, count=None):
        examples, _ = self._source.training_examples(count)
        return examples, head(self._view_labels, count)
