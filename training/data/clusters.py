"""Classes for data that have none: clusters of like examples, told to both networks.

A generator of one continuous latent has to bridge the gaps between pieces of the data, and what
lies on a bridge looks like nothing. One that is told a class makes one piece at a time. Labels do
that best; clusters found beforehand do a good part of it without any (Liu et al., 2020, "Diverse
image generation via self-conditioned GANs", arXiv:2006.10728; Bao et al., 2022, "Why are
conditional generative models better than unconditional ones?", arXiv:2212.00362).
"""

import dataclasses
import warnings

import numpy as np

from training.data.fingerprints import fingerprint_of
from training.data.relabelled import RelabelledExamples
from training.data.source import FiniteSource, Source
from training.data.spec import DataSpec

COMPONENTS = 50  # principal components that are compared
MOST_FITTED = 10_000  # examples that components and centres are fitted on
AT_ONCE = 2048  # examples in model units in memory
LEAST_OF_A_CLUSTER = 10  # training examples on average, or a cluster is a few copies


class Clustered(RelabelledExamples):
    """The same examples, their label the number of their cluster.

    Args:
        source: where the examples come from.
        groups: what finds the cluster of examples.
    """

    def __init__(self, source: FiniteSource, groups: "Groups") -> None:
        train, _ = source.training_examples()
        found, labels = np.unique(groups(train), return_inverse=True)
        super().__init__(source, labels.astype(np.int32))
        self._groups, self._found = groups, found
        names = tuple(f"cluster {place}" for place in range(len(found)))
        self.spec = dataclasses.replace(source.spec, classes=names)

    @property
    def judged(self):
        return self._source

    def held_out_examples(self, count=None):
        examples, _ = self._source.held_out_examples(count)
        if not len(examples):
            return examples, np.empty(0, np.int32)
        # A cluster without training examples has no number.
        places = np.searchsorted(self._found, self._groups(examples))
        return examples, np.minimum(places, len(self._found) - 1).astype(np.int32)

    def fingerprint(self):
        return f"{self._source.fingerprint()} {fingerprint_of(self._labels)}"


class Groups:
    """k-means on principal components, the same groups every time.

    Args:
        spec: of the examples.
        examples: in user units; of more than 10,000 that many, evenly spaced, are fitted on.
        count: groups; fewer are found where fewer examples differ.
    """

    def __init__(self, spec: DataSpec, examples: np.ndarray, count: int) -> None:
        from sklearn.cluster import KMeans
        from sklearn.decomposition import PCA
        from sklearn.exceptions import ConvergenceWarning

        self._spec = spec
        places = np.linspace(0, len(examples) - 1, min(len(examples), MOST_FITTED)).astype(int)
        fitted = self._flat(examples[places])
        components = min(COMPONENTS, *fitted.shape)
        self._axes = PCA(components, svd_solver="randomized", random_state=0)
        self._means = KMeans(count, n_init=1, random_state=0)
        with _one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer groups than asked for
            self._means.fit(self._axes.fit_transform(fitted))

    def __call__(self, examples: np.ndarray) -> np.ndarray:
        """The group of each of `(n, *shape)` in user units: int `(n,)`."""
        with _one_thread():
            parts = [
                self._means.predict(self._axes.transform(self._flat(examples[i : i + AT_ONCE])))
                for i in range(0, len(examples), AT_ONCE)
            ]
        return np.concatenate(parts)

    def _flat(self, examples: np.ndarray) -> np.ndarray:
        parts = [
            np.asarray(self._spec.to_model_units(examples[i : i + AT_ONCE]))
            for i in range(0, len(examples), AT_ONCE)
        ]
        return np.concatenate(parts).reshape(len(examples), -1)


def with_clusters(source: Source, count: int) -> Clustered:
    """The same data with clusters for classes, whatever labels they have.

    Args:
        source: with an end.
        count: clusters, at least 2, each with 10 training examples on average.

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
    train, _ = source.training_examples()
    most = len(train) // LEAST_OF_A_CLUSTER
    if count > most:
        raise ValueError(
            f"`data.clusters` must be at most {most}, for {LEAST_OF_A_CLUSTER} training examples "
            f"in each. Received: clusters={count} with {len(train)} training examples"
        )
    clustered = Clustered(source, Groups(source.spec, train, count))
    if len(clustered.spec.classes) < 2:
        raise ValueError(
            "`data.clusters` needs training examples that differ. "
            f"Received: data.source={name!r}, in which k-means finds one cluster"
        )
    return clustered


def _one_thread():
    # Several threads add in another order every time, and a point between two centres may change
    # sides: a resumed run would go on with other data.
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)
