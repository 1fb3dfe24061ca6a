"""What is exported: a generator, the inputs that it takes, and how they are drawn."""

import contextlib
import dataclasses
import keyword
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import keras
import numpy as np
import tensorflow as tf

from ganapp.export import ExportError
from ganapp.export.layout import ENCODED, GeneratorInputs, Input, Json, drawn_name
from ganapp.models.tensors import (
    EXAMPLE,
    LABEL,
    LATENT,
    Tensors,
    all_layers,
    apply,
    input_names,
    input_shapes,
)

if TYPE_CHECKING:
    from PIL.Image import Image

# Name of the output tensor in every artefact, and its rank.
KINDS = {"image": ("image", 4), "vector": ("vector", 2), "video": ("clip", 5)}
PNG_CHANNELS = (1, 3, 4)  # grey, colour, colour with opacity
SHORT_FLOATS = ("float16", "bfloat16")

# First halves of stateless seeds: draws of artefacts, of training and of checks stay apart.
SAMPLES, PARITY, CALIBRATION, QUALITY = 0x5A11, 0x5A12, 0x5A13, 0x5A14
AS_DRAWN, WHOLE = -1, 1.0  # the class and the truncation that change nothing
OPTION_TYPES = {"count": np.int32, "seed": np.int32, "class": np.int32, "truncation": np.float32}
OBSERVED = 64  # examples of an observation where none are given


