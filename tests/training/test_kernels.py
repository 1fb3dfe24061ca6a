"""Fast CPU kernels are on before TensorFlow is imported, unless the user has said otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganapp.training import kernels

ROOT = Path(__file__).parents[2]
AVX2, VNNI = frozenset({"avx", "avx2"}), frozenset({"avx", "avx2", "avx512f", "avx512_vnni"})


@pytest.fixture
def cpu(monkeypatch):
    """A process on a CPU with these flags, where the variable and the modules are these."""

    def pretend(flags, chosen=None, loaded=False):
        monkeypatch.setattr(kernels, "cpu_flags", lambda: flags)
        monkeypatch.delenv(kernels.VARIABLE, raising=False)
        if chosen is not None:
            monkeypatch.setenv(kernels.VARIABLE, chosen)
        if not loaded:
            monkeypatch.delitem(sys.modules, "tensorflow", raising=False)

    return pretend


@pytest.mark.parametrize("flags", [AVX2, VNNI])
def test_on_where_the_cpu_has_avx2(cpu, flags):
    cpu(flags)
    assert kernels.enable_onednn() is None
    assert os.environ[kernels.VARIABLE] == "1"
    assert kernels.onednn_is_on()


def test_left_alone_on_a_cpu_without(cpu):
    cpu(frozenset({"avx"}))
    assert kernels.enable_onednn() is None
    assert kernels.VARIABLE not in os.environ
    assert kernels.kernels() == "Eigen (AVX)"


@pytest.mark.parametrize(("chosen", "name"), [("0", "Eigen (AVX2)"), ("1", "oneDNN (AVX2)")])
def test_the_user_decides(cpu, chosen, name):
    cpu(AVX2, chosen)
    assert kernels.enable_onednn() is None
    assert os.environ[kernels.VARIABLE] == chosen
    assert kernels.kernels() == name


def test_a_sentence_where_tensorflow_is_loaded_without(cpu):
    import tensorflow  # noqa: F401

    cpu(AVX2, loaded=True)
    assert f"Set {kernels.VARIABLE}=1" in kernels.enable_onednn()
    assert kernels.VARIABLE not in os.environ
    assert not kernels.onednn_is_on()


def test_no_sentence_where_tensorflow_has_them_anyway(cpu):
    import tensorflow  # noqa: F401

    cpu(VNNI, loaded=True)
    assert kernels.enable_onednn() is None
    assert kernels.kernels() == "oneDNN (AVX-512)"


# Ends where TensorFlow would be imported: by then the variable must be set, and nothing is loaded.
UNTIL_TENSORFLOW = """
import importlib, os, sys

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name in ("tensorflow", "keras"):
            print(os.environ.get(sys.argv[2]), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Stop())
importlib.import_module(sys.argv[1])
print(os.environ.get(sys.argv[2]))
"""


@pytest.mark.parametrize(
    "door", ["ganapp", "ganapp.models", "ganapp.training.objectives", "ganapp.training.priors"]
)
def test_every_door_sets_it(door):
    """As a user's script has it: nothing set, one of our packages imported first."""
    if "avx2" not in kernels.cpu_flags():
        pytest.skip("this CPU has no AVX2")
    environment = {k: v for k, v in os.environ.items() if k != kernels.VARIABLE}
    told = subprocess.run(
        [sys.executable, "-c", UNTIL_TENSORFLOW, door, kernels.VARIABLE],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "1\n"
