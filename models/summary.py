"""What `gan.summary()` prints: the networks of a GAN, what trains them, and the objective."""

import io
import re

import keras
import rich.console
import rich.table

from ganapp.models.callbacks import present_rate
from ganapp.models.companions import Companion
from ganapp.models.tensors import EXAMPLE, LATENT, SCORES, input_shapes, output_tensors

WIDTH = 100  # columns


def summary_text(gan: keras.Model, width: int | None = None) -> str:
    """Both players, companions and averages: inputs, outputs, parameters, and what trains each."""
    table = rich.table.Table("network", "takes", "gives", "parameters", "trained by")
    table.columns[3].justify = "right"
    for player, takes, gives in (
        ("generator", LATENT, EXAMPLE),
        ("discriminator", EXAMPLE, SCORES),
    ):
        table.add_row(
            player, *_description(getattr(gan, player), takes, gives), _optimizer(gan, player)
        )
    for name, each in gan.companions.items():
        table.add_row(name, *_description(each.network, each.takes, each.gives), _with(each))
    averages = {"generator": gan.ema_generator} if gan.ema_half_life else {}
    for name, network in (averages | gan.ema_companions).items():
        table.add_row(f"ema_{name}", "", "", f"{network.count_params():,}", f"average of {name}")
    console = rich.console.Console(
        file=io.StringIO(),
        width=width or WIDTH,
        highlight=False,
        color_system=None,
        force_jupyter=False,  # a notebook would get the text past this console
    )
    console.print(f'GAN "{gan.name}" at step {int(gan.step.numpy())}', markup=False)
    console.print(table)
    for line in _settings(gan):
        # Schedules of Keras do not say what they are.
        console.print(re.sub(r"<[\w.]*?(\w+) object at 0x\w+>", r"\1", line), markup=False)
    return console.file.getvalue().rstrip()


def _description(network: keras.Model, takes: str, gives: str) -> tuple[str, str, str]:
    """Inputs, outputs and the number of parameters."""
    try:
        outputs = {k: tuple(v.shape[1:]) for k, v in output_tensors(network, gives).items()}
    except (AttributeError, ValueError, IndexError):  # a subclass without a graph
        outputs = {gives: None}
    return (
        _shapes(input_shapes(network, takes)),
        _shapes(outputs),
        f"{network.count_params():,}",
    )


def _shapes(shapes: dict[str, tuple[int | None, ...] | None]) -> str:
    def sides(shape: tuple[int | None, ...]) -> str:
        return " x ".join("any" if side is None else str(side) for side in shape)

    return ", ".join(
        name if shape is None else f"{name} {sides(shape)}" for name, shape in shapes.items()
    )


def _optimizer(gan: keras.Model, player: str) -> str:
    if not gan.compiled:
        return "not compiled"
    optimizer = getattr(gan, f"{player}_optimizer")
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return f"{type(inner).__name__}, learning rate {present_rate(optimizer):g}"


def _with(companion: Companion) -> str:
    return f"with the {companion.trained_with}" if companion.trained_with else "frozen"


def _settings(gan: keras.Model) -> list[str]:
    """Lines about the prior and the objective."""
    lines = [f"prior: {gan.prior}"]
    if gan.classes:
        lines.append(f"classes: {gan.classes}")
    if gan.packing > 1:
        lines.append(f"packing: {gan.packing} examples are judged together")
    if gan.ema_half_life:
        lines.append(f"average: half-life of {gan.ema_half_life:g} examples")
    if not gan.compiled:
        return lines
    objective = gan.objective
    steps = objective.discriminator_steps
    lines.append(
        f"objective: {objective.name or type(objective).__name__}, "
        f"{steps} discriminator step{'s' if steps > 1 else ''} before each of the generator"
    )
    for family in ("terms", "augmentations", "weightings"):
        if members := getattr(objective, family):
            lines.append(f"{family}: {', '.join(map(str, members))}")
    lines.append(f"constraint: {objective.constraint.name}")
    return lines
