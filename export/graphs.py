"""A generator as TensorFlow graphs: what SavedModels hold and what converters take."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

from ganapp.export.bundle import AS_DRAWN, OPTION_TYPES, Bundle, EncoderBundle
from ganapp.export.layout import ENCODE
from ganapp.models.tensors import Tensors, all_layers

GraphFunction = tf.types.experimental.PolymorphicFunction
SIGNATURE = "serving_default"
PYTHON_NAMES = {"class": "class_"}  # inputs whose names Python has reserved


def graph_function(
    python: Callable[..., Tensors],
    inputs: Sequence[tf.TensorSpec],
    defaults: Mapping[str, int | float] | None = None,
) -> GraphFunction:
    """A graph function of named inputs.

    Args:
        python: called with a tensor for each input by name (`class_` for `class`).
        inputs: names, shapes and types.
        defaults: of the signature, which TensorFlow Serving and sessions honour. Signatures that
            Python loads do not: there all inputs must be given.
    """
    names = [PYTHON_NAMES.get(each.name, each.name) for each in inputs]
    values = {PYTHON_NAMES.get(k, k): tf.constant(v) for k, v in (defaults or {}).items()}

    def function(*given: tf.Tensor) -> Tensors:
        return python(**dict(zip(names, given, strict=True)))

    # TensorFlow reads names and defaults, which must be tensors, from the Python signature.
    function.__signature__ = inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=values.get(name, inspect.Parameter.empty),
            )
            for name in names
        ]
    )
    specs = [
        tf.TensorSpec(each.shape, each.dtype, name=name)
        for name, each in zip(names, inputs, strict=True)
    ]
    return tf.function(function, input_signature=specs, autograph=False)


def option(name: str) -> tf.TensorSpec:
    """The scalar input `name` of whatever draws."""
    return tf.TensorSpec((), OPTION_TYPES[name], name=name)


def generator_function(bundle: Bundle | EncoderBundle, batch: int | None = None) -> GraphFunction:
    """The generator of inputs by name: `{output_name: float32 (n, *shape)}`, n any or `batch`."""

    def serving_default(**inputs: tf.Tensor) -> Tensors:
        samples = bundle.generate(inputs)
        samples.set_shape((batch, *bundle.shape))  # not an operation: LiteRT has no EnsureShape
        return {bundle.output_name: samples}

    return graph_function(serving_default, _rows_of(bundle, batch))


def _rows_of(bundle: Bundle | EncoderBundle, batch: int | None = None) -> list[tf.TensorSpec]:
    return [
        tf.TensorSpec((batch, *each.shape), tf.float32, name=each.name) for each in bundle.inputs
    ]


def signature_functions(bundle: Bundle) -> dict[str, GraphFunction]:
    """All that a SavedModel of this bundle can be asked for, by the name of the signature.

    - `serving_default`: see `generator_function`.
    - `sample(count, seed, class, truncation)`, or `generate(seed, class, truncation,
      **observations)` of a generator that takes observations: `{"samples": (n, *user shape)}` in
      the user's units, and each drawn input, `z` as `latents`. A pure function of its arguments;
      `class` (-1: as drawn) and `truncation` (1: whole) are there where they have an effect.
    - `encode(x, **observations)`, where there is an encoder: each latent of examples in model
      units, under the name that the signature which draws gives it.
    - `sample_png` or `generate_png`, where samples are pictures: the same as PNG files,
      `{"image_bytes": string (n,)}`.
    """
    observed = [tf.TensorSpec((None, *x.shape), tf.float32, name=x.name) for x in bundle.observed]
    required = [option("seed")] if observed else [option("count"), option("seed")]
    specs = [*required, *observed, *map(option, bundle.options)]  # defaults come last in Python

    def drawing(**given: tf.Tensor) -> Tensors:
        return _draw(bundle, **given)

    def drawing_png(**given: tf.Tensor) -> Tensors:
        images = _draw(bundle, **given)["samples"]
        return {"image_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.string)}

    found = {
        SIGNATURE: generator_function(bundle),
        bundle.drawing: graph_function(drawing, specs, bundle.options),
    }
    if bundle.has_png:
        found[f"{bundle.drawing}_png"] = graph_function(drawing_png, specs, bundle.options)
    if encoder := bundle.encoder_bundle:
        found[ENCODE] = graph_function(lambda **given: encoder.latents(given), _rows_of(encoder))
    return found


def _draw(
    bundle: Bundle,
    *,
    seed: tf.Tensor,
    count: tf.Tensor | None = None,
    class_: int | tf.Tensor = AS_DRAWN,
    truncation: float | tf.Tensor = 1.0,
    **observations: tf.Tensor,
) -> Tensors:
    if count is None:
        count = tf.shape(next(iter(observations.values())))[0]
    checks = [tf.debugging.assert_positive(count, message="`count` must be at least 1.")]
    if "class" in bundle.options:
        known = (class_ >= AS_DRAWN) & (class_ < bundle.classes)
        sentence = f"`class` must be -1 (as drawn) or a number from 0 to {bundle.classes - 1}:"
        checks.append(tf.debugging.Assert(known, [sentence, class_]))
    if "truncation" in bundle.options:
        in_range = (truncation >= 0.0) & (truncation <= 1.0)
        sentence = "`truncation` must lie between 0 and 1:"
        checks.append(tf.debugging.Assert(in_range, [sentence, truncation]))
    with tf.control_dependencies(checks):
        noise = bundle.uniform_noise(count, seed)
    drawn = bundle.draw(noise, class_, truncation)
    samples = bundle.to_user_units(bundle.generate(drawn | observations))
    return {"samples": samples} | {each.drawn_name: drawn[each.name] for each in bundle.drawn}


def variables_of(*networks: keras.Model) -> tf.Module:
    """A module that owns the networks' `tf.Variable`s.

    A Keras variable is a wrapper TensorFlow cannot track. Without its `.value` in a trackable,
    a LiteRT conversion keeps the variables as uninitialised resources and computes garbage.
    """
    module = tf.Module()
    module.weights = [variable.value for each in networks for variable in each.variables]
    return module


def save(module: tf.Module, signatures: Mapping[str, GraphFunction], directory: Path) -> None:
    """Writes a SavedModel, in which inputs are called as everybody but Python calls them.

    TensorFlow 2.21 makes a Python parameter of every input that it saves and so refuses the name
    `class`, which to a session, TensorFlow Serving and any client is one like others. A signature
    that Python loads then answers to both, `class` and `class_`.
    """
    tf.saved_model.save(module, str(directory), signatures=dict(signatures))
    path = directory / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    names = {python_name: name for name, python_name in PYTHON_NAMES.items()}
    for graph in saved.meta_graphs:
        for signature in graph.signature_def.values():
            for values in (signature.inputs, signature.defaults):
                for python_name, name in names.items():
                    if python_name in values:
                        values[name].CopyFrom(values[python_name])
                        del values[python_name]
        for node in graph.object_graph_def.nodes:
            if node.HasField("bare_concrete_function"):
                keywords = node.bare_concrete_function.argument_keywords
                keywords[:] = [names.get(keyword, keyword) for keyword in keywords]
    path.write_bytes(saved.SerializeToString(deterministic=True))
    fingerprinting_utils.write_fingerprint(str(directory))


def upsampling_as_one_operation(generator: keras.Model) -> AbstractContextManager[None]:
    """Lets nearest `UpSampling2D` layers resize with one operation inside the block.

    Keras repeats rows and columns by reshapes computed from the dynamic shape. The converter
    loses the static height and width on the way and, after two such layers, refuses the next
    convolution. Resizing by a whole factor copies the same values and keeps the shape.
    """

    def other_call(layer: keras.layers.Layer) -> Callable[..., tf.Tensor] | None:
        if not isinstance(layer, keras.layers.UpSampling2D):
            return None
        if (layer.interpolation, layer.data_format) != ("nearest", "channels_last"):
            return None
        return functools.partial(_nearest, size=layer.size)

    return _other_calls(generator, other_call)


@contextlib.contextmanager
def _other_calls(
    generator: keras.Model,
    other_call: Callable[[keras.layers.Layer], Callable[..., tf.Tensor] | None],
) -> Iterator[None]:
    """Lets layers compute with what `other_call` gives for them inside the block."""
    changed = []
    try:
        for layer in all_layers(generator) if isinstance(generator, keras.Layer) else ():
            if (call := other_call(layer)) is not None:
                layer.call = call
                changed.append(layer)
        yield
    finally:
        for layer in changed:
            layer.__dict__.pop("call", None)  # the method of the class shows again


def _nearest(inputs: tf.Tensor, *, size: tuple[int, int]) -> tf.Tensor:
    sides = [side * factor for side, factor in zip(inputs.shape[1:3], size, strict=True)]
    return tf.image.resize(inputs, sides, method="nearest")


def static_shapes(generator: keras.Model) -> AbstractContextManager[None]:
    """Lets `Reshape` and `Conv2DTranspose` compute without reading the batch's size in the block.

    Keras asks for the batch at run time to say what shape comes out. In a LiteRT file with a
    dynamic batch such a tensor of a shape splits the graph, and XNNPACK leaves transposed
    convolutions to slower kernels: a DCGAN of 28x28 takes 0.58 ms instead of 0.21, and 64 images
    37 ms instead of 15 (one thread). The weights are those of the layers; results differ by
    rounding.
    """

    def other_call(layer: keras.layers.Layer) -> Callable[..., tf.Tensor] | None:
        if type(layer) is keras.layers.Reshape:
            return functools.partial(_reshape, layer=layer)
        if type(layer) is keras.layers.Conv2DTranspose and _is_plain(layer):
            return functools.partial(_transposed_convolution, layer=layer)
        return None

    return _other_calls(generator, other_call)


def _reshape(inputs: tf.Tensor, *, layer: keras.layers.Reshape) -> tf.Tensor:
    shape = layer.compute_output_shape((None, *inputs.shape[1:]))
    return tf.reshape(inputs, (-1, *shape[1:]))


def _is_plain(layer: keras.layers.Conv2DTranspose) -> bool:
    return (
        layer.data_format == "channels_last"
        and layer.strides[0] == layer.strides[1]
        and tuple(layer.dilation_rate) == (1, 1)
        and layer.output_padding is None
    )


def _transposed_convolution(inputs: tf.Tensor, *, layer: keras.layers.Conv2DTranspose) -> tf.Tensor:
    """A transposed convolution as a convolution with an output for each of stride x stride phases.

    Pixel `stride * i + phase` of the output sums `inputs[i - j] * kernel[stride * j + phase]` over
    j: a convolution of the inputs for each phase (Shi et al., 2016, arXiv:1609.07009), with as many
    multiplications. What `padding="same"` cuts off is cut off afterwards.
    """
    stride, sides = layer.strides[0], layer.kernel_size
    taps = [-(-side // stride) for side in sides]
    kernel = tf.cast(layer.kernel, inputs.dtype)  # (height, width, filters, channels)
    filled = [tap * stride - side for tap, side in zip(taps, sides, strict=True)]
    kernel = tf.pad(kernel, [[0, filled[0]], [0, filled[1]], [0, 0], [0, 0]])
    filters, channels = kernel.shape[2:]
    kernel = tf.reshape(kernel, (taps[0], stride, taps[1], stride, filters, channels))
    kernel = tf.transpose(kernel[::-1, :, ::-1], (0, 2, 5, 1, 3, 4))
    kernel = tf.reshape(kernel, (*taps, channels, stride * stride * filters))
    height, width = inputs.shape[1:3]
    around = [[0, 0], *([tap - 1, tap - 1] for tap in taps), [0, 0]]
    x = tf.nn.conv2d(tf.pad(inputs, around), kernel, 1, "VALID")
    x = tf.nn.depth_to_space(x, stride) if stride > 1 else x
    x = x[
        :,
        _visible_part(height, sides[0], stride, layer.padding),
        _visible_part(width, sides[1], stride, layer.padding),
    ]
    if layer.use_bias:
        x = x + tf.cast(layer.bias, x.dtype)
    return x if layer.activation is None else layer.activation(x)


def _visible_part(length: int, side: int, stride: int, padding: str) -> slice:
    """The pixels of the full transposed convolution that TensorFlow returns."""
    if padding == "same":
        start = max(side - stride, 0) // 2
        return slice(start, start + length * stride)
    return slice(0, (length - 1) * stride + max(side, stride))
