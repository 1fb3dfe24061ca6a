"""Whether the data of a run are still what it was started on."""

from typing import Any

from ganapp.errors import UserError
from ganapp.runner.compose import Experiment
from ganapp.runs import Run


def check_data(experiment: Experiment, run: Run) -> None:
    """Refuses to train on with data that have changed: no resumed run would be the one it was.

    Raises:
        UserError: if their content is not what the run's manifest says.
    """
    changed = changes(experiment, run)
    if changed:
        raise UserError(f"{changed[0]}; put the old ones back or train anew. {changed[1]}")


def changes(experiment: Experiment, run: Run) -> tuple[str, str] | None:
    """What to say of data that are not those of the run's training, and what came instead."""
    manifest = run.read_manifest() or {}
    known, found = manifest.get("data_fingerprint"), experiment.source.fingerprint()
    if not known or known == found:  # runs of before have none
        return None
    options = experiment.config.data.options
    where = next((options[key] for key in ("path", "name") if key in options), None)
    then, now = _counts(manifest.get("data", {})), _counts(experiment.source.spec.as_dict())
    differ = f" ({then} then, {now} now)" if then != now else ""
    return (
        f"The data of the run {run.directory} have changed since it was started{differ}",
        f"Received: {experiment.config.data.source if where is None else where}",
    )


def _counts(spec: dict[str, Any]) -> str:
    return f"{spec.get('examples')} training and {spec.get('held_out')} held-out examples"
