"""The inputs of a network and the way they enter it, the same for every family.

A builder is given the shape of every input by name. Of a generator, latents and other vectors are
joined to one vector, and observations that are maps (`(height, width, channels)`, or clips) go
through a small convolutional encoder whose maps join those of the generator at each resolution, as
in a U-Net (Ronneberger et al., 2015, arXiv:1505.04597; Isola et al., 2017, arXiv:1611.07004). Of a
discriminator, observations join the example along its channels. The class enters by `condition`.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import keras

from ganapp.models.layers import ClassColumn, ClassMask, ConditionalBatchNormalization
from ganapp.models.layers.resampling import LinearResizing
from ganapp.models.networks.blocks import MINIBATCH, NORMALISATIONS, Normaliser
from ganapp.models.tensors import EXAMPLE, LABEL, LATENT, SCORES

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Tensor = keras.KerasTensor
EMBEDDING = 32  # dimensions of a class; fewer when there are fewer classes


def _embedding(label: Tensor, width: int) -> Tensor:
    return keras.layers.Dense(width, use_bias=False, name="class_embedding")(label)


# What the class adds to the vector that a generator starts from.
GENERATOR_CONDITIONS: dict[str, Callable[[Tensor], list[Tensor]]] = {
    # As it is (Mirza and Osindero, 2014, arXiv:1411.1784).
    "concatenation": lambda label: [label],
    # As a learnt vector of at most 32 dimensions.
    "embedding": lambda label: [_embedding(label, min(EMBEDDING, label.shape[-1]))],
    # Nothing: every batch normalisation scales and shifts by the class (arXiv:1802.05637).
    "batch_norm": lambda label: [],
}


def _projection(features: Tensor, label: Tensor) -> Tensor:
    vectors = keras.layers.Dense(
        features.shape[-1],
        use_bias=False,
        kernel_initializer="lecun_normal",
        dtype="float32",
        name="class_projection",
    )
    return keras.layers.Dot(1, dtype="float32")([features, vectors(label)])


@dataclasses.dataclass(frozen=True)
class DiscriminatorCondition:
    """A way for a discriminator to look at the class.

    Args:
        maps: of the label and the example's `shape[:-1]`, what joins it along its channels.
        score: of the features and the label, what is added to the scores.
    """

    maps: Callable[[Tensor, Shape], list[Tensor]] = lambda label, sides: []
    score: Callable[[Tensor, Tensor], Tensor] | None = None


def _constant_maps(vector: Tensor, sides: Shape) -> Tensor:
    repeated = keras.layers.RepeatVector(math.prod(sides))(vector)
    return keras.layers.Reshape((*sides, vector.shape[-1]))(repeated)


def _learnt_maps(vector: Tensor, images: Tensor) -> Tensor:
    """Maps of the images' sides, of their scale where the vector has it, that hold all of it."""
    *sides, channels = images.shape[1:]
    pixels = math.prod(sides)
    shape = (*sides, max(channels, math.ceil(vector.shape[-1] / pixels)))
    dense = keras.layers.Dense(math.prod(shape), kernel_initializer="lecun_normal")
    return keras.layers.Reshape(shape)(dense(vector))


def _embedded_map(label: Tensor, sides: Shape) -> Tensor:
    return keras.layers.Reshape((*sides, 1))(_embedding(label, math.prod(sides)))


DISCRIMINATOR_CONDITIONS: dict[str, DiscriminatorCondition] = {
    # The class only says which rows of a table say theirs, see `class_start`.
    "none": DiscriminatorCondition(),
    # A constant map for each class, or further coordinates (arXiv:1411.1784).
    "concatenation": DiscriminatorCondition(
        maps=lambda label, sides: [_constant_maps(label, sides)]
    ),
    # One more map (or coordinate) that is learnt for each class.
    "embedding": DiscriminatorCondition(maps=lambda label, sides: [_embedded_map(label, sides)]),
    # The inner product of the features and the class's vector (arXiv:1802.05637).
    "projection": DiscriminatorCondition(score=_projection),
}


