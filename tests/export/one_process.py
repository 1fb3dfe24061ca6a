"""Exports whose verification runs in the process of the test: TensorFlow starts slowly.

That fresh processes verify is shown by `image_export` and what is asked of it, and of
`vector_export` by test_export_verify.py.
"""

import contextlib
import io
import pickle

import pytest

from ganapp.export import package, serving_files
from ganapp.export.worker import Worker, read_answer
from ganapp.export.worker_process import Session, write_answer


class WorkerHere(Worker):
    """Asks the same of the same code in the same bytes as a `Worker`, without a process."""

    def __init__(self, artefact, *, timeout=None):
        self.artefact = artefact
        self._session = Session()
        request = artefact.load_request() | {"modules": ()}
        self.load_seconds, _ = self._ask("load", "load_seconds", **request)

    def _ask(self, task, field, **arguments):
        arguments = pickle.loads(pickle.dumps(arguments))
        stream = io.BytesIO()
        write_answer(stream, getattr(self._session, task)(**arguments))
        stream.seek(0)
        return read_answer(stream, field)

    def close(self):
        pass


@contextlib.contextmanager
def one_process():
    """Exports within start no processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "Worker", WorkerHere)
        patch.setattr(serving_files, "Worker", WorkerHere)
        yield
