"""A generator of next frames that is fed its own, as one network."""

import keras
import numpy as np
import pytest
from case import rows

from ganapp.models.networks import GENERATORS
from ganapp.models.networks.rollout import rolled_out
from ganapp.models.tensors import apply

SIDE, PAST, STEPS = 8, 3, 4


def next_frame_generator(family):
    small = {"dcgan": {"channels": (4, 3)}, "multi_scale": {"channels": (4,), "scales": 2}}
    shapes = {"z": (2,), "frames": (SIDE, SIDE, PAST * 2)}
    return GENERATORS[family](shapes, (SIDE, SIDE, 2), residual="frames", **small[family])


@pytest.mark.parametrize("family", ["dcgan", "multi_scale"])  # one output, and several
def test_every_frame_is_made_of_those_before_it(family):
    network = next_frame_generator(family)
    frames = rows(3, (SIDE, SIDE, PAST * 2))
    z = {f"z_{step}": rows(3, (2,), seed=step) for step in range(1, STEPS + 1)}
    clips = apply(rolled_out(network, STEPS), z | {"frames": frames})["x"]
    assert clips.shape == (3, STEPS, SIDE, SIDE, 2)
    seen = [frames[..., 2 * n : 2 * n + 2] for n in range(PAST)]
    beyond = False
    for step in range(STEPS):
        given = {"z": z[f"z_{step + 1}"], "frames": np.concatenate(seen[-PAST:], axis=-1)}
        x = np.asarray(apply(network, given)["x"])
        beyond |= np.abs(x).max() > 1
        seen.append(np.clip(x, -1, 1))
        np.testing.assert_allclose(clips[:, step], seen[-1], atol=1e-5)
    assert beyond, "something was cut off"


def test_one_past_frame_and_classes():
    shapes = {"z": (2,), "code": (1,), "label": (3,), "frames": (SIDE, SIDE, 1)}
    network = GENERATORS["dcgan"](shapes, (SIDE, SIDE, 1), channels=(4, 3), normalisation="none")
    whole = rolled_out(network, 2, latents=("z", "code"))
    names = {"z_1", "z_2", "code_1", "code_2", "label", "frames"}
    assert set(whole.input) == names
    sizes = {"z": (2,), "co": (1,), "la": (3,), "fr": (SIDE, SIDE, 1)}
    given = {name: rows(2, sizes[name[:2].rstrip("_")]) for name in names}
    clips = apply(whole, given)["x"]
    for name, first in {"z_1": 0, "z_2": 1, "code_2": 1, "label": 0}.items():
        other = apply(whole, given | {name: given[name] + 1})["x"]
        changed = np.abs(other - clips).max(axis=(0, 2, 3, 4)) > 1e-6
        assert changed.tolist() == [step >= first for step in range(2)], name


def test_it_shares_the_weights():
    network = next_frame_generator("dcgan")
    whole = rolled_out(network, 2)
    assert whole.count_params() == network.count_params()
    given = {name: rows(1, tuple(x.shape[1:])) for name, x in whole.input.items()}
    before = np.asarray(apply(whole, given)["x"])
    for variable in network.trainable_variables:
        variable.assign(variable + 0.1)
    assert np.abs(apply(whole, given)["x"] - before).max() > 1e-3
    copy = keras.Model.from_config(whole.get_config())
    copy.set_weights(whole.get_weights())
    np.testing.assert_array_equal(apply(copy, given)["x"], apply(whole, given)["x"])
