"""The user's own networks, from `.keras` files."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import keras

from ganapp.models.networks.inputs import Shapes
from ganapp.models.tensors import EXAMPLE, LABEL, LATENT, SCORES, input_names, output_tensors

OWN_CONDITION = "own"  # how a class enters a network that nobody here has built


def keras_file_generator(
    inputs: Shapes,
    shape: tuple[int, ...],
    *,
    condition: str = OWN_CONDITION,
    file: Path,
) -> keras.Model:
    """A generator that a user has made and saved with `model.save("mine.keras")`.

    Args:
        inputs: what it will be given, the shape of each by name.
        shape: of an example; the GAN says where it makes others.
        condition: how the class enters is its own affair.
        file: written by Keras. A network with one input need not name it.

    Raises:
        ValueError: no such file, code in it that may not be trusted, or it takes something else.
    """
    network = load_network(file, "generator.file")
    check_inputs(network, inputs, LATENT, "generator")
    return network


def keras_file_discriminator(
    inputs: Shapes,
    *,
    condition: str = OWN_CONDITION,
    class_start: int | None = None,
    latents: tuple[str, ...] = (),
    heads: Mapping[str, int] | None = None,
    file: Path,
) -> keras.Model:
    """A discriminator likewise, which ends in raw scores.

    Args:
        inputs, condition, file: as of the generator.
        class_start, latents: how what they are about enters is the network's own affair, too.
        heads: outputs that it must name beside the scores.
    """
    network = load_network(file, "discriminator.file")
    check_inputs(network, inputs, EXAMPLE, "discriminator")
    said = output_tensors(network, SCORES)
    if missing := set(heads or {}) - said.keys():
        raise ValueError(
            f"`discriminator.file` must name the outputs {_listed(missing)} beside its scores. "
            f"Received: {_listed(said)}"
        )
    return network


def load_network(file: Path, key: str) -> keras.Model:
    """The trainable network in a `.keras` file; `key` is the setting that names it."""
    if not file.is_file() or file.suffix != ".keras":
        raise ValueError(f"`{key}` must be a `.keras` file that exists. Received: {file}")
    try:
        return keras.models.load_model(file, compile=False, safe_mode=True)
    except (TypeError, ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"`{key}` must be a file that Keras can read by itself: layers and functions of your "
            "own need `@keras.saving.register_keras_serializable()` and must be imported first, "
            "and a Lambda layer is not trusted. "
            f"Received: {file}; {str(error).strip().splitlines()[0]}"
        ) from error


def check_inputs(network: keras.Model, given: Iterable[str], only: str, player: str) -> None:
    """Refuses a network that takes something else than what it will be given.

    Args:
        given: names of what there is; it need not take everything, but for the class.
        only: name of the input of a network that does not name its only one.
        player: whose setting names the file.
    """
    taken, given = set(input_names(network, only)), set(given)
    if taken <= given and (LABEL in taken) == (LABEL in given):
        return
    hint = ""
    if (LABEL in taken) != (LABEL in given):
        wanted = OWN_CONDITION if LABEL in taken else "none"
        hint = f"; `{player}.condition={wanted}` is for one that takes {_listed(taken)}"
    raise ValueError(
        f"`{player}.file` must hold a network that takes no more than {_listed(given)}. "
        f"Received: {_listed(taken)}{hint}"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))
