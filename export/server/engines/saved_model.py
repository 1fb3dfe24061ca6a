"""SavedModel: the generator in TensorFlow, which takes seconds and hundreds of MB to start."""

import contextlib
from pathlib import Path

import numpy as np

from ganapp.export.server.engines.blocks import in_blocks
from ganapp.export.server.spec import SAVED_MODEL, BrokenVersion, ServingSpec, inside

# TensorFlow's convolutions divide their work by the size of the batch, and a row's samples differ
# by 1e-7 between batches; in batches of one size they are the same bits. A batch of 16 takes twice
# as long as one of 1, and four of 16 a fifth longer than one of 64 (28x28 DCGAN).
BLOCK = 16


class SavedModelEngine:
    """`serving_default` of the SavedModel in the version folder.

    TensorFlow runs whatever operations its graph has, those that read files among them: an export
    that is served so must be trusted. Its files must at least be those that serving.json lists.

    TensorFlow has one pool of threads for the whole process, so `num_threads` counts for the first
    model that is loaded.

    Args:
        spec: the version folder.
        artefact: key of `spec.artefacts`; its path must be the folder itself or one inside it.
        num_threads: within one call.

    Raises:
        BrokenVersion: TensorFlow cannot load it, or a file of it is not listed.
    """

    def __init__(self, spec: ServingSpec, artefact: str, *, num_threads: int = 1) -> None:
        import tensorflow as tf

        relative = spec.artefacts[artefact]
        folder = inside(spec.folder, f"{relative}/{SAVED_MODEL}").parent
        _check_listed(spec, folder)
        with contextlib.suppress(RuntimeError):  # TensorFlow has started already, see above
            tf.config.threading.set_intra_op_parallelism_threads(num_threads)
        try:
            self._model = tf.saved_model.load(str(folder))
            self._function = self._model.signatures["serving_default"]
        except (KeyError, OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0]
            raise BrokenVersion(
                f"`{relative}` is no SavedModel of a generator: {reason}"
            ) from error
        self._constant, self._output = tf.constant, spec.output_name

    def generate(self, z: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        return in_blocks(self._block, z, BLOCK)

    def _block(self, z: np.ndarray) -> np.ndarray:
        return self._function(z=self._constant(z))[self._output].numpy()

    def close(self) -> None:
        """See `Engine`."""
        del self._model, self._function


def _check_listed(spec: ServingSpec, folder: Path) -> None:
    """Refuses a graph, variables or assets that no checksum is known of."""
    # Also the other names under which TensorFlow looks for a graph.
    loaded = list(folder.glob("saved_model.*"))
    for name in ("variables", "assets"):
        loaded += (folder / name).rglob("*")
    for path in sorted(loaded):
        relative = path.relative_to(spec.folder).as_posix()
        if (path.is_file() or path.is_symlink()) and relative not in spec.files:
            raise BrokenVersion(
                f"`files` must list all of the SavedModel. Received: {relative!r}, which is not in "
                "it; export the model again."
            )
