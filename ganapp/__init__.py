"""ganapp: trains, judges and ships generators. Run as `python -m ganapp`."""

import os

import training.kernels  # noqa: F401  (fast CPU kernels, before TensorFlow is imported)

__version__ = "0.1.0"

# TensorFlow's C++ side talks to stderr before Python can ask it not to; what matters arrives as
# exceptions. A user who wants the chatter sets the variable to 0.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
