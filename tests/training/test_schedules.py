"""Values that move over a training, and stay where they end."""

import numpy as np
import pytest

from ganapp.training.schedules import SHAPES, Anneal


@pytest.mark.parametrize("shape", SHAPES)
def test_from_start_to_end_and_no_further(shape):
    """A run that was made longer goes on at the end, whatever the shape."""
    schedule = Anneal(start=1.0, end=0.01, shape=shape).over(10)
    values = [float(schedule(step)) for step in (0, 5, 10, 11, 1000)]
    assert values[0] == pytest.approx(1.0)
    assert 0.01 < values[1] < 1.0
    np.testing.assert_allclose(values[2:], 0.01, rtol=1e-5)
    assert values[2] == values[3] == values[4]
