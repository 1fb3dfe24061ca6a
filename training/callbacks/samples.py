"""Pictures of samples of the same latents along the training."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import tensorflow as tf
from numpy.typing import ArrayLike

from ganapp.training.callbacks import Logs, StepCallback
from ganapp.training.callbacks.tensorboard import Board
from ganapp.training.evaluation.pictures import panels
from ganapp.training.files import write_atomically

PANEL_WIDTH = 340  # pixels; narrower pictures are enlarged, for tiny images and for the titles


class SampleGrids(StepCallback):
    """Writes `step-000123.png`: EMA generator | raw generator | real examples.

    The latents are fixed, so that a flip through the files shows one picture changing. The first
    step and the last are drawn, too.

    Args:
        directory: folder of the files, e.g. `<run>/samples`.
        every: steps between two pictures.
        draw: makes one picture of samples `(n, *shape)` in user units.
        real: real examples `(m, *shape)` in user units.
        count: how many latents.
        to_user_units: maps model units to user units.
        seed: of the latents.
        board: when given, the panels go to TensorBoard as well (`samples/...`).
        last: see `StepCallback`.
        show: called with `(step, sheet)`, all three beside each other, when one is written.
    """

    def __init__(
        self,
        directory: str | Path,
        every: int,
        *,
        draw: Callable[[np.ndarray], PIL.Image.Image],
        real: np.ndarray,
        count: int,
        to_user_units: Callable[[ArrayLike], ArrayLike],
        seed: int = 0,
        board: Board | None = None,
        last: int | None = None,
        show: Callable[[int, PIL.Image.Image], object] | None = None,
    ) -> None:
        super().__init__(every, first=True, last=last)
        self.show = show
        self.directory, self.draw, self.board = Path(directory), draw, board
        self.count, self.to_user_units, self.seed = count, to_user_units, seed
        self._real = draw(np.asarray(real))
        self._real_is_shown = False

    def on_step(self, step: int, logs: Logs) -> None:
        inputs = self.model.inputs(self.count, seed=self.seed)
        ema, raw = (self._picture(inputs, ema=ema) for ema in (True, False))
        titles = f"averaged generator, step {step:,}", f"generator, step {step:,}", "real examples"
        buffer = io.BytesIO()
        sheet = panels(_enlarged([ema, raw, self._real]), titles)
        sheet.save(buffer, format="PNG", compress_level=1)
        write_atomically(self.directory / f"step-{step:06d}.png", buffer.getvalue())
        if self.show is not None:
            self.show(step, sheet)
        if self.board is not None:
            shown = {"samples/ema": ema, "samples/raw": raw}
            if not self._real_is_shown:  # it never changes
                shown["samples/real"], self._real_is_shown = self._real, True
            self.board.images(step, shown)

    def _picture(self, inputs: dict[str, tf.Tensor], *, ema: bool) -> PIL.Image.Image:
        samples = self.model.generate(**inputs, ema=ema)
        return self.draw(np.asarray(self.to_user_units(samples)))


def _enlarged(pictures: list[PIL.Image.Image]) -> list[PIL.Image.Image]:
    """All by one whole factor without smoothing, so that a pixel of the data stays a square.

    Shorter ones (of fewer real examples) are filled up below: `panels` would stretch them.
    """
    factor = -(-PANEL_WIDTH // min(picture.width for picture in pictures))
    height = factor * max(picture.height for picture in pictures)
    sheets = []
    for picture in pictures:
        size = (picture.width * factor, picture.height * factor)
        sheets.append(PIL.Image.new("RGB", (size[0], height), "white"))
        sheets[-1].paste(picture.resize(size, PIL.Image.Resampling.NEAREST))
    return sheets
