"""What is exported: one trained generator together with all that its artefacts must know."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from ganapp.export.errors import ExportError

OUTPUT_NAMES = {"image": "image", "vector": "vector"}
RANKS = {"image": 4, "vector": 2}
PNG_CHANNELS = (1, 3, 4)  # grey, colour, colour with opacity


class LatentPrior(Protocol):
    """The part of a prior that an artefact needs."""

    size: int
    name: str
    truncates: bool
    """Whether `truncate` changes anything."""
    classes: int
    """How many classes latents choose from, in their last coordinates; 0 for none."""
    noise_size: int
    """How many uniform numbers make one latent."""
    path: str
    """The way between latents, classes aside: `"straight"` or along an `"arc"`."""
    continuous_mask: np.ndarray
    """Which coordinates can change a little: bool `(size,)`."""

    def sample(self, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws float32 `(count, size)` as a pure function of `seed`, int32 `(2,)`."""

    def from_uniform(self, noise: tf.Tensor) -> tf.Tensor:
        """Float32 `(n, size)` of uniform noise `(n, noise_size)`; built-in LiteRT operations."""

    def labels(self, latents: tf.Tensor) -> tf.Tensor:
        """The classes that latents ask for, one-hot `(n, classes)`."""

    def with_labels(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The latents with the class of a one-hot row; a row of zeros changes nothing."""

    def truncate(self, latents: tf.Tensor, amount: Any) -> tf.Tensor:
        """Moves latents towards the likeliest: by nothing at amount 1, all the way at 0."""

    def numpy_code(self, count: int) -> str:
        """Lines that assign `z`, `(count, size)`, from `np` and the generator `random`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle:
    """A generator and its surroundings, handed over by the composition root.

    Args:
        name: title of the model card, e.g. the name of the run.
        generator: latents float32 `(n, prior.size)` -> samples `(n, *shape)` in model units
            (images in [-1, 1], vectors standardised).
        prior: where latents come from; its methods must consist of stateless TensorFlow ops.
        to_user_units: samples in model units -> uint8 images or float32 vectors; TensorFlow ops.
        kind: `"image"` or `"vector"`.
        transform: what `to_user_units` does, as data: `{"levels": True}` for uint8 pixels of -1 to
            1, `{"mean": ..., "scale": ...}` for `samples * scale + mean`; where it says nothing of
            this kind, the graph of `to_user_units` is exported.
        facts: JSON-ready description for the card. Read, when present: `manifest` (with the
            data specification under `data`), `configuration`, `report` (`best` and
            `last`, each with its `step` and its `figures` by key), `step` (generator updates).
        picture: a PIL image of samples, saved beside the card; `None` for none.
        judge: samples `(n, *shape)` in user units -> evaluation figures by key, among them
            `coverage` and `frechet_distance` where there are such; `None` where nothing is judged.

    Raises:
        ExportError: `kind` is unknown or the generator does not fit `prior` and `kind`.
    """

    name: str
    generator: keras.Model
    prior: LatentPrior
    to_user_units: Callable[[tf.Tensor], tf.Tensor]
    kind: str
    transform: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    picture: Any | None = None
    judge: Callable[[np.ndarray], dict[str, float]] | None = None

    def __post_init__(self) -> None:
        if self.kind not in OUTPUT_NAMES:
            raise ExportError(
                f"`kind` must be one of {tuple(OUTPUT_NAMES)}. Received: kind={self.kind!r}"
            )
        latents = np.zeros((2, self.prior.size), "float32")
        try:
            shape = tuple(self.generator(latents, training=False).shape)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ExportError(
                f"`generator` must accept latents of the prior's size {self.prior.size}, but it "
                f"refused them: {reason}"
            ) from error
        if len(shape) != RANKS[self.kind] or None in shape[1:]:
            raise ExportError(
                f"`generator` must return a tensor of rank {RANKS[self.kind]} with a fixed shape "
                f"for kind {self.kind!r}. Received: shape={shape}"
            )
        object.__setattr__(self, "_shape", shape[1:])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample without the batch axis."""
        return self._shape

    @property
    def encodes(self) -> bool:
        """Whether a sample is a picture that a PNG can hold."""
        return self.kind == "image" and self.shape[-1] in PNG_CHANNELS

    @property
    def data(self) -> dict[str, Any]:
        """The data specification of the manifest; empty if there is none."""
        return (self.facts.get("manifest") or {}).get("data") or {}

    @property
    def output_name(self) -> str:
        """Name of the output tensor in every artefact."""
        return OUTPUT_NAMES[self.kind]