class LatentPrior(Protocol):
    """The part of a prior that an artefact needs; of several named parts it has `parts` by name."""

    size: int
    name: str
    truncates: bool  # whether `truncate` changes anything
    noise_size: int  # how many uniform numbers make one latent
    path: str  # the way between latents: `"straight"` or along an `"arc"`
    continuous_mask: np.ndarray  # which coordinates can change a little: bool `(size,)`

    def from_uniform(self, noise: tf.Tensor) -> tf.Tensor:
        """Float32 `(n, size)` of uniform noise `(n, noise_size)`; built-in LiteRT operations."""

    def truncate(self, latents: tf.Tensor, amount: float | tf.Tensor) -> tf.Tensor:
        """Moves latents towards the likeliest: by nothing at amount 1, all the way at 0."""

    def numpy_code(self, count: int) -> str:
        """Lines that assign `z`, `(count, size)`, from `np` and the generator `random`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderBundle:
    """An encoder as the writers of the formats take it; see `ganapp.export.bundle.Bundle`.

    Its artefacts have one output, `latents`: all latents side by side.

    Args:
        generator: the network; it is called so, because what writes artefacts calls it that.
        inputs: the example `x` in model units, and observations.
        outputs: the latents that it says, in the order of the generator's inputs.
    """

    generator: keras.Model
    inputs: tuple[Input, ...]
    outputs: tuple[Input, ...]
    output_name: str = ENCODED

    @property
    def shape(self) -> tuple[int]:
        return (sum(each.shape[0] for each in self.outputs),)

    def latents(self, inputs: Mapping[str, tf.Tensor]) -> Tensors:
        """Latents float32 `(n, size)` of all inputs, as the signatures that draw call them."""
        found = apply(self.generator, dict(inputs), takes=EXAMPLE, gives=LATENT)
        if missing := [each.name for each in self.outputs if each.name not in found]:
            raise ExportError(
                f"`encoder` must give every latent of the generator, {', '.join(missing)} too. "
                f"Received: {', '.join(found)}"
            )
        return {each.drawn_name: found[each.name] for each in self.outputs}

    def generate(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """All latents side by side, float32 `(n, *shape)`."""
        parts = list(self.latents(inputs).values())
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)

    def described(self) -> Json:
        """What serving.json and a card say of its inputs and outputs."""
        return {
            "inputs": [each.as_dict() for each in self.inputs],
            "outputs": [each.as_dict() for each in self.outputs],
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle(GeneratorInputs):
    """A generator and its surroundings, handed over by the composition root.

    Args:
        name: title of the model card, e.g. the name of the run.
        generator: named inputs -> samples `(n, *shape)` in model units (images in [-1, 1], vectors
            standardised). An input without a name is the latent `z`, float32 `(n, prior.size)`;
            `label` is a one-hot class, float32 `(n, len(class_shares))`; any other is an
            observation.
        prior: where latents come from; its methods must consist of stateless TensorFlow ops.
        to_user_units: samples in model units -> uint8 images or float32 vectors; TensorFlow ops.
        kind: `"image"`, `"vector"` or `"video"`.
        class_shares: probability of each class; for a generator that takes `label`.
        observations: examples of each observation by name, float32 `(n, *shape)`, on which
            artefacts are checked; uniform in [-1, 1] where there are none.
        transform: what `to_user_units` does, as data: `{"levels": True}` for uint8 pixels of -1 to
            1, `{"mean": ..., "scale": ...}` for `samples * scale + mean`; where it says nothing of
            this kind, the graph of `to_user_units` is exported.
        facts: JSON-ready description for the card. Read, when present: `manifest` (with the
            data specification under `data`), `configuration`, `report` (`best` and
            `last`, each with its `step` and its `figures` by key), `step` (generator updates).
        encoder: maps examples `x` in model units, and observations if it names any, to every
            latent of the generator, `(n, size)`; exported beside it. `None` for none.
        picture: a PIL image of samples, saved beside the card; `None` for none.
        codes: what a person sets of the latents, as serving.json lists it: `name`, `kind`
            (`"category"`, `"bit"` or `"number"`), `latent`, `start`, `size`, `minimum`, `maximum`.
        judge: samples `(n, *shape)` in user units -> evaluation figures by key, among them
            `coverage` and `frechet_distance` where there are such; `None` where nothing is judged.

    Attributes:
        inputs: of the generator, in its own order.
        shape: of one sample without the batch axis.

    Raises:
        ExportError: `kind` is unknown or the generator does not fit the other arguments.
    """

    name: str
    generator: keras.Model
    prior: LatentPrior
    to_user_units: Callable[[tf.Tensor], tf.Tensor]
    kind: str
    class_shares: Sequence[float] = ()
    observations: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    transform: Mapping[str, object] = dataclasses.field(default_factory=dict)
    facts: Json = dataclasses.field(default_factory=dict)
    encoder: keras.Model | None = None
    picture: "Image | None" = None
    codes: Sequence[Json] = ()
    judge: Callable[[np.ndarray], dict[str, float]] | None = None
    inputs: tuple[Input, ...] = dataclasses.field(init=False)
    shape: tuple[int, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ExportError(f"`kind` must be one of {tuple(KINDS)}. Received: kind={self.kind!r}")
        object.__setattr__(self, "inputs", tuple(self._describe_inputs()))
        object.__setattr__(self, "shape", self._sample_shape())

    def _describe_inputs(self) -> Iterator[Input]:
        shapes = input_shapes(self.generator, LATENT)
        for name in input_names(self.generator, LATENT):
            if name in self.priors:
                yield Input(name, (self.priors[name].size,), "latent")
            elif name == LABEL:
                yield Input(name, (len(self.class_shares),), "label")
            else:
                yield Input(name, self._observation_shape(name, shapes[name]), "observation")

    def _observation_shape(
        self, name: str, shape: tuple[int | None, ...] | None
    ) -> tuple[int, ...]:
        taken = {*OPTION_TYPES, "samples", "file", drawn_name(LATENT)}
        if not name.isidentifier() or keyword.iskeyword(name) or name in taken:
            raise ExportError(
                f"An input of `generator` must have a name that Python can use and that is none of "
                f"{', '.join(sorted(taken))}. Received: {name!r}"
            )
        if name in self.observations:
            return tuple(np.shape(self.observations[name])[1:])
        if shape is None or None in shape:
            raise ExportError(
                f"`observations` must hold examples of {name!r}, an input of which `generator` "
                f"does not say the shape. Received: observations of "
                f"{', '.join(self.observations) or 'nothing'}"
            )
        return shape

    def _sample_shape(self) -> tuple[int, ...]:
        given = {each.name: np.zeros((2, *each.shape), np.float32) for each in self.inputs}
        try:
            shape = tuple(self.generate(given).shape)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            if isinstance(error, ExportError):
                raise
            reason = str(error).strip().splitlines()[0]
            taken = " and ".join(
                f"latents of the prior's size {self.priors[each.name].size}"
                if each.role == "latent"
                else f"`{each.name}` of shape {each.shape}"
                for each in self.inputs
            )
            raise ExportError(
                f"`generator` must accept {taken}, but it refused them: {reason}"
            ) from error
        _, rank = KINDS[self.kind]
        if len(shape) != rank or None in shape[1:]:
            raise ExportError(
                f"`generator` must return a tensor of rank {rank} with a fixed shape "
                f"for kind {self.kind!r}. Received: shape={shape}"
            )
        return shape[1:]

    @property
    def has_png(self) -> bool:
        """Whether a sample is a picture that a PNG can hold."""
        return self.kind == "image" and self.shape[-1] in PNG_CHANNELS

    @property
    def data(self) -> Json:
        """The data specification of the manifest; empty if there is none."""
        return (self.facts.get("manifest") or {}).get("data") or {}

    @property
    def output_name(self) -> str:
        return KINDS[self.kind][0]

    @property
    def encoder_bundle(self) -> EncoderBundle | None:
        """The encoder as the writers of the formats take it."""
        if self.encoder is None:
            return None
        observed = {each.name: each for each in self.observed}
        example = Input(EXAMPLE, self.shape, "example")
        names = input_names(self.encoder, EXAMPLE)
        if unknown := [name for name in names if name not in {EXAMPLE, *observed}]:
            raise ExportError(
                f"`encoder` may take {EXAMPLE!r} and what the generator observes. "
                f"Received: {', '.join(map(repr, unknown))}"
            )
        return EncoderBundle(
            generator=self.encoder,
            inputs=tuple(observed.get(name, example) for name in names),
            outputs=tuple(each for each in self.inputs if each.role == "latent"),
        )

    @property
    def keras_names(self) -> dict[str, bool]:
        """Whether Keras takes the `input` of the generator, and gives its `output`, in a dict."""
        return {side: _is_dict(self.generator, side) for side in ("input", "output")}

    @property
    def classes(self) -> int:
        return len(self.class_shares) if self.has_label else 0

    @property
    def priors(self) -> Mapping[str, LatentPrior]:
        return getattr(self.prior, "parts", None) or {LATENT: self.prior}

    @property
    def options(self) -> dict[str, int | float]:
        """What may be requested besides count and seed, and the value that changes nothing."""
        options: dict[str, int | float] = {"class": AS_DRAWN} if self.classes else {}
        truncates = self.prior.truncates and any(each.role == "latent" for each in self.inputs)
        return options | ({"truncation": WHOLE} if truncates else {})

    @property
    def noise_size(self) -> int:
        """How many uniform numbers make one row of the drawn inputs; the label's is the last."""
        return sum(part.noise_size for part in self.priors.values()) + self.has_label

    def generate(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Samples in model units, float32 `(n, *shape)`, of all inputs by name."""
        outputs = apply(self.generator, dict(inputs))
        if EXAMPLE not in outputs:
            raise ExportError(
                f"`generator` must call its output {EXAMPLE!r}. Received: {', '.join(outputs)}"
            )
        return outputs[EXAMPLE]

    def uniform_noise(
        self, count: int | tf.Tensor, seed: int | tf.Tensor, stream: int = SAMPLES
    ) -> tf.Tensor:
        """Uniform numbers in [0, 1), float32 `(count, noise_size)`: a function of the arguments.

        Philox 4x32-10, which any runtime can compute, see `tf.random.stateless_uniform`.
        """
        seeds = tf.stack([stream, seed])
        return tf.random.stateless_uniform((count, self.noise_size), seeds, alg="philox")

    def draw(
        self,
        noise: tf.Tensor,
        class_: int | tf.Tensor = AS_DRAWN,
        truncation: float | tf.Tensor = WHOLE,
    ) -> Tensors:
        """The inputs that are drawn, by name: plain arithmetic, which LiteRT has too.

        Args:
            noise: float32 `(n, noise_size)` in [0, 1).
            class_: number of the class to request; -1 for those that the noise says.
            truncation: from 0 (the likeliest latents) to 1 (as they are).
        """
        inputs, start = {}, 0
        for name, part in self.priors.items():
            latents = part.from_uniform(noise[:, start : start + part.noise_size])
            inputs[name] = part.truncate(latents, truncation) if part.truncates else latents
            start += part.noise_size
        if self.has_label:
            inputs[LABEL] = self._labels(noise[:, start:], class_)
        return {each.name: inputs[each.name] for each in self.drawn}

    def _labels(self, noise: tf.Tensor, class_: int | tf.Tensor) -> tf.Tensor:
        """One-hot classes `(n, classes)`: the requested one, else by the shares."""
        bounds = np.cumsum(self.class_shares)[:-1].astype(np.float32)
        places = tf.reduce_sum(tf.cast(noise >= bounds, tf.int32), axis=-1)
        drawn = tf.one_hot(places, self.classes)
        requested = tf.cast(tf.equal(tf.range(self.classes), class_), tf.float32)
        return tf.where(tf.less(class_, 0), drawn, requested[tf.newaxis])

    def example_inputs(self, count: int, *, stream: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Rows of all inputs by name, float32: drawn ones, and the observations in turn."""
        drawn = self.draw(self.uniform_noise(count, seed, stream)) if self.drawn else {}
        inputs = {}
        for name, shape in ((each.name, each.shape) for each in self.inputs):
            if name in drawn:
                inputs[name] = np.asarray(drawn[name], np.float32)
                continue
            examples = self.observations.get(name)
            if examples is None:
                examples = np.random.default_rng(0).uniform(-1, 1, (OBSERVED, *shape))
            inputs[name] = np.resize(examples, (count, *shape)).astype(np.float32)
        return inputs

    def samples(
        self, inputs: Mapping[str, np.ndarray], batches: Sequence[int] | None = None
    ) -> np.ndarray:
        """The generator's samples, float32 `(n, *shape)`, computed on the processor.

        On a GPU the products may run in TF32, which differs by about 1e-3. `batches` says how many
        rows are computed together, one after another (64): oneDNN sums in another order for another
        number of rows, so an artefact is compared with the generator at the same numbers.
        """
        with tf.device("CPU:0"):
            parts = [self.generate(part).numpy() for part in batches_of(inputs, batches)]
        return np.concatenate(parts)

    def numpy_code(self, count: int) -> str:
        """Lines of Python that assign `count` rows of every input, from `np` and `random`."""
        drawn = any(each.role == "latent" for each in self.inputs)
        lines = [self.prior.numpy_code(count)] if drawn else []
        for each in self.inputs:
            size = (count, *each.shape)
            if each.role == "latent":
                continue
            if each.role == "label":
                shares = ", ".join(f"{share:.6g}" for share in self.class_shares)
                lines += [
                    f"shares = np.array([{shares}])  # of the classes",
                    f"labels = random.choice({self.classes}, size={count}, "
                    "p=shares / shares.sum())",
                    f"{each.name} = np.eye({self.classes})[labels]",
                ]
            else:
                lines.append(f"{each.name} = np.zeros({size})  # put your own here")
        return "\n".join(lines)


def batches_of(
    inputs: Mapping[str, np.ndarray], batches: Sequence[int] | None = None
) -> list[dict[str, np.ndarray]]:
    """Rows of inputs in batches of the given sizes, of 64 where there are none."""
    count = len(next(iter(inputs.values())))
    ends = [*np.cumsum(batches)] if batches else [*range(64, count, 64), count]
    return [
        {name: values[start:end] for name, values in inputs.items()}
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def _is_dict(network: keras.Model, side: str) -> bool:
    try:
        return isinstance(getattr(network, side), dict)
    except (AttributeError, ValueError):  # no functional network, or not called yet
        return False


@contextlib.contextmanager
def computing_in_float32(generator: keras.Model) -> Iterator[bool]:
    """Lets every layer compute in float32 inside the block and restores its policy afterwards.

    Under mixed precision the weights are float32 already and only the arithmetic is shorter.
    LiteRT has no bfloat16 kernels, and processors without them are slower with it, so artefacts
    compute in float32. The policies are switched in place, not on a copy rebuilt from
    `get_config`, because a copy would need every custom layer to be registered by name.

    Yields whether any layer had to be switched.
    """
    layers = all_layers(generator)
    policies = [(x, x.dtype_policy) for x in layers if x.compute_dtype != "float32"]
    # A nested Sequential or Functional also casts to the dtype its symbolic inputs were made with.
    inputs = [(x, x.dtype) for layer in layers for x in _symbolic(layer) if x.dtype in SHORT_FLOATS]

    def switch(
        policies: Sequence[tuple[keras.layers.Layer, keras.DTypePolicy | str]],
        inputs: Sequence[tuple[keras.KerasTensor | keras.layers.InputLayer, str]],
    ) -> None:
        for layer, policy in policies:
            layer.dtype_policy = policy
        for symbolic, dtype in inputs:
            symbolic._dtype = dtype  # Keras only lets it be read: it says a graph is finished

    try:
        switch([(x, "float32") for x, _ in policies], [(x, "float32") for x, _ in inputs])
        yield bool(policies or inputs)
    finally:
        switch(policies, inputs)


def _symbolic(layer: keras.layers.Layer) -> list[keras.KerasTensor | keras.layers.InputLayer]:
    """What fixes the input dtype of a model or an input layer; empty for other layers."""
    if isinstance(layer, keras.layers.InputLayer):
        return [layer]
    if isinstance(layer, keras.Sequential):  # its graph is a Functional that is no sub-layer
        layer = getattr(layer, "_functional", None)
    return list(layer.inputs) if isinstance(layer, keras.Model) and layer.inputs else []
