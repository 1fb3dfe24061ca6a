"""ONNX: the generator as one `.onnx` file for onnxruntime, in browsers and elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganapp.export import ExportError
from ganapp.export.formats.format import Arrays, Format, Runtime, first_line
from ganapp.export.stderr import native_stderr

if TYPE_CHECKING:
    from ganapp.export.bundle import Bundle

OPERATIONS = 17  # the set of operations, which onnxruntime and its browser build have since 2022
USAGE = """\
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession("{path}")
random = np.random.default_rng({seed})
{draw}
[{output}] = session.run(["{output}"], {{{dictionary}}})  # {returned}"""

ENCODER_USAGE = """\
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession("{path}")
{draw}
[latents] = session.run(["latents"], {{{dictionary}}})  # {returned}"""


def write_onnx(bundle: "Bundle", path: Path) -> None:
    """Writes a float32 ONNX file: inputs by name, any batch; `ExportError` where one cannot be."""
    import tf2onnx

    from ganapp.export.graphs import generator_function, upsampling_as_one_operation

    function = generator_function(bundle)
    try:
        with native_stderr(), upsampling_as_one_operation(bundle.generator):
            model, _ = tf2onnx.convert.from_function(
                function, input_signature=function.input_signature, opset=OPERATIONS
            )
    except Exception as error:  # the converter's exceptions share no public base class
        raise ExportError(
            f"The generator could not be converted to ONNX: {first_line(error)}"
        ) from error
    path.write_bytes(model.SerializeToString())


class OnnxProcess:
    """An ONNX file in onnxruntime, which brings no TensorFlow."""

    def __init__(self, path: str, output: str) -> None:
        import onnxruntime

        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.outputs = [each.name for each in self.session.get_outputs()]

    def __call__(self, inputs: "Arrays") -> "dict[str, np.ndarray]":
        return dict(zip(self.outputs, self.session.run(self.outputs, inputs), strict=True))


ONNX = Format(
    name="onnx",
    title="ONNX",
    path="model.onnx",
    encoder_path="encoder.onnx",
    encoder_runtime=Runtime(
        name="onnx_encoder", title="ONNX", process=OnnxProcess, usage=ENCODER_USAGE
    ),
    runtime=Runtime(name="onnx", title="ONNX", process=OnnxProcess, usage=USAGE),
    write=write_onnx,
    optional=True,
)
