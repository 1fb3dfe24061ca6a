"""The labels of a source replaced: by some of them (semi-supervised learning), or by clusters.

A generator of one continuous latent has to bridge the gaps between pieces of the data, and what
lies on a bridge looks like nothing. One that is told a class makes one piece at a time. Labels do
that best; clusters found beforehand do a good part of it without any (Liu et al., 2020, "Diverse
image generation via self-conditioned GANs", arXiv:2006.10728; Bao et al., 2022, "Why are
conditional generative models better than unconditional ones?", arXiv:2212.00362).
"""

import dataclasses
import functools
import importlib.metadata
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganapp.training.data.cache import fingerprint_of, key_of, load_or_make
from ganapp.training.data.source import ArraySource, FiniteSource, Source, head
from ganapp.training.data.spec import DataSpec

UNKNOWN = -1
LABEL_DRAWS = 2**43  # added to the seed, so that labels and points share no key
UNLABELLED = {"unlabelled", "unlabeled"}  # folders whose images have no class
COMPONENTS = 50  # principal components that are compared
MOST_FITTED = 10_000  # examples that components and centres are fitted on
SEED = 0
METHOD = 1  # another one where the same data get other clusters
LIBRARIES = ("numpy", "scipy", "scikit-learn")  # whose versions may round in another way
AT_ONCE = 2048  # examples in model units in memory
LEAST_OF_A_CLUSTER = 10  # training examples on average, or a cluster is a few copies


