"""The message about a logged value that is not finite. Standard library only."""

import math
from collections.abc import Mapping
from typing import SupportsFloat

# Named first when several terms fail at once: a penalty tends to drag the losses after it.
CAUSES_FIRST = (
    "penalty/",
    "generator_term/",
    "discriminator_loss",
    "generator_loss",
    "real_score",
    "fake_score",
)


def non_finite_message(
    logs: Mapping[str, SupportsFloat], step: int, executed: int, *, loss_scaling: bool = False
) -> str | None:
    """A sentence for the user if a logged value is NaN or infinite, else `None`.

    Args:
        logs: scalars by name.
        step: completed generator steps.
        executed: steps since the last check.
        loss_scaling: whether the optimizers scale the loss (`mixed_float16`). An infinite
            gradient is then how the scale is found, the update is skipped, and gradient norms
            do not count.
    """
    failed = [name for name, value in logs.items() if not math.isfinite(float(value))]
    if loss_scaling:
        failed = [name for name in failed if not name.endswith("gradient_norm")]
    if not failed:
        return None
    name = min(failed, key=_rank)
    when = f"at step {step}" if executed == 1 else f"in steps {step - executed + 1} to {step}"
    others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return (
        f"Training diverged: `{name}`{others} was not finite {when}; the last checkpoint is from "
        "before: resume it with a smaller learning rate, or start again with a stronger gradient "
        f"penalty, spectral normalisation or float32. Received: {name}={float(logs[name])}"
    )


def _rank(name: str) -> int:
    ranks = (i for i, cause in enumerate(CAUSES_FIRST) if name.startswith(cause))
    return next(ranks, len(CAUSES_FIRST))
