"""What drives learning: objectives, penalties, constraints, priors, data, callbacks, evaluation."""

import sys

from training.kernels import enable_onednn

# Every way to TensorFlow leads through this room: the application, the networks, the tests.
if _too_late := enable_onednn():
    print(_too_late, file=sys.stderr)
