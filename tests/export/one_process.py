"""Exports whose verification runs in the process of the test: TensorFlow starts slowly.

That fresh processes verify is shown by `image_export` and what is asked of it, and of
`vector_export` by test_export_verify.py.
"""

import contextlib
import tempfile

import numpy as np
import pytest

from ganapp.export import check_graphs, exporter, servable
from ganapp.export.check import Session
from ganapp.export.workers import Worker


class WorkerHere(Worker):
    """Asks the same of the same code as a `Worker`, without a process."""

    def __init__(self, artefact):
        self.artefact = artefact
        self._made = contextlib.ExitStack()
        self._folder = self._made.enter_context(tempfile.TemporaryDirectory(prefix="export-check-"))
        self._session = Session()
        request = {"load": artefact.runtime, "path": str(artefact.path), "modules": ()}
        try:
            self.load_seconds = self._ask(**request, output=artefact.output)["load_seconds"]
        except BaseException:
            self.close()
            raise

    def _ask(self, **request):
        return getattr(self._session, next(iter(request)))(request)

    def close(self):
        self._made.close()


def run_graph_here(path, inputs):
    """As `ganapp.export.servable.run_graph`."""
    with tempfile.TemporaryDirectory(prefix="export-check-") as directory:
        np.savez(f"{directory}/inputs.npz", **inputs)
        check_graphs.main(str(path), directory)
        with np.load(f"{directory}/outputs.npz") as outputs:
            return {key: outputs[key] for key in outputs.files}


@contextlib.contextmanager
def one_process():
    """Exports within start no processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter, "Worker", WorkerHere)
        patch.setattr(servable, "run_graph", run_graph_here)
        yield