class GeneratorInputs:
    """The inputs of a generator that is being built.

    Args:
        shapes: of one row of each by name: `z`, and perhaps `label`, further latents,
            observations.
        condition: how the class enters, a key of `GENERATOR_CONDITIONS`.
        class_start: place of the first of the entries of a row that say its class, where the rows
            of a table say it: a row then says by construction the class that was asked for.
        residual: an observation that images are made upon: the network then makes the difference
            to it (to its last channels, where it has more than an image), which nothing bounds.

    Attributes:
        vector: all vectors, and the class where it joins them: `(batch, d)`.
    """

    def __init__(
        self,
        shapes: Shapes,
        condition: str = "concatenation",
        class_start: int | None = None,
        residual: str = "",
    ) -> None:
        self.tensors = _inputs(shapes)
        self._label, self._condition = self.tensors.get(LABEL), condition
        self._class_start, self._residual = class_start, residual
        if residual and len(self.tensors.get(residual, _NOTHING).shape) < 4:
            maps = [name for name, tensor in self.tensors.items() if len(tensor.shape) > 3]
            raise ValueError(
                "`generator.residual` must be an observation that is an image, of which there are: "
                f"{', '.join(maps) or 'none'}. Received: residual={residual!r}"
            )
        others = [tensor for name, tensor in self.tensors.items() if name != LABEL]
        self._maps = [_as_map(tensor) for tensor in others if len(tensor.shape) > 3]
        self._vectors = [_flat(tensor) for tensor in others if len(tensor.shape) <= 3]
        if self._label is not None:
            self._vectors += GENERATOR_CONDITIONS[condition](self._label)
        self.vector = _concatenate(self._vectors)

    @property
    def flat(self) -> Tensor:
        return _concatenate([self.vector, *map(_flat, self._maps)])

    def vectors(self, count: int) -> list[Tensor]:
        """As `vector`, with another part of the latent z in each.

        Raises:
            ValueError: z cannot be cut into that many parts.
        """
        latent = self.tensors[LATENT]
        if latent.shape[-1] % count:
            raise ValueError(
                f"`generator.prior.size` must be a multiple of the {count} parts that z is cut "
                f"into. Received: size={latent.shape[-1]}"
            )
        return [self.with_latent(part) for part in keras.ops.split(latent, count, axis=-1)]

    def with_latent(self, other: Tensor) -> Tensor:
        """As `vector`, with something else in place of the latent z."""
        latent = self.tensors[LATENT]
        return _concatenate([other if each is latent else each for each in self._vectors])

    def normaliser(self, name: str) -> Normaliser:
        """The normalisation of that name, by the class where that enters so."""
        if self._label is None or self._condition != "batch_norm":
            return NORMALISATIONS[name]
        if name != "batch":
            raise ValueError(
                "`generator.condition` 'batch_norm' needs a generator with batch normalisation "
                "(`generator.normalisation = \"batch\"`); 'concatenation' and 'embedding' need "
                f"none. Received: normalisation={name!r}"
            )
        return lambda x: ConditionalBatchNormalization()([x, self._label])

    def observed_maps(
        self, coarsest: Shape, sides: Shape, widths: Sequence[int]
    ) -> Callable[[Tensor], Tensor]:
        """Joins to the generator's maps, coarse to fine, those of the observations.

        Args:
            coarsest: sides of the generator's smallest map.
            sides: of an example.
            widths: channels of the generator's map after each doubling, coarse to fine.

        Returns:
            What adds the next of them to a map's channels, if there are observations.
        """
        return joining(self.pyramid(coarsest, sides, widths))

    def pyramid(self, coarsest: Shape, sides: Shape, widths: Sequence[int]) -> list[Tensor]:
        """The maps of the observations, coarse to fine; none without observations."""
        return _pyramid(self._maps, coarsest, sides, widths)

    def map(self, sides: Shape) -> Tensor:
        """All observations that are maps, of these sides, and all vectors spread over them."""
        spread = _constant_maps(self.vector, tuple(sides))
        return _concatenate([*(_resize(each, tuple(sides)) for each in self._maps), spread])

    def under(self, sides: Shape, channels: int) -> Tensor:
        """What images of these sides and channels are made upon, where there is a residual."""
        under = _as_map(self.tensors[self._residual])
        if under.shape[-1] < channels:
            raise ValueError(
                "`generator.residual` must be an observation with the channels of an example. "
                f"Received: {under.shape[-1]} channels instead of {channels}"
            )
        return _resize(under[..., -channels:], tuple(sides))

    def images(self, x: Tensor, shape: Shape) -> Tensor:
        """What a network makes as images or clips of `shape`.

        Args:
            x: `(batch, *folded_shape(shape))`; in [-1, 1] after this, or the difference to what
                they are made upon.
            shape: of an example.
        """
        if not self._residual:
            return unfold(keras.layers.Activation("tanh", dtype="float32")(x), shape)
        under = self.under(x.shape[1:3], x.shape[-1])
        return unfold(keras.layers.Add(dtype="float32")([x, under]), shape)

    def network(self, examples: Tensor, **others: Tensor) -> keras.Model:
        """The network from all inputs to these examples, and to other outputs by name."""
        if self._class_start is not None:
            column = ClassColumn(start=self._class_start, dtype="float32", name="class_column")
            examples = column([examples, self._label])
        outputs = {EXAMPLE: examples, **others} if others else examples
        return keras.Model(_of_model(self.tensors, LATENT), outputs, name="generator")


