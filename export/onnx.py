"""ONNX: the generator as one `.onnx` file for onnxruntime, in browsers and elsewhere."""

from pathlib import Path

from ganapp.export.bundle import Bundle
from ganapp.export.errors import ExportError
from ganapp.export.litert import upsampling_as_one_operation
from ganapp.export.native import native_stderr
from ganapp.export.saved_model import generator_function

OPERATIONS = 17  # the set of operations, which onnxruntime and its browser build have since 2022


def write_onnx(bundle: Bundle, path: Path) -> None:
    """Writes a float32 ONNX file: input `z`, output `image` or `vector`, any batch.

    Args:
        bundle: what to export, computing in float32 (see `ganapp.export.precision`).
        path: file to create.

    Raises:
        ExportError: the generator uses an operation that could not be converted.
    """
    import tf2onnx

    function = generator_function(bundle)
    try:
        with native_stderr(), upsampling_as_one_operation(bundle.generator):
            model, _ = tf2onnx.convert.from_function(
                function, input_signature=function.input_signature, opset=OPERATIONS
            )
    except Exception as error:  # the converter's exceptions share no public base class
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"The generator could not be converted to ONNX: {reason}") from error
    path.write_bytes(model.SerializeToString())
