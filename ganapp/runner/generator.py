"""The trained generator of a run, read back from its checkpoints."""

from pathlib import Path

from ganapp.errors import UserError
from ganapp.runner.compose import Experiment
from ganapp.runner.summary import warn
from ganapp.runs import Run
from training.checkpoints import CheckpointError, load_latest
from training.data.tables.codec import TableCodec

WHICH = ("best", "last")


def check_table(experiment: Experiment, run: Run) -> None:
    """Refuses a table that is not what the run was trained on: its codes mean something else.

    Raises:
        UserError: if the file has changed since.
    """
    saved = (run.read_manifest() or {}).get("data", {}).get("table")
    table = experiment.source.spec.table
    if saved and table is not None and not TableCodec.from_dict(saved).is_like(table):
        raise UserError(
            f"The table of the run {run.directory} has changed since it was trained; put the old "
            f"file back or train anew. Received: {experiment.config.data.options.get('path')}"
        )


def load_generator(experiment: Experiment, run: Run, which: str = "best") -> int:
    """Fills the averaged generator of `experiment` from a checkpoint of `run`.

    Args:
        experiment: as composed from the run's configuration.
        run: the run.
        which: `"best"` by the run's metric, or `"last"`; the last one serves as the best while
            nothing has been evaluated.

    Returns:
        The step of the checkpoint.

    Raises:
        UserError: if there is no checkpoint yet, none that is whole, or the table has changed.
    """
    check_table(experiment, run)
    step = _load(experiment, run.best) if which == "best" else None
    if step is None:
        step = _load(experiment, run.checkpoints)
    if step is None:
        raise UserError(
            f"The run {run.directory} has no checkpoint yet; let it train longer, or continue it "
            f"with `python -m ganapp resume {run.directory}`."
        )
    return step


def _load(experiment: Experiment, directory: Path) -> int | None:
    state = {"ema_generator": experiment.gan.state()["ema_generator"]}
    try:
        return load_latest(directory, state, warn=warn)
    except CheckpointError as error:
        raise UserError(str(error)) from error
