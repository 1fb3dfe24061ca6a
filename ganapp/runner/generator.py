"""The trained generator of a run, read back from its checkpoints."""

import dataclasses
from pathlib import Path
from typing import Protocol

from ganapp.config import Config
from ganapp.errors import UserError
from ganapp.loading import load_saved
from ganapp.models.gan import GAN
from ganapp.runner.compose import compose, compose_gan
from ganapp.runner.stored_data import StoredData, read_stored_data
from ganapp.runner.summary import warn
from ganapp.runs import Run
from ganapp.training.checkpoints import CheckpointError, load_latest
from ganapp.training.data import DataSpec


class HasGenerator(Protocol):
    """What samples are drawn from: an `Experiment`, or a `Generator` alone."""

    config: Config
    gan: GAN
    data: StoredData

    @property
    def spec(self) -> DataSpec:
        """What the generator makes."""


@dataclasses.dataclass(frozen=True)
class Generator:
    """The networks of a run, made from the run's own files: its data may be anywhere.

    Args:
        config: of the run.
        gan: networks and prior.
        data: what the run has kept of its data.
    """

    config: Config
    gan: GAN
    data: StoredData

    @property
    def spec(self) -> DataSpec:
        """What the generator makes."""
        return self.data.spec


def open_generator(run: Run, which: str = "best") -> tuple[Generator, int]:
    """The averaged generator of a run, and the step of its checkpoint.

    Args:
        run: the run.
        which: see `load_generator`.

    Raises:
        UserError: see `load_generator`.
    """
    config, data = load_saved(run.config), read_stored_data(run)
    if data is None:  # of a run that has kept nothing of its data
        experiment = compose(config)
        generator = Generator(config, experiment.gan, experiment.data)
    else:
        steps = (run.read_manifest() or {}).get("total_steps", 1)
        generator = Generator(config, compose_gan(config, data, steps), data)
    return generator, load_generator(generator, run, which)


def load_generator(into: HasGenerator, run: Run, which: str = "best") -> int:
    """Fills an averaged generator from a checkpoint of `run`.

    Args:
        into: as composed from the run's configuration.
        run: the run.
        which: `"best"` by the run's metric, or `"last"`; the last one serves as the best while
            nothing has been evaluated.

    Returns:
        The step of the checkpoint.

    Raises:
        UserError: if there is no checkpoint yet, or none that is whole.
    """
    step = _load(into.gan, run.best) if which == "best" else None
    if step is None:
        step = _load(into.gan, run.checkpoints)
    if step is None:
        raise UserError(
            f"The run {run.directory} has no checkpoint yet; let it train longer, or continue it "
            f"with `python -m ganapp resume {run.directory}`."
        )
    return step


def _load(gan: GAN, directory: Path) -> int | None:
    state = {"ema_generator": gan.state()["ema_generator"]}
    try:
        return load_latest(directory, state, warn=warn)
    except CheckpointError as error:
        raise UserError(str(error)) from error
