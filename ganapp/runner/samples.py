"""Samples and data that a person names on the command line."""

import zipfile
from pathlib import Path

import numpy as np
import PIL.Image

from ganapp.config import DataConfig
from ganapp.data_argument import data_table
from ganapp.errors import UserError
from ganapp.loading import validated_section
from ganapp.runner.mistakes import as_user_errors
from training.data import Source

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def read_samples(path: Path) -> np.ndarray:
    """The samples in a file or folder.

    Args:
        path: a `.npy`; an `.npz` with `samples`, `clips`, `arr_0` or a single array; or a folder
            of pictures of one size.

    Returns:
        `(n, ...)` as they are stored.

    Raises:
        UserError: nothing can be read there.
    """
    if path.is_dir():
        return _pictures(path)
    if path.suffix.lower() not in (".npy", ".npz"):
        raise UserError(
            f"`--samples` must be a .npy or .npz file or a folder of pictures. Received: {path}"
        )
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, allow_pickle=False)
        # Of a damaged file numpy itself would leave the handle open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            names = found.files
            for name in ("samples", "clips", "arr_0", *(names if len(names) == 1 else ())):
                if name in names:
                    return found[name]
    except OSError as error:
        raise UserError(f"`--samples` cannot be read: {path} ({error.strerror}).") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"`--samples` must be a whole file of numbers. Received: {path}, which is damaged or "
            "holds objects"
        ) from error
    raise UserError(
        f"`--samples` must hold an array called 'samples'. Received: {path} with "
        f"{', '.join(names) or 'nothing'}"
    )


def shaped(samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Grey images and clips without channels get one; colours that are grey become one."""
    if len(shape) >= 3 and samples.ndim == len(shape):
        samples = samples[..., None]
    if samples.ndim == len(shape) + 1 >= 4 and samples.shape[-1] == 3 and shape[-1] == 1:
        grey = samples[..., :1]
        samples = grey if (samples == grey).all() else samples
    return samples


def check_out(out: Path | None) -> None:
    """Refuses a folder for results that has something in it."""
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"`--out` must be an empty or a new folder. Received: {out}")


def data_source(text: str) -> Source:
    """The data source that an argument names, see `data_table`.

    Raises:
        UserError: there is no such source, or it cannot be prepared.
    """
    config = validated_section(DataConfig, data_table(text), "--real")
    with as_user_errors(config.source):
        return config.build()


def _pictures(folder: Path) -> np.ndarray:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not files:
        raise UserError(
            f"`--samples` must be a folder with {', '.join(PICTURES)} in it. Received: {folder}"
        )
    pictures = []
    for path in files:
        try:
            with PIL.Image.open(path) as picture:
                pictures.append(np.asarray(picture.convert("RGB")))
        except (OSError, PIL.Image.DecompressionBombError) as error:
            raise UserError(f"The picture {path} cannot be read.") from error
    if len({picture.shape for picture in pictures}) > 1:
        raise UserError(f"The pictures in {folder} must all have one size.")
    return np.stack(pictures)
