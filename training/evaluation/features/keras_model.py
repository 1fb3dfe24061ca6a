"""Any Keras model or SavedModel of the user's as a feature space."""

import dataclasses
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.features.inception import file_hash, resize, with_channels
from ganapp.training.evaluation.features.spaces import FeatureChoice, FeatureSpace, TrainingData

Values = Literal["symmetric", "unit", "user"]
RANGES = {  # of images: user units 0 to 255 to what the model was trained on
    "symmetric": lambda images: images / 127.5 - 1.0,
    "unit": lambda images: images / 255.0,
    "user": lambda images: images,
}


class KerasSpace:
    """The flattened output of a model, or of a layer within it.

    Images are resized (as clean-fid does) and grey ones repeated where the model's input asks for
    it; vectors are given as they are, in user units.

    Raises:
        ValueError: no such layer or output, or a file with code that may not be trusted.
    """

    def __init__(self, options: "KerasModel") -> None:
        file, layer = Path(options.path).expanduser(), options.layer
        load = _saved_model if file.is_dir() else _keras_model
        self._function, self._shape = load(file, layer)
        self._range, self._batch = RANGES[options.values], options.batch
        self.name = f"{file.stem}{f':{layer}' if layer else ''}"
        self.identity = f"{file_hash(file)}-{layer}-{options.values}"

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples `(n, *shape)` in user units to float32 `(n, d)`."""
        parts = []
        for start in range(0, len(samples), self._batch):
            batch = self._prepare(np.asarray(samples[start : start + self._batch]))
            parts.append(np.asarray(self._function(batch)).reshape(len(batch), -1))
        return np.concatenate(parts).astype(np.float32)

    def _prepare(self, samples: np.ndarray) -> np.ndarray:
        samples = samples.astype(np.float32)
        if samples.ndim != 4:
            return samples
        if self._shape is not None and len(self._shape) == 4:
            _, height, width, channels = self._shape
            if channels is not None:
                samples = with_channels(samples, channels)
            size = (height or samples.shape[1], width or samples.shape[2])
            if size != samples.shape[1:3]:
                samples = resize(samples, size)
        return self._range(samples)


def _keras_model(file: Path, layer: str):
    model = load_layer(
        file, layer, path="evaluation.features.path", key="evaluation.features.layer"
    )
    return lambda batch: model(batch, training=False), tuple(model.inputs[0].shape)


def load_layer(file: Path, layer: str, *, path: str, key: str) -> keras.Model:
    """A layer of the model in a `.keras` file as a network of the model's one input.

    Args:
        file: written by Keras.
        layer: its name; the model's output when empty.
        path, key: the settings that name the file and the layer, for the sentences.

    Raises:
        ValueError: no such file or layer, code that may not be trusted, several inputs or outputs.
    """
    try:
        model = keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # a lambda, an unknown class, a damaged file
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "damaged"
        raise ValueError(
            f"`{path}` must be a whole `.keras` file without lambda layers or "
            f"unregistered classes. Received: {path.split('.')[-1]}={str(file)!r} ({reason})"
        ) from error
    return layer_of(model, layer, path=path, key=key)


def layer_of(model: keras.Model, layer: str, *, path: str, key: str) -> keras.Model:
    """A layer of a model as a network, see `load_layer`."""
    if layer:
        names = [each.name for each in getattr(model, "layers", [])]
        if layer not in names:
            raise ValueError(f"`{key}` must be one of {names}. Received: layer={layer!r}")
    inputs = getattr(model, "inputs", None) or []
    outputs = [model.get_layer(layer).output] if layer else getattr(model, "outputs", None) or []
    if len(inputs) != 1 or len(outputs) != 1 or isinstance(outputs[0], list | tuple | dict):
        raise ValueError(
            f"`{path}` must be a functional or sequential model with one input "
            f"and one output. Received: {len(inputs)} inputs and {len(outputs)} outputs"
        )
    try:  # made anew: a model that was built on a list of one input wants a list
        return keras.Model(inputs[0], outputs[0])
    except ValueError as error:  # a model within the model, which has a graph of its own
        raise ValueError(
            f"`{key}` must be a layer of the model's own graph. Received: layer={layer!r}, a "
            f"{type(model.get_layer(layer)).__name__}"
        ) from error


def _saved_model(folder: Path, output: str):
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder))
        signature = loaded.signatures["serving_default"]
    except Exception as error:  # no SavedModel, or none that can be called
        raise ValueError(
            "`evaluation.features.path` must be a SavedModel with a `serving_default` signature. "
            f"Received: path={str(folder)!r}"
        ) from error
    (_, inputs), outputs = signature.structured_input_signature, signature.structured_outputs
    name = output or (next(iter(outputs)) if len(outputs) == 1 else "")
    if len(inputs) != 1 or name not in outputs:
        raise ValueError(
            "`evaluation.features.layer` must name one of the outputs "
            f"{sorted(outputs)} of a SavedModel with one input. Received: layer={output!r}, "
            f"{len(inputs)} inputs"
        )
    (key, spec) = next(iter(inputs.items()))

    def call(batch: np.ndarray, keep: object = loaded):  # the signature alone lets its variables go
        return signature(**{key: tf.cast(batch, spec.dtype)})[name]

    return call, tuple(spec.shape) if spec.shape.rank is not None else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasModel(FeatureChoice):
    """The output, or a layer, of a `.keras` file or SavedModel of your own.

    Args:
        path: the file, or the SavedModel's folder.
        layer: name of a layer (SavedModel: of an output); the model's output when empty.
        values: range of images that the model expects: `symmetric` [-1, 1], `unit` [0, 1] or
            `user` [0, 255].
        batch: examples at a time.
    """

    path: str = ""
    layer: str = ""
    values: Values = "symmetric"
    batch: int = 64
    name = "keras"
    images_only = False

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError(
                "`evaluation.features.path` must name a `.keras` file or a SavedModel's folder. "
                "Received: path=''"
            )
        if self.batch < 1:
            raise ValueError(
                f"`evaluation.features.batch` must be at least 1. Received: batch={self.batch}"
            )

    def check(self, spec: DataSpec) -> None:
        if not Path(self.path).expanduser().exists():
            raise ValueError(
                "`evaluation.features.path` must be a `.keras` file or a SavedModel's folder. "
                f"Received: path={self.path!r}, which does not exist"
            )

    def build(self, real: TrainingData) -> FeatureSpace:
        return KerasSpace(self)
