"""Inputs of a SavedModel under names that Python has reserved, such as `class`."""

from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

RESERVED = {"class_": "class"}  # as an argument is called in Python: as everybody calls it


def restore_reserved(directory: Path) -> None:
    """Renames inputs of the signatures of a SavedModel from `class_` to `class`.

    TensorFlow 2.21 makes a Python parameter of every input that it saves and so refuses the name,
    which to a session, TensorFlow Serving and any client is one like others. A signature that
    Python loads then answers to both.

    Args:
        directory: a SavedModel; its fingerprint is written anew.
    """
    path = directory / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for graph in saved.meta_graphs:
        for signature in graph.signature_def.values():
            _rename_keys(signature.inputs)
            _rename_keys(signature.defaults)
        for node in graph.object_graph_def.nodes:
            if node.HasField("bare_concrete_function"):
                names = node.bare_concrete_function.argument_keywords
                names[:] = [RESERVED.get(name, name) for name in names]
    path.write_bytes(saved.SerializeToString(deterministic=True))
    fingerprinting_utils.write_fingerprint(str(directory))


def _rename_keys(values) -> None:
    """Moves what a protobuf map holds under one name to the other."""
    for python_name, name in RESERVED.items():
        if python_name in values:
            values[name].CopyFrom(values[python_name])
            del values[python_name]