_NOTHING = keras.KerasTensor(())


def joining(maps: Sequence[Tensor]) -> Callable[[Tensor], Tensor]:
    """What adds the next of some maps to a map's channels, while there are any."""
    rest = iter(maps)

    def beside(x: Tensor) -> Tensor:
        following = next(rest, None)
        return x if following is None else keras.layers.Concatenate()([x, following])

    return beside


class DiscriminatorInputs:
    """The inputs of a discriminator that is being built.

    Args:
        shapes: of one row of each by name: `x`, and perhaps `label`, observations.
        condition: how the class enters, a key of `DISCRIMINATOR_CONDITIONS`.
        class_start: place of the first of the entries of a row that say its class, where the rows
            of a table say it: rows whose label is not known are then judged by the others.
        heads: further outputs by name, each with its size: linear in the features.
        latents: names of inputs that are judged together with the example. Beside images each
            becomes as many maps as an image has channels, linear in it and learnt: as constant
            maps many numbers would drown the image.

    Attributes:
        x: the example and all that joins it, `(batch, *shape)`.
    """

    def __init__(
        self,
        shapes: Shapes,
        condition: str = "concatenation",
        class_start: int | None = None,
        heads: Mapping[str, int] | None = None,
        latents: Sequence[str] = (),
    ) -> None:
        self.tensors = _inputs(shapes)
        self._label, self._heads = self.tensors.get(LABEL), dict(heads or {})
        self._condition = DISCRIMINATOR_CONDITIONS[condition]
        examples = self.tensors[EXAMPLE]
        if class_start is not None:
            mask = ClassMask(start=class_start, dtype="float32", name="class_mask")
            examples = mask([examples, self._label])
        if len(examples.shape) == 5:
            examples = _as_map(examples)
        sides = tuple(examples.shape[1:-1])
        beside = [
            _learnt_maps(tensor, examples) if name in latents and sides else _fit_to(tensor, sides)
            for name, tensor in self.tensors.items()
            if name not in (EXAMPLE, LABEL)
        ]
        if self._label is not None:
            beside += self._condition.maps(self._label, sides)
        self.x = _concatenate([examples, *beside])

    def network(
        self, features: Tensor, scores: Tensor | None = None, *, minibatch: str = "none"
    ) -> keras.Model:
        """The network from all inputs to `scores` and what was asked for beside them.

        Args:
            features: `(batch, d)`.
            scores: `(batch, 1)`, float32; a linear layer of the features by default.
            minibatch: what the features are extended by, a key of `MINIBATCH`.
        """
        features = MINIBATCH[minibatch](features)
        if scores is None:
            # LeCun et al. (1998): scores start with the variance of what they sum. Keras's default
            # starts wider, which on 25 Gaussians cost 2 to 3 points of high-quality share.
            linear = {"kernel_initializer": "lecun_normal", "dtype": "float32"}
            scores = keras.layers.Dense(1, name=SCORES, **linear)(features)
        features = keras.layers.Flatten(dtype="float32")(features)
        if self._label is not None and self._condition.score is not None:
            by_class = self._condition.score(features, self._label)
            scores = keras.layers.Add(dtype="float32")([scores, by_class])
        outputs = {SCORES: scores} | {
            name: keras.layers.Dense(size, dtype="float32", name=name)(features)
            for name, size in self._heads.items()
        }
        said = outputs if self._heads else scores
        return keras.Model(_of_model(self.tensors, EXAMPLE), said, name="discriminator")


