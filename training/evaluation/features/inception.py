"""InceptionV3 pool features, 2,048 of them, as in the papers that print FIDs.

The weights are those of `keras.applications`, trained on ImageNet like those of the TF-Slim graph
that the papers use, but not the same: **Fréchet distances in this space are not comparable with
published ones**, only with each other.

References:
    Szegedy et al., 2016 (arXiv:1512.00567); Heusel et al., 2017 (arXiv:1706.08500);
    Parmar et al., 2022, "On aliased resizing and surprising subtleties in GAN evaluation"
    (arXiv:2104.11222): most libraries resize without a low-pass filter, or round to 256 levels in
    between, and either moves the Fréchet distance by more than many papers' improvements.
"""

import dataclasses
import hashlib
import logging
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.features.spaces import FeatureChoice, FeatureSpace, TrainingData

SIZE, WIDTH = (299, 299), 2048
FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
URL = f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{FILE}"
MEBIBYTES = 84
DOWNLOADED = Path("~/.keras/models").expanduser() / FILE  # where Keras keeps it
BATCH = 32


class InceptionSpace:
    """Images of any size and 1 or 3 channels to the 2,048 features before the last layer.

    Raises:
        ValueError: the download fails, or the weights are not Inception's.
    """

    def __init__(self, weights: str) -> None:
        path = _downloaded() if weights == "imagenet" else Path(weights).expanduser()
        self._network = keras.applications.InceptionV3(
            include_top=False, weights=None, pooling="avg", input_shape=(*SIZE, 3)
        )
        try:
            self._network.load_weights(path)
        except Exception as error:  # Keras raises whatever its reader of files does
            raise ValueError(
                "`evaluation.features.weights` must be weights of keras.applications' InceptionV3 "
                f"without its top layer. Received: weights={weights!r}"
            ) from error
        self.identity = file_hash(path)
        self.name = f"Inception-{WIDTH}"

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Images `(n, height, width, channels)`, 0 to 255, to float32 `(n, 2048)`."""
        parts = [
            np.asarray(self._network(preprocess(samples[i : i + BATCH]), training=False))
            for i in range(0, len(samples), BATCH)
        ]
        return np.concatenate(parts)


def preprocess(images: np.ndarray) -> np.ndarray:
    """Images as the network sees them, float32 `(n, 299, 299, 3)` in [-1, 1]: grey repeated,
    resized like clean-fid's.
    """
    return resize(with_channels(np.asarray(images), 3), SIZE) / 127.5 - 1.0


def resize(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Images `(n, height, width, channels)`, 0 to 255, brought to `size` (height and width).

    Pillow's anti-aliased bicubic filter, channel by channel in float, as clean-fid does: float32,
    cut off at 0 and 255 (the filter overshoots), not rounded.
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
    """Grey images repeated to `channels`; a ValueError unless others have that many already."""
    if images.shape[-1] == channels:
        return images
    if images.shape[-1] != 1:
        raise ValueError(
            f"Images must have 1 or {channels} channels for this feature space. "
            f"Received: {images.shape[-1]} channels"
        )
    return np.repeat(images, channels, axis=-1)


def file_hash(path: Path) -> str:
    """The sha256 of a file, or of all files in a folder with their names."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:32]


def _downloaded() -> Path:
    if not DOWNLOADED.is_file():
        logging.getLogger("ganapp").warning(
            "Downloading InceptionV3's weights, %d MiB, from %s to %s.", MEBIBYTES, URL, DOWNLOADED
        )
        try:
            keras.utils.get_file(FILE, URL, cache_subdir="models")
        except Exception as error:  # whatever the network, a proxy or the disk says
            raise ValueError(
                "`evaluation.features.weights` is 'imagenet', and InceptionV3's weights cannot be "
                f"downloaded: fetch {URL} ({MEBIBYTES} MiB) and put it at {DOWNLOADED}, or name "
                "its place as `weights`."
            ) from error
    return DOWNLOADED


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inception(FeatureChoice):
    """InceptionV3's 2,048 pool features; not comparable with published FIDs (other weights).

    Args:
        weights: path of the weights without the top layer, or `"imagenet"` to download them.
    """

    weights: str = "imagenet"
    name = "inception"
    reference = "Heusel et al., 2017, arXiv:1706.08500; Parmar et al., 2022, arXiv:2104.11222"

    def check(self, spec: DataSpec) -> None:
        super().check(spec)
        if spec.shape[-1] not in (1, 3):
            raise ValueError(
                "`evaluation.features` can be 'inception' only for images of 1 or 3 channels. "
                f"Received: {spec.shape[-1]} channels"
            )
        if self.weights != "imagenet" and not Path(self.weights).expanduser().is_file():
            raise ValueError(
                "`evaluation.features.weights` must be 'imagenet' or a file of InceptionV3's "
                f"weights ({URL}). Received: weights={self.weights!r}, which does not exist"
            )

    def build(self, real: TrainingData) -> FeatureSpace:
        return InceptionSpace(self.weights)
