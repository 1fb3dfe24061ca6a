"""Images and their mirror images: twice as many examples of data that know no left and right."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ganapp.training.data.cache import chunks
from ganapp.training.data.source import Arrays, FiniteSource, Source
from ganapp.training.rows_on_disk import rows_of


class MirroredSource(FiniteSource):
    """The images of a source and, after them, each with left and right exchanged.

    As Karras et al., 2020, arXiv:2006.06676, double a data set: mirror images are training examples
    like others, drawn in the same order of (seed, epoch), with the label of their image, and what
    samples are compared with. Of the held-out images, which stay as many, every other one is
    mirrored: they are then examples of the same law, and none is a copy of another.

    Raises:
        ValueError: the examples are no images, never end, or come with observations.
    """

    def __init__(self, source: FiniteSource) -> None:
        spec = source.spec
        if spec.kind != "image":
            raise ValueError(
                "`data.mirror` is for images, which have a left and a right. "
                f"Received: data.source={spec.name!r}, whose examples are of the kind {spec.kind!r}"
            )
        if not isinstance(source, FiniteSource):
            raise ValueError(
                "`data.mirror` is for images with an end; of those that are drawn anew for every "
                f"batch there are always enough. Received: data.source={spec.name!r}"
            )
        if spec.conditions:
            raise ValueError(
                "`data.mirror` is for images without observations, which would have to be "
                f"mirrored with them. Received: {', '.join(map(repr, spec.conditions))}"
            )
        self._source, self._images = source, spec.examples
        self.spec = dataclasses.replace(spec, examples=2 * spec.examples)
        self.metrics, self.bad_files = source.metrics, source.bad_files
        self.in_cache = source.in_cache
        note = (
            f"Each of the {spec.examples:,} training images is there a second time with left and "
            "right exchanged (`data.mirror`), which suits what has no writing in it."
        )
        self.notes = (*source.notes, note)

    def at(self, index):
        found = self._source.at(index % self._images)
        later = (index >= self._images)[:, tf.newaxis, tf.newaxis, tf.newaxis]
        return found | {"x": tf.where(later, found["x"][:, :, ::-1], found["x"])}

    def training_examples(self, count=None):
        images, labels = self._source.training_examples(count)
        most = self.spec.examples if count is None else min(count, self.spec.examples)
        again = max(0, most - len(images))
        if again:
            images = rows_of(_twice(images, again), most)
            labels = None if labels is None else np.concatenate([labels, labels[:again]])
        return images, labels

    def held_out_examples(self, count=None) -> Arrays:
        images, labels = self._source.held_out_examples(count)
        images = np.array(images)
        images[1::2] = images[1::2, :, ::-1]
        return images, labels

    def training_labels(self):
        labels = self._source.training_labels()
        return None if labels is None else np.concatenate([labels, labels])

    @property
    def original(self):
        source = self._source.original
        return self if source is self._source else MirroredSource(source)

    def fingerprint(self):
        known = self._source.fingerprint()
        return known and f"{known} mirrored"


def with_mirror_images(source: Source, mirror: bool) -> Source:
    """The same images and their mirror images, see `MirroredSource`; the source itself without."""
    return MirroredSource(source) if mirror else source


def _twice(images: np.ndarray, again: int) -> Iterator[np.ndarray]:
    """All images, a part at a time, then the first `again` mirrored."""
    for some in chunks(len(images), images[:1].nbytes):
        yield images[some]
    for some in chunks(again, images[:1].nbytes):
        yield images[some][:, :, ::-1]
