"""The only place where everything meets: configuration in, a run directory out."""

from ganapp.runner.baselines import baseline
from ganapp.runner.diagnosing import diagnose
from ganapp.runner.dirac_game import dirac
from ganapp.runner.judging import evaluate
from ganapp.runner.outputs import export, sample
from ganapp.runner.training import resume, train

__all__ = ["baseline", "diagnose", "dirac", "evaluate", "export", "resume", "sample", "train"]