def folded_shape(shape: Shape) -> Shape:
    """Shape of an image that holds a clip's frames side by side along its channels."""
    if len(shape) != 4:
        return shape
    frames, height, width, channels = shape
    return height, width, frames * channels


def unfold(x: Tensor, shape: Shape) -> Tensor:
    """Images `(batch, *folded_shape(shape))` as examples of `shape`."""
    if len(shape) != 4:
        return x
    frames, height, width, channels = shape
    x = keras.layers.Reshape((height, width, frames, channels), dtype="float32")(x)
    return keras.layers.Permute((3, 1, 2, 4), dtype="float32")(x)


def _inputs(shapes: Shapes) -> dict[str, Tensor]:
    return {name: keras.Input(tuple(shape), name=name) for name, shape in shapes.items()}


def _of_model(tensors: dict[str, Tensor], default: str) -> Tensor | dict[str, Tensor]:
    """The inputs of a model: one tensor where it needs no name, see `tensors.input_names`."""
    return tensors[default] if tensors.keys() == {default} else tensors


def _concatenate(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else keras.layers.Concatenate()(list(tensors))


def _flat(tensor: Tensor) -> Tensor:
    return tensor if len(tensor.shape) == 2 else keras.layers.Flatten()(tensor)


def _as_map(tensor: Tensor) -> Tensor:
    """An image, or a clip with its frames along the channels."""
    if len(tensor.shape) != 5:
        return tensor
    shape = folded_shape(tuple(tensor.shape[1:]))
    return keras.layers.Reshape(shape)(keras.layers.Permute((2, 3, 1, 4))(tensor))


def _fit_to(observation: Tensor, sides: Shape) -> Tensor:
    """An observation as what joins an example of these sides along its channels."""
    if len(observation.shape) > 3 and len(sides) == 2:
        return _resize(_as_map(observation), sides)
    if len(observation.shape) == len(sides) + 2 and tuple(observation.shape[1:-1]) == sides:
        return observation
    flat = _flat(observation)
    return _constant_maps(flat, sides) if sides else flat


def _resize(x: Tensor, sides: Shape) -> Tensor:
    return x if tuple(x.shape[1:3]) == sides else LinearResizing(*sides)(x)


def _pyramid(
    maps: Sequence[Tensor], coarsest: Shape, sides: Shape, widths: Sequence[int]
) -> list[Tensor]:
    """Maps of the observations, from those of the sides `coarsest` through one doubling a width."""
    if not maps:
        return []
    x = _concatenate([_resize(each, sides) for each in maps])
    full = [side * 2 ** len(widths) for side in coarsest]
    spare = [large - side for large, side in zip(full, sides, strict=True)]
    if any(spare):  # a generator's largest map is cropped as evenly
        x = keras.layers.ZeroPadding2D([(n // 2, n - n // 2) for n in spare])(x)

    def convolve(x: Tensor, width: int, **options) -> Tensor:
        layer = keras.layers.Conv2D(
            width, padding="same", kernel_initializer="he_normal", **options
        )
        return keras.layers.LeakyReLU(negative_slope=0.2)(layer(x))

    found = [convolve(x, widths[-1], kernel_size=3)]
    for width in [*reversed(widths[:-1]), widths[0]]:
        found.append(convolve(found[-1], width, kernel_size=4, strides=2))
    return found[::-1]
