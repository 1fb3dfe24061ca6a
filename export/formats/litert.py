"""LiteRT: the generator as `.tflite` files that run without TensorFlow."""

import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganapp.export import ExportError
from ganapp.export.formats.format import Arrays, Format, Runtime, first_line
from ganapp.export.stderr import native_stderr

if TYPE_CHECKING:
    import tensorflow as tf

    from ganapp.export.bundle import Bundle

    Quantise = Callable[[tf.lite.TFLiteConverter, Bundle, int | None], None]

CALIBRATION_BATCHES, CALIBRATION_BATCH = 16, 16
USAGE = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
runner = Interpreter(model_path="{path}").get_signature_runner("serving_default")
random = np.random.default_rng({seed})
{draw}
{output} = runner({keywords})["{output}"]  # {returned}"""

ENCODER_USAGE = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
runner = Interpreter(model_path="{path}").get_signature_runner("serving_default")
{draw}
latents = runner({keywords})["latents"]  # {returned}"""


def write_litert(
    bundle: "Bundle", path: Path, *, batch: int | None = None, quantise: "Quantise | None" = None
) -> None:
    """Writes a LiteRT file with the signature `serving_default`; float32 unless quantised.

    There is no signature that draws: LiteRT refuses random ops, so noise is an input.

    Args:
        bundle: what to export, computing in float32.
        path: file to create.
        batch: how many rows a call takes; any number when `None`.
        quantise: sets up the converter, see below.

    Raises:
        ExportError: the generator uses an operation LiteRT does not have.
    """
    import tensorflow as tf

    from ganapp.export import graphs

    try:
        with (
            native_stderr(),
            graphs.upsampling_as_one_operation(bundle.generator),
            graphs.static_shapes(bundle.generator),
        ):
            function = graphs.generator_function(bundle, batch).get_concrete_function()
            converter = tf.lite.TFLiteConverter.from_concrete_functions(
                [function], graphs.variables_of(bundle.generator)
            )
            if quantise is not None:
                quantise(converter, bundle, batch)
            with warnings.catch_warnings():  # of an interpreter that calibrates inputs by name
                warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated")
                converted = converter.convert()
    except Exception as error:  # the converter's exceptions share no public base class
        raise ExportError(
            f"The generator could not be converted to LiteRT: {_reason(error)}"
        ) from error
    path.write_bytes(converted)


def _reason(error: Exception) -> str:
    """The lines of a converter error that name the operation, else its first line."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line.startswith(("TF Select ops", "Custom ops"))]
    return "; ".join(telling) or first_line(error)


def to_float16(converter: "tf.lite.TFLiteConverter", bundle: "Bundle", batch: int | None) -> None:
    """Weights in float16, half the size; computed with in float32 on processors."""
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def to_dynamic_int8(
    converter: "tf.lite.TFLiteConverter", bundle: "Bundle", batch: int | None
) -> None:
    """Weights in int8, a quarter of the size; activations are measured at every call."""
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def to_int8(converter: "tf.lite.TFLiteConverter", bundle: "Bundle", batch: int | None) -> None:
    """Weights and activations in int8, in ranges seen on inputs as they are drawn.

    Input and output stay float32: their conversion costs nothing beside a convolution, and the
    file then takes what all the others take. An operation without an int8 kernel stays float32.
    """
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = functools.partial(calibration_inputs, bundle, batch)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]


def calibration_inputs(
    bundle: "Bundle", batch: int | None = None
) -> Iterator[dict[str, np.ndarray]]:
    """Batches of the generator's inputs by name, as they are drawn."""
    from ganapp.export.bundle import CALIBRATION, batches_of

    sizes = (batch or CALIBRATION_BATCH,) * CALIBRATION_BATCHES
    yield from batches_of(bundle.example_inputs(sum(sizes), stream=CALIBRATION), sizes)


class LiteRTProcess:
    """A LiteRT file in the stand-alone interpreter, which brings no TensorFlow."""

    def __init__(self, path: str, output: str) -> None:
        import os

        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(model_path=path, num_threads=os.cpu_count())
        self.runner = self.interpreter.get_signature_runner("serving_default")
        shapes = [each["shape_signature"] for each in self.runner.get_input_details().values()]
        self.batch = max((int(shape[0]) for shape in shapes if len(shape)), default=-1)  # -1: any

    def __call__(self, inputs: "Arrays") -> "dict[str, np.ndarray]":
        if self.batch < 1:
            return self.runner(**inputs)
        count = len(next(iter(inputs.values())))
        starts = range(0, count, self.batch)
        parts = []
        for start in starts:  # the last one is filled up
            rows = np.arange(start, start + self.batch) % count
            parts.append(self.runner(**{name: each[rows] for name, each in inputs.items()}))
        return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}


LITERT = Runtime(name="litert", title="LiteRT", process=LiteRTProcess, usage=USAGE)


def _format(
    name: str, title: str, path: str, quantise: "Quantise | None" = None, **limits: object
) -> Format:
    write = functools.partial(write_litert, quantise=quantise)
    return Format(
        name=name, title=title, path=path, runtime=LITERT, write=write, fixes_batch=True, **limits
    )


# Tolerances of the shorter formats are about ten times what was measured on the preset digits
# (largest: float16 0.0015, dynamic 0.12, int8 0.34; mean: 0.0001, 0.004, 0.02), for images whose
# values span 2; what they cost in figures is judged beside, see `ganapp.export.package`.
LITERT_FORMATS = (
    _format(
        "litert",
        "LiteRT",
        "model.tflite",
        encoder_path="encoder.tflite",
        encoder_runtime=Runtime(
            name="litert_encoder", title="LiteRT", process=LiteRTProcess, usage=ENCODER_USAGE
        ),
    ),
    _format(
        "litert_float16",
        "LiteRT float16",
        "model_float16.tflite",
        to_float16,
        tolerance=0.02,
        mean_tolerance=0.001,
        optional=True,
    ),
    _format(
        "litert_dynamic",
        "LiteRT dynamic int8",
        "model_dynamic.tflite",
        to_dynamic_int8,
        tolerance=1.0,
        mean_tolerance=0.04,
        optional=True,
    ),
    _format(
        "litert_int8",
        "LiteRT int8",
        "model_int8.tflite",
        to_int8,
        tolerance=2.0,
        mean_tolerance=0.2,
        optional=True,
        may_lose=True,
    ),
)
