"""The discriminator should not change its mind about an image that is shifted or mirrored."""

import dataclasses

import tensorflow as tf

from ganapp.training.augmentations.base import whole
from ganapp.training.extensions import Draw
from ganapp.training.terms.base import Critic, Tensors, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Consistency(Term):
    """Balanced consistency regularisation: squared change of the score under a random transform.

    T shifts by whole pixels, each axis uniform on -shift..shift, and continues the image by
    reflection (the edge itself is not repeated). Images that are packed together move together.

    Args:
        real_weight: of real images, at least 0.
        fake_weight: of generated images, at least 0.
        shift: largest translation in pixels, less than the shorter side; the usual 4 is for
            32 pixels.
        flip: mirror every other image left to right, for data where that changes nothing (not
            for digits).
    """

    real_weight: float = 10.0
    fake_weight: float = 10.0
    shift: int = 4
    flip: bool = False
    name = "consistency"
    reference = "Zhao et al., 2020, arXiv:2002.04724"
    formula = "weight * E [real_weight (D(x) - D(T(x)))^2 + fake_weight (D(G(z)) - D(T(G(z))))^2]"
    images_only = in_float32 = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.real_weight, self.fake_weight) < 0:
            raise ValueError(
                "`real_weight` and `fake_weight` must not be negative. Received: "
                f"real_weight={self.real_weight}, fake_weight={self.fake_weight}"
            )
        if self.shift < 0:
            raise ValueError(f"`shift` must not be negative. Received: shift={self.shift}")
        if self.shift == 0 and not self.flip:
            raise ValueError(
                "`shift` must be at least 1, or `flip` true: a transform that changes nothing "
                "penalises nothing. Received: shift=0, flip=False"
            )

    def check_shape(self, shape):
        if len(shape) != 3:
            raise ValueError(
                "`consistency` shifts images (height, width, channels); leave it out for other "
                f"data. Received: examples of shape {shape}"
            )
        if self.shift >= min(shape[:2]):
            raise ValueError(
                "`shift` must be less than the shorter side of the images. "
                f"Received: shift={self.shift} for images of {shape[0]} x {shape[1]}"
            )

    def per_example(self, critic, real, fake, draw, state=None):
        """One value per pair of a real and a generated image: `(batch,)`."""
        self.check_shape(tuple(real["x"].shape[1:]))
        return self.real_weight * self._change(critic, real, draw) + (
            self.fake_weight * self._change(critic, fake, draw)
        )

    def transform(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        """Every image shifted, and perhaps mirrored: `(batch, height, width, channels)`."""
        if self.flip:
            mirrored = tf.cast(draw(), tf.float32)[:, None, None, None] < 0.5
            images = tf.where(mirrored, images[:, :, ::-1], images)
        if self.shift:
            for axis in (1, 2):
                pixels = whole(draw(), 2 * self.shift + 1) - self.shift
                images = shifted(images, pixels, axis)
        return images

    def _change(self, critic: Critic, given: Tensors, draw: Draw) -> tf.Tensor:
        moved = given | {"x": self.transform(given["x"], draw)}
        change = critic(given)["scores"] - critic(moved)["scores"]
        return tf.reduce_mean(change**2, axis=list(range(1, change.shape.rank)))


def shifted(images: tf.Tensor, pixels: tf.Tensor, axis: int) -> tf.Tensor:
    """Each image moved down (axis 1) or to the right (2) by its pixels, continued by reflection.

    Args:
        images: `(batch, height, width, channels)`.
        pixels: int32 `(batch,)`, each of a size less than the axis.
        axis: 1 or 2.
    """
    side = images.shape[axis]
    source = tf.range(side)[None, :] - pixels[:, None]
    source = (side - 1) - tf.abs((side - 1) - tf.abs(source))  # reflected at both ends
    return tf.gather(images, source, axis=axis, batch_dims=1)
