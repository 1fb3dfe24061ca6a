"""Turns on TensorFlow's fast CPU kernels (oneDNN). Standard library only.

TensorFlow switches its oneDNN kernels on by itself only where the CPU has AVX512_VNNI, AVX512_BF16
or AMX, although they have code for AVX2, too. Everywhere else a training step takes 1.6 to 2.8
times as long without them. The choice is made while TensorFlow is imported and read from an
environment variable, so that must be set before, in this process and in those that it starts.
"""

import functools
import os
import platform
import sys
from pathlib import Path

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
# Where TensorFlow has the kernels on by default.
ON_BY_DEFAULT = frozenset({"avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16"})
# From the widest vectors to the narrowest; the first that the CPU has is named to the user.
VECTORS = (("amx_tile", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX"))


@functools.cache
def cpu_flags() -> frozenset[str]:
    """The instruction sets of this CPU as Linux names them; empty where they cannot be read."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        name, _, values = line.partition(":")
        if name.strip() == "flags":
            return frozenset(values.split())
    return frozenset()


def enable_onednn() -> str | None:
    """Turns oneDNN on where the CPU has AVX2, unless the user has set the variable.

    Returns:
        `None`, or a sentence where it is too late, since TensorFlow was imported without.
    """
    if VARIABLE in os.environ or "avx2" not in cpu_flags():
        return None
    if "tensorflow" not in sys.modules:
        os.environ[VARIABLE] = "1"
        return None
    if ON_BY_DEFAULT & cpu_flags():
        return None
    return (
        "TensorFlow was imported before ganapp and runs without its oneDNN kernels here, which "
        f"makes training 1.6 to 2.8 times slower on this CPU. Set {VARIABLE}=1 before Python "
        "starts, or import ganapp first."
    )


def onednn_is_on() -> bool:
    """Whether TensorFlow uses its oneDNN kernels, as its own switch decides."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return chosen.strip().lower() in ("1", "true")
    return bool(ON_BY_DEFAULT & cpu_flags())


def kernels() -> str:
    """The CPU's kernels in a word or two: `"oneDNN (AVX2)"`, `"Eigen (AVX2)"`."""
    vectors = next((name for flag, name in VECTORS if flag in cpu_flags()), platform.machine())
    return f"{'oneDNN' if onednn_is_on() else 'Eigen'} ({vectors})"