class _LabelledSource(Source):
    """A source with other labels; all else that is said of the data stays."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.spec, self.metrics, self.bad_files = source.spec, source.metrics, source.bad_files
        self.density, self.modes = source.density, source.modes
        self.channel_images = source.channel_images
        self.notes, self.in_cache = source.notes, source.in_cache

    def fingerprint(self):
        return self._source.fingerprint()

    def held_out_examples(self, count=None):
        return self._source.held_out_examples(count)

    def held_out_factors(self, count=None):
        return self._source.held_out_factors(count)

    def training_observations(self, count=None):
        return self._source.training_observations(count)

    def held_out_observations(self, count=None):
        return self._source.held_out_observations(count)

    def training_examples(self, count=None):
        examples, _ = self._source.training_examples(count)
        return examples, head(self.training_labels(), count)


class _LabelledExamples(_LabelledSource, FiniteSource):
    """Examples with an end and int32 labels `(n,)` of those for training, -1 where not known."""

    def __init__(self, source: FiniteSource, labels: np.ndarray) -> None:
        super().__init__(source)
        self._labels = labels
        # Made once: in a dataset's function, an array would become a constant of its graph.
        with tf.device("CPU:0"):
            self._label_tensor = tf.constant(labels, tf.int32)

    def at(self, index):
        return self._source.at(index) | {"label": tf.gather(self._label_tensor, index)}

    def training_labels(self):
        return self._labels


def with_share_of_labels(source: Source, share: float, *, seed: int = 0) -> Source:
    """The same data, with the labels of all but some training examples unknown.

    Of every class the same share stays known, at least one label; what a small share keeps a larger
    one keeps, too. Held-out examples keep all their labels, for evaluation. Where examples are
    drawn without end, each keeps its label with that probability.

    Raises:
        ValueError: there are no labels.
    """
    received = f"Received: labelled={share:g} with data.source={source.spec.name!r}"
    if not source.spec.classes or source.training_labels() is None:
        raise ValueError(f"`data.labelled` needs data with labels. {received}, which has none")
    if isinstance(source, FiniteSource):
        # The same ones in every epoch.
        kept = keep_share(source.training_labels(), share, seed=seed)
        hide = _LabelledExamples if source.spec.label_start is None else _without_labels
        return hide(source, kept)
    return _PartlyLabelledDraws(source, share, seed)


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
    """Labels int32 `(n,)` with all but a share of each class, at least one, replaced by -1."""
    # Not `default_rng`: numpy may change its streams between releases, and never this one.
    order = np.random.RandomState(seed).permutation(len(labels))
    kept = np.full(len(labels), UNKNOWN, np.int32)
    for label in np.unique(labels[labels >= 0]):
        of_class = order[labels[order] == label]
        kept[of_class[: max(1, round(share * len(of_class)))]] = label
    return kept


class _PartlyLabelledDraws(_LabelledSource):
    """Examples without an end; whether one is labelled is drawn with it."""

    def __init__(self, source: Source, share: float, seed: int) -> None:
        super().__init__(source)
        self._share, self._seed = share, seed
        # Of the whole view: an example of it is labelled or not however many are requested.
        self._labels = keep_share(source.training_labels(), share, seed=seed)

    def rows(self, step, first, count, *, batch_size, seed):
        found = self._source.rows(step, first, count, batch_size=batch_size, seed=seed)
        # Drawn for the whole batch, as the examples are.
        key = tf.stack([tf.constant(LABEL_DRAWS + self._seed, tf.int64), step])
        drawn = tf.random.stateless_uniform((batch_size,), key)[first : first + count]
        known = tf.ensure_shape(drawn < self._share, (count,))
        return found | {"label": tf.where(known, found["label"], UNKNOWN)}

    def training_labels(self):
        return self._labels


class ClusteredSource(_LabelledExamples):
    """The same examples, their label the number of their cluster.

    `numbers` are int32 `(n,)` from 0 on, of the training and after them of the held-out examples;
    each cluster has a training example.
    """

    def __init__(self, source: FiniteSource, numbers: np.ndarray) -> None:
        super().__init__(source, numbers[: source.spec.examples])
        self._held_out = numbers[source.spec.examples :]
        names = tuple(f"cluster {place}" for place in range(int(self._labels.max()) + 1))
        self.spec = dataclasses.replace(source.spec, classes=names)

    @property
    def original(self):
        return self._source

    def held_out_examples(self, count=None):
        examples, _ = self._source.held_out_examples(count)
        return examples, head(self._held_out, count)

    def fingerprint(self):
        return f"{self._source.fingerprint()} {fingerprint_of(self._labels)}"


class KMeansClusters:
    """k-means on principal components, the same groups every time.

    Of more than 10,000 examples that many, evenly spaced, are fitted on; fewer groups than `count`
    are found where fewer examples differ.
    """

    def __init__(self, spec: DataSpec, examples: np.ndarray, count: int) -> None:
        from sklearn.cluster import KMeans
        from sklearn.decomposition import PCA
        from sklearn.exceptions import ConvergenceWarning

        self._spec = spec
        places = np.linspace(0, len(examples) - 1, min(len(examples), MOST_FITTED)).astype(int)
        fitted = self._flat(examples[places])
        components = min(COMPONENTS, *fitted.shape)
        self._axes = PCA(components, svd_solver="randomized", random_state=SEED)
        self._means = KMeans(count, n_init=1, random_state=SEED)
        with _one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer groups than asked for
            self._means.fit(self._axes.fit_transform(fitted))

    def __call__(self, examples: np.ndarray) -> np.ndarray:
        """The group of each of `(n, *shape)` in user units: int `(n,)`."""
        with _one_thread():
            return _by_parts(
                examples,
                lambda part: self._means.predict(self._axes.transform(self._flat(part))),
            )

    def _flat(self, examples: np.ndarray) -> np.ndarray:
        units = _by_parts(examples, lambda part: np.asarray(self._spec.to_model_units(part)))
        return units.reshape(len(examples), -1)


def _by_parts(examples: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    starts = range(0, len(examples), AT_ONCE)
    return np.concatenate([function(examples[start : start + AT_ONCE]) for start in starts])


def with_clusters(source: Source, count: int, *, cache: Path | None = None) -> ClusteredSource:
    """The same data with clusters for classes, whatever labels they have.

    Finding them takes seconds in every command, so they are kept by the content of the data.

    Args:
        source: with an end.
        count: clusters, at least 2, each with 10 training examples on average.
        cache: folder for prepared data; nothing is kept when `None`.

    Raises:
        ValueError: the data never end, say their class in a column, or are too few or too alike.
    """
    name = source.spec.name
    if not isinstance(source, FiniteSource):
        raise ValueError(
            "`data.clusters` needs data with an end, to find clusters in them first. "
            f"Received: data.source={name!r}"
        )
    if source.spec.label_start is not None:
        raise ValueError(
            "`data.clusters` cannot be the classes of a table with a label column, whose classes "
            f"are in that column. Received: data.source={name!r}"
        )
    examples = source.spec.examples
    most = examples // LEAST_OF_A_CLUSTER
    if count > most:
        raise ValueError(
            f"`data.clusters` must be at most {most}, for {LEAST_OF_A_CLUSTER} training examples "
            f"in each. Received: clusters={count} with {examples} training examples"
        )
    clustered = ClusteredSource(source, _numbers(source, count, cache))
    if len(clustered.spec.classes) < 2:
        raise ValueError(
            "`data.clusters` needs training examples that differ. "
            f"Received: data.source={name!r}, in which k-means finds one cluster"
        )
    return clustered


def _numbers(source: FiniteSource, count: int, cache: Path | None) -> np.ndarray:
    """The cluster of every example, see `ClusteredSource`: from the cache or found now."""
    find = functools.cache(functools.partial(_find_clusters, source, count))
    if cache is None or not source.fingerprint():
        return find()

    def make(folder: Path) -> dict[str, object]:
        np.save(folder / "examples.npy", find())
        return {}

    try:
        return np.array(load_or_make(cache / "clusters", _key(source, count), make).examples)
    except OSError as error:  # the next command takes longer, and this one is no less right
        logging.getLogger("ganapp").warning(
            "%s is not kept: %s.", cache / "clusters", error.strerror
        )
        return find()


def _find_clusters(source: FiniteSource, count: int) -> np.ndarray:
    train, _ = source.training_examples()
    groups = KMeansClusters(source.spec, train, count)
    found, numbers = np.unique(groups(train), return_inverse=True)
    held_out, _ = source.held_out_examples()
    # A cluster without training examples has no number.
    places = np.searchsorted(found, groups(held_out)) if len(held_out) else np.empty(0, np.int32)
    places = np.minimum(places, len(found) - 1)
    return np.concatenate([numbers, places]).astype(np.int32)


def _key(source: FiniteSource, count: int) -> str:
    """Of all that decides the clusters: the data, how they are cut and scaled, and the method."""
    spec = source.spec
    scaled = [spec.kind, spec.shape, spec.mean, spec.scale, spec.as_dict()["table"]]
    method = [METHOD, COMPONENTS, MOST_FITTED, AT_ONCE, count, SEED]
    versions = [importlib.metadata.version(name) for name in LIBRARIES]
    return key_of(source.fingerprint(), spec.examples, spec.held_out, scaled, method, versions)


def _one_thread():
    # Several threads add in another order every time, and a point between two centres may change
    # sides: a resumed run would go on with other data.
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)
