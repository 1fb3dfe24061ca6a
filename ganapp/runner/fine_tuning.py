"""A training that starts from the networks of another run."""

import dataclasses

import keras
import numpy as np

from ganapp.errors import UserError
from ganapp.models.frozen import frozen_weights, named_weights
from ganapp.runner.experiment import Experiment
from ganapp.runner.saved_runs import load_networks, open_generator
from ganapp.runs import Run

PLAYERS = ("generator", "discriminator")
SHOWN = 4  # weights that a sentence names


@dataclasses.dataclass(frozen=True)
class Fit:
    """What of one network another one could take over.

    Args:
        taken: numbers that are the other's now.
        count: numbers in all.
        left: weights that stay as they were initialised, by name with both shapes.
    """

    taken: int
    count: int
    left: dict[str, str]

    def sentence(self, name: str, origin: str) -> str:
        """For a person: what was taken over, and what was not."""
        share = f"{self.taken / self.count:.1%} of the {self.count:,} numbers of the {name}"
        text = f"{share} are those of {origin}"
        if self.left:
            some = [f"{key} ({why})" for key, why in list(self.left.items())[:SHOWN]]
            more = len(self.left) - len(some)
            text += f"; new: {', '.join(some)}" + (f" and {more} more" if more else "")
        return text + "."


def start_from(experiment: Experiment, run: Run) -> tuple[Experiment, list[str]]:
    """Gives both players the weights of another run's, by name where the shapes are equal.

    The averaged generator becomes the other's averaged one, but for layers that are frozen, which
    are those of the generator. Optimizers begin anew.

    Returns:
        The experiment, which knows where it started, and a sentence on each player.

    Raises:
        UserError: the other run has no checkpoint, or nothing of a player fits.
    """
    other, _ = open_generator(run, "last")
    parts = [*PLAYERS, *(["ema_generator"] if other.gan.ema_half_life else [])]
    step = load_networks(other.gan, run, "last", parts)
    origin, gan = f"{run.directory} at step {step:,}", experiment.gan
    fits = {name: take_over(getattr(gan, name), getattr(other.gan, name)) for name in PLAYERS}
    take_over(gan.ema_generator, other.gan.ema_generator)
    averages = dict(named_weights(gan.ema_generator))
    for name, weight in frozen_weights(gan.generator).items():  # the mean of what does not move
        averages[name].assign(weight)
    for name, fit in fits.items():
        if not fit.taken:
            raise UserError(
                f"`--from` must be a run of networks that are like these: nothing of the {name} "
                f"fits. Received: {run.directory}; {'; '.join(fit.left)}"
            )
    taken = {name: fit.taken for name, fit in fits.items()}
    started = {"run": str(run.directory), "step": step, "taken": taken}
    experiment = dataclasses.replace(experiment, started_from=started)
    return experiment, [fit.sentence(name, origin) for name, fit in fits.items()]


def take_over(network: keras.Model, other: keras.Model) -> Fit:
    """Assigns the weights of `other` to those of the same name and shape."""
    theirs, taken, count, left = dict(named_weights(other)), 0, 0, {}
    for name, weight in named_weights(network):
        size, found = int(np.prod(weight.shape)), theirs.get(name)
        count += size
        if found is not None and found.shape == weight.shape:
            weight.assign(found)
            taken += size
        else:
            there = "not there" if found is None else f"there {tuple(found.shape)}"
            left[name] = f"{tuple(weight.shape)}, {there}"
    return Fit(taken, count, left)
