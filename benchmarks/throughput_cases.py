"""The models whose training step the throughput benchmark times."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from ganapp.models.networks import (
    dcgan_discriminator,
    dcgan_generator,
    mlp_discriminator,
    mlp_generator,
)
from ganapp.training.objectives import WGANGP, NonSaturating, Objective, RelativisticPairing

BATCHES = 32  # different batches of synthetic data, kept in memory
DCGAN = {
    "latent": 100,
    "batch": 64,
    "generator": [64, 16],
    "discriminator": [64, 128],
    "normalisation": "batch",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One training step to time.

    Args:
        title: heading of its table.
        networks: makes an untrained generator and discriminator.
        objective: with one discriminator update a step.
        batch: rows of a minibatch.
        steps_per_execution: values to compare; every one divides `steps`.
        steps: training steps in one turn of a round.
    """

    title: str
    networks: Callable[[], tuple[keras.Model, keras.Model]]
    objective: Objective
    batch: int
    steps_per_execution: tuple[int, ...]
    steps: int

    def batches(self) -> np.ndarray:
        """Synthetic examples in model units, float32 `(BATCHES, batch, *shape)`."""
        shape = self.networks()[1].input_shape[1:]
        draw = np.random.default_rng(0).uniform(-1, 1, (BATCHES, self.batch, *shape))
        return draw.astype(np.float32)


def dcgan_networks() -> tuple[keras.Model, keras.Model]:
    """The 28x28 DCGAN: batch normalisation in the generator only, so penalties are allowed."""
    generator = dcgan_generator(
        DCGAN["latent"],
        (28, 28, 1),
        channels=tuple(DCGAN["generator"]),
        normalisation=DCGAN["normalisation"],
        upsampling="transposed",
    )
    return generator, dcgan_discriminator(
        {"x": (28, 28, 1)}, channels=tuple(DCGAN["discriminator"])
    )


def ring_networks() -> tuple[keras.Model, keras.Model]:
    """Three layers of 128 on points of the plane: a step of a millisecond or two."""
    units = (128, 128, 128)
    return mlp_generator({"z": (8,)}, (2,), units=units), mlp_discriminator(
        {"x": (2,)}, units=units
    )


CASES = {
    "non_saturating": Case(
        title="28x28 DCGAN, non-saturating",
        networks=dcgan_networks,
        objective=NonSaturating(),
        batch=DCGAN["batch"],
        steps_per_execution=(1, 10),
        steps=20,
    ),
    "wgan_gp": Case(
        title="28x28 DCGAN, WGAN-GP (one critic update a step)",
        networks=dcgan_networks,
        objective=WGANGP(discriminator_steps=1),
        batch=DCGAN["batch"],
        steps_per_execution=(1, 10),
        steps=20,
    ),
    "ring": Case(
        title="Points, three layers of 128, relativistic pairing with R1 + R2",
        networks=ring_networks,
        objective=RelativisticPairing(),
        batch=256,
        steps_per_execution=(1, 10, 50),
        steps=200,
    ),
}
