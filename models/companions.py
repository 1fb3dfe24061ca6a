"""Further networks of a GAN, which its terms call: encoders, comparators, readers of codes."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

import keras

from ganapp.models.serialization import Serializable
from ganapp.models.tensors import EXAMPLE, LATENT, Tensors

ENCODER = "encoder"  # completes real examples by latents, where the discriminator judges both
Player = Literal["generator", "discriminator"]
RESERVED = (  # parts of a checkpoint
    *("generator", "discriminator", "generator_optimizer", "discriminator_optimizer"),
    *("ema_generator", "counters", "terms"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Companion(Serializable):
    """A network beside the two players. Checkpoints, replicas and the average hold it as them.

    Args:
        network: any built Keras model.
        trained_with: the player whose loss trains it, together with that player and by its
            optimizer; `None` for a frozen one. The average follows one that is trained with the
            generator.
        takes: name of the input of a network that does not name its only one.
        gives: likewise of its output.
    """

    network: keras.Model
    trained_with: Player | None = "generator"
    takes: str = EXAMPLE
    gives: str = LATENT


class CompanionFunctions(dict[str, Callable[[Tensors], Tensors]]):
    """Companions by name, as functions of named tensors; one that is missing is an error."""

    def __missing__(self, name: str) -> Callable[[Tensors], Tensors]:
        known = ", ".join(map(repr, self)) or "none"
        raise ValueError(
            f"A term calls the companion {name!r}: give the GAN one of that name, "
            f"`companions={{{name!r}: Companion(network=...)}}`. Received: {known}"
        )


def check_companions(
    companions: Mapping[str, Companion], players: Mapping[str, keras.Model]
) -> None:
    """Refuses companions that a GAN cannot train, save or tell apart."""
    owners = {id(v): name for name, network in players.items() for v in network.variables}
    for name, companion in companions.items():
        if name in RESERVED or not name.isidentifier():
            raise ValueError(
                f"A companion must have a name of its own, such as 'encoder'. Received: {name!r}"
            )
        if companion.trained_with not in ("generator", "discriminator", None):
            raise ValueError(
                f"`trained_with` of the companion {name!r} must be 'generator', 'discriminator' or "
                f"None. Received: trained_with={companion.trained_with!r}"
            )
        if not companion.network.built:
            raise ValueError(
                f"The companion {name!r} must be built, or its optimizer would miss its weights: "
                "begin it with `keras.Input(shape)` or call it once. "
                f"Received: {companion.network.name!r}, which is not"
            )
        shared = {owners[id(v)] for v in companion.network.variables if id(v) in owners}
        if shared:
            raise ValueError(
                f"The companion {name!r} must not share variables with another network: each "
                f"would undo the other's update. Received: some of {', '.join(sorted(shared))}"
            )
        owners |= {id(v): name for v in companion.network.variables}
