"""The only place where everything meets: configuration in, a run directory out."""

from ganapp.runner.baselines import baseline
from ganapp.runner.comparing import compare
from ganapp.runner.data_page import data_page
from ganapp.runner.diagnosing import diagnose
from ganapp.runner.dirac_game import dirac
from ganapp.runner.exporting import export
from ganapp.runner.judging import evaluate
from ganapp.runner.judging_samples import evaluate_samples
from ganapp.runner.notices import announce
from ganapp.runner.outputs import sample
from ganapp.runner.training import resume, train

__all__ = [
    "announce",
    "baseline",
    "compare",
    "data_page",
    "diagnose",
    "dirac",
    "evaluate",
    "evaluate_samples",
    "export",
    "resume",
    "sample",
    "train",
]
