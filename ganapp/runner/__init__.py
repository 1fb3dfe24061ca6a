"""The only place where everything meets: configuration in, a run directory out."""

from ganapp.runner.judging import evaluate
from ganapp.runner.outputs import export, sample
from ganapp.runner.training import resume, train

__all__ = ["evaluate", "export", "resume", "sample", "train"]
