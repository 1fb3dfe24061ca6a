"""Images brought to the size that a foreign network expects.

Reference: Parmar et al., 2022, "On aliased resizing and surprising subtleties in GAN evaluation"
(arXiv:2104.11222): most libraries resize without a low-pass filter, or round to 256 levels in
between, and either moves the Fréchet distance by more than many papers' improvements.
"""

import numpy as np
from PIL import Image


def resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pillow's anti-aliased bicubic filter, channel by channel in float: as clean-fid does.

    Args:
        images: `(n, height, width, channels)`, 0 to 255, of any numeric type.
        size: height and width to bring them to.

    Returns:
        float32 `(n, *size, channels)`, cut off at 0 and 255 (the filter overshoots), not rounded.
    """
    images = np.asarray(images, np.float32)
    count, _, _, channels = images.shape
    result = np.empty((count, *size, channels), np.float32)
    for number in range(count):
        for channel in range(channels):
            plane = Image.fromarray(np.ascontiguousarray(images[number, :, :, channel]))
            # Of the same size Pillow copies, as clean-fid expects it to.
            plane = plane.resize((size[1], size[0]), resample=Image.Resampling.BICUBIC)
            result[number, :, :, channel] = np.asarray(plane)
    return result.clip(0.0, 255.0, out=result)


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Grey images repeated to `channels`; others must have that many already.

    Raises:
        ValueError: neither one channel nor `channels`.
    """
    if images.shape[-1] == channels:
        return images
    if images.shape[-1] != 1:
        raise ValueError(
            f"Images must have 1 or {channels} channels for this feature space. "
            f"Received: {images.shape[-1]} channels"
        )
    return np.repeat(images, channels, axis=-1)
