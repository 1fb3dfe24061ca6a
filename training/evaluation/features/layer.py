"""A layer of a network as a function of images: what is inverted, or where they are compared."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Annotated, ClassVar

import keras
import numpy as np

from ganapp.training.data.source import Source
from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.features.classifier import ClassifierSpace
from ganapp.training.evaluation.features.keras_model import Values, layer_of, load_layer

OWN = "classifier"
ModelFile = Annotated[str, "a file or 'classifier'"]
# From model units [-1, 1] to what a model was trained on: factor and summand.
SCALES = {"symmetric": (1.0, 0.0), "unit": (0.5, 0.5), "user": (127.5, 127.5)}
RANGES = {"symmetric": "[-1, 1]", "unit": "[0, 1]", "user": "[0, 255]"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of a Keras model, as a network of the images of a source.

    Args:
        model: a `.keras` file, or `classifier`: the network that is trained on the data's own
            labels for the feature space of that name.
        layer: name of a layer of the model; its output when empty.
        values: range of the images that the model expects: `symmetric` [-1, 1], `unit` [0, 1] or
            `user` [0, 255].
    """

    model: ModelFile = OWN
    layer: str = ""
    values: Values = "symmetric"
    name: ClassVar[str] = "layer"

    def __str__(self) -> str:
        of = "the data's own classifier" if self.model == OWN else self.model
        return f"{f'the layer {self.layer!r}' if self.layer else 'the output'} of {of}"

    @property
    def note(self) -> str:
        """A sentence on what the model is given."""
        return f"{self}, which is given images in {RANGES[self.values]}"

    def network(self, source: Source, *, folder: Path | None, key: str) -> keras.Model:
        """The frozen network from images in model units, `x`, to what the layer says.

        Args:
            source: of the images, with labels for the classifier.
            folder: keeps the trained classifier.
            key: of the setting, for sentences.

        Raises:
            ValueError: no such file or layer, or a model of other inputs than these images.
        """
        spec, fields = source.spec, {"path": f"{key}.model", "key": f"{key}.layer"}
        if spec.kind != "image":
            raise ValueError(
                f"`{key}` is for images. "
                f"Received: data.source={spec.name!r}, whose examples are of the kind {spec.kind!r}"
            )
        if self.model == OWN:
            if self.values != "symmetric":
                raise ValueError(
                    f"`{key}.values` must be 'symmetric' for the classifier, which was trained so. "
                    f"Received: values={self.values!r}"
                )
            body = layer_of(_classifier(source.original, folder, key), self.layer, **fields)
        else:
            file = Path(self.model).expanduser()
            if not file.is_file():
                raise ValueError(
                    f"`{key}.model` must be a `.keras` file that exists, or 'classifier'. "
                    f"Received: model={self.model!r}"
                )
            body = load_layer(file, self.layer, **fields)
        return _of_images(body, spec, self.values, key)


def _classifier(source: Source, folder: Path | None, key: str) -> keras.Model:
    train, labels = source.training_examples()
    if labels is not None:
        train, labels = train[labels >= 0], labels[labels >= 0]
    if labels is None or len(np.unique(labels)) < 2:
        raise ValueError(
            f"`{key}.model` can be 'classifier' only for data with labels of at least 2 classes. "
            f"Received: data.source={source.spec.name!r} with "
            f"{0 if labels is None else len(np.unique(labels))} classes"
        )
    return ClassifierSpace(source.spec, train, labels, cache=folder).network


def _of_images(body: keras.Model, spec: DataSpec, values: str, key: str) -> keras.Model:
    taken = tuple(body.inputs[0].shape[1:])
    fits = len(taken) == len(spec.shape) and all(
        a in (None, b) for a, b in zip(taken, spec.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"`{key}.model` must take the images as they are, {spec.shape}: nothing is resized and "
            "no channel is added in silence (`data.size` and `data.channels` change the images of "
            f"files, or put a layer before the model). Received: a model of inputs {taken}"
        )
    scale, offset = SCALES[values]
    x = keras.Input(spec.shape, name="x")
    given = x
    if values != "symmetric":
        given = keras.layers.Rescaling(scale, offset, dtype="float32", name="range")(x)
    found = body(given, training=False)
    if None in found.shape[1:] or len(found.shape) < 2 or "float" not in str(found.dtype):
        raise ValueError(
            f"`{key}.layer` must give numbers of a fixed shape for each image. "
            f"Received: {found.dtype} of shape {tuple(found.shape)}"
        )
    network = keras.Model(x, found, name="layer")
    network.trainable = False
    return network


def standardised(network: keras.Model, images: np.ndarray, *, batch: int = 256) -> keras.Model:
    """The network with mean 0 and deviation 1 of each channel, the last axis, over some images.

    A channel that hardly varies counts as if it had a hundredth of the largest deviation: what
    training never saw of it would otherwise be thrown far out.

    Args:
        network: from images to features.
        images: float32 `(n, *shape)` in model units.
        batch: images at a time.
    """
    count, total, squares = 0, 0.0, 0.0
    for start in range(0, len(images), batch):
        part = np.asarray(network(images[start : start + batch], training=False), np.float64)
        part = part.reshape(-1, part.shape[-1])
        count, total = count + len(part), total + part.sum(axis=0)
        squares = squares + (part**2).sum(axis=0)
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0.0)
    variance = np.maximum(variance, max(1e-4 * variance.max(), 1e-12))
    layer = keras.layers.Normalization(
        axis=-1, mean=mean, variance=variance, dtype="float32", name="standardised"
    )
    result = keras.Model(network.inputs[0], layer(network.outputs[0]), name="features")
    result.trainable = False
    return result


def network_bytes(network: keras.Model) -> bytes:
    """The network as the content of a `.keras` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        network.save(path)
        return path.read_bytes()


def network_from(content: bytes, *, frozen: bool = True) -> keras.Model:
    """The network in the content of a `.keras` file; nothing of a frozen one is trained."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        path.write_bytes(content)
        network = keras.models.load_model(path, compile=False, safe_mode=True)
    if frozen:
        network.trainable = False
    return network
