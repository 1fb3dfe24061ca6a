"""The description of a source's examples, and the way back to the user's units."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ganapp.training.data.tables.codec import TableCodec

KINDS = ("vector", "image", "video")
PIXELS = ("image", "video")  # kinds of which the users' units are uint8 pixels


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSpec:
    """The contract between a data source and everything downstream.

    Training sees *model units*: images float32 NHWC in [-1, 1], vectors float32 standardised
    with `mean` and `scale`. People and artefacts see *user units*: images uint8 in [0, 255],
    vectors float32 as they were in the source. Clips are images with a time axis before height.
    Rows of a table (kind `"vector"` too) change their width on the way, see `TableCodec`.

    Args:
        name: source as named in the configuration, e.g. `"digits"`.
        kind: `"vector"`, `"image"` or `"video"`.
        shape: shape of one example in model units without the batch axis, `(d,)`, `(height, width,
            channels)` or `(frames, height, width, channels)`.
        examples: number of training examples; `None` when the source never repeats one.
        held_out: number of examples kept away from training.
        classes: names of the labels, empty when there are none.
        mean: per-coordinate mean of a vector source in user units.
        scale: per-coordinate standard deviation, likewise.
        description: one sentence for the model card.
        licence: licence or origin of the data, for the model card.
        table: what the columns of a table are; `None` for other data.
        conditions: shape of each observation that belongs to an example, by its name and without
            the batch axis: what a generator is conditioned on besides the class.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    examples: int | None
    held_out: int
    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    description: str = ""
    licence: str = ""
    table: TableCodec | None = None
    conditions: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"`kind` must be one of {KINDS}. Received: kind={self.kind!r}")
        for kind, what, axes in (
            ("image", "an image source", "height, width, channels"),
            ("video", "a source of clips", "frames, height, width, channels"),
        ):
            if self.kind == kind and len(self.shape) != axes.count(",") + 1:
                raise ValueError(
                    f"`shape` of {what} must be ({axes}). Received: shape={self.shape}"
                )
        count = self.user_shape[0]
        if self.kind == "vector" and not len(self.mean) == len(self.scale) == count:
            raise ValueError(
                "A vector source must give `mean` and `scale` for each of its "
                f"{count} coordinates. Received: mean={self.mean}, scale={self.scale}"
            )
        taken = sorted({"x", "z", "label"} & set(self.conditions))
        if taken:
            raise ValueError(
                "`conditions` must have other names than the example `x`, the latent `z` and the "
                f"`label`. Received: {', '.join(taken)}"
            )

    @property
    def pixels(self) -> bool:
        """Whether user units are uint8 pixels, of images or of clips."""
        return self.kind in PIXELS

    @property
    def user_shape(self) -> tuple[int, ...]:
        """Shape of one example in user units: `shape`, or the number of columns of a table."""
        return self.shape if self.table is None else (len(self.table.varying),)

    @property
    def blocks(self) -> tuple[tuple[str, int], ...]:
        """Activation and width of each part of a vector that a generator must end in, if any."""
        return () if self.table is None else self.table.blocks

    @property
    def label_start(self) -> int | None:
        """Place of the first of the entries of an example that say its class, one for each.

        `None` where examples do not say it: most have labels beside them.
        """
        return None if self.table is None else self.table.label_start

    @property
    def partly_labelled(self) -> bool:
        """Whether examples say their class and some of them do not: rows that lack a label."""
        return self.table is not None and self.table.partly_labelled

    @property
    def transform(self) -> dict[str, object]:
        """The way from model units to the user's as data, ready for JSON.

        `{"levels": True}` for pixels, uint8 of -1 to 1; `{"mean": [...], "scale": [...]}` for
        vectors; `{"table": True}` for the rows of a table, whose way `table` describes.
        """
        if self.table is not None:
            return {"table": True}
        if self.pixels:
            return {"levels": True}
        return {"mean": list(self.mean), "scale": list(self.scale)}

    def to_user_units(self, samples: tf.Tensor | np.ndarray) -> tf.Tensor:
        """Maps float32 model units `(batch, *shape)` to user units, with TensorFlow ops alone.

        Returns:
            uint8 images `(batch, height, width, channels)`, uint8 clips with frames before height,
            or float32 vectors `(batch, *user_shape)`.
        """
        samples = tf.cast(samples, tf.float32)
        if self.table is not None:
            return self.table.decode(samples)
        if self.pixels:
            levels = tf.round((samples + 1.0) * 127.5)
            return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)
        return samples * tf.constant(self.scale) + tf.constant(self.mean)

    def to_model_units(self, samples: tf.Tensor | np.ndarray) -> tf.Tensor:
        """The inverse of `to_user_units`, up to the rounding of images to 256 levels."""
        samples = tf.cast(samples, tf.float32)
        if self.table is not None:
            return self.table.encode(samples)
        if self.pixels:
            return samples / 127.5 - 1.0
        return (samples - tf.constant(self.mean)) / tf.constant(self.scale)

    def as_dict(self) -> dict[str, object]:
        """A JSON-ready copy; `from_dict` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, object]) -> "DataSpec":
        """Reads what `as_dict` wrote (JSON turns tuples into lists; they become tuples again)."""
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        conditions = fields.get("conditions", {})  # earlier versions had none
        values["conditions"] = {name: tuple(shape) for name, shape in conditions.items()}
        if values.get("table") is not None:
            values["table"] = TableCodec.from_dict(values["table"])
        return cls(**values)
