"""`ganapp invert`: pictures made again from what a layer of a network says of them."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.options import (
    CheckpointOption,
    RunArgument,
    check_checkpoint,
    check_file,
    check_seed,
)
from ganapp.errors import UserError
from ganapp.runs import open_run
from ganapp.screen import say, start_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from ganapp.training.data import DataSpec

KINDS = (".png", ".npz")
AT_ONCE = 256  # images


def invert(
    run: RunArgument,
    images: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGES",
            help="A picture, a folder or archive of pictures, or a .npy or .npz of images.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="File ending in .png, each image above its reconstruction, or in .npz.",
        ),
    ],
    seed: Annotated[int, typer.Option(help="Of what the features do not decide.")] = 0,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Make images again from their features, with a generator of `data.features`."""
    opened = open_run(run)
    check_checkpoint(checkpoint)
    check_file("--out", out, KINDS)
    if not images.exists():
        raise UserError(f"IMAGES must be a file or folder that exists. Received: {images}")
    check_seed(seed)
    start_tensorflow()
    import numpy as np

    from ganapp.models.tensors import FEATURES
    from ganapp.runner.saved_runs import open_generator, samples_from
    from ganapp.training.evaluation.pictures import nearest_neighbours
    from ganapp.training.files import write_atomically

    generator, step = open_generator(opened, checkpoint)
    network = generator.data.network(FEATURES)
    if network is None or set(generator.gan.generator_conditions) != {FEATURES}:
        raise UserError(
            f"`invert` is for runs with `data.features` alone. Received: {run}, whose generator "
            f"observes {', '.join(generator.gan.generator_conditions) or 'nothing'}"
        )
    originals = _read(images, generator.spec, generator.config.data.options)
    units = generator.spec.to_model_units
    features = np.concatenate(
        [
            np.asarray(network(units(originals[start : start + AT_ONCE]), training=False))
            for start in range(0, len(originals), AT_ONCE)
        ]
    )
    made = samples_from(generator, generator.gan.inputs(seed=seed, **{FEATURES: features}))
    buffer = io.BytesIO()
    if out.suffix.lower() == ".npz":
        np.savez_compressed(buffer, samples=made, originals=originals, features=features)
    else:
        nearest_neighbours(originals, made, np.arange(len(made))).save(buffer, format="PNG")
    write_atomically(out, buffer.getvalue())
    many = "1 reconstruction" if len(made) == 1 else f"{len(made)} reconstructions"
    say(f"{out}: {many} of step {step:,}, seed {seed}.")


def _read(path: Path, spec: DataSpec, options: dict) -> np.ndarray:
    """Images uint8 `(n, *shape)` as the run's own are."""
    from ganapp.runner.sample_files import read_samples
    from ganapp.training.evaluation.checks import check_samples

    with tempfile.TemporaryDirectory() as folder:
        if path.is_file() and path.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".webp"):
            shutil.copy(path, folder)
            path = Path(folder)
        try:
            found = read_samples(path, options)(spec).values
            return check_samples(spec, "IMAGES", found)
        except (UserError, ValueError) as error:
            raise UserError(str(error).replace("`--samples`", "IMAGES")) from error
