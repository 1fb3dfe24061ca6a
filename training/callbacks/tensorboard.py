"""TensorBoard event files: written, added to at every step, and truncated for a resumed run."""

import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.image.metadata import create_summary_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.util.tensor_util import make_tensor_proto

from ganapp.training.callbacks import Logs, StepCallback
from ganapp.training.diagnostics.alarms import Alarm

TAGS = {
    "discriminator_loss": "losses/discriminator",
    "generator_loss": "losses/generator",
    "real_score": "scores/real",
    "fake_score": "scores/fake",
    "score_gap": "scores/gap",
    "real_score_std": "scores/real_std",
    "fake_score_std": "scores/fake_std",
    "real_probability": "probabilities/D(x)",
    "fake_probability": "probabilities/D(G(z))",
    "generator_gradient_norm": "gradients/generator_norm",
    "discriminator_gradient_norm": "gradients/discriminator_norm",
    "generator_learning_rate": "learning_rates/generator",
    "discriminator_learning_rate": "learning_rates/discriminator",
}
PREFIXES = {
    "penalty/": "penalties/",
    "penalty_weight/": "penalty_weights/",
    "generator_term/": "generator_terms/",
}


class Board:
    """A TensorBoard log folder.

    The values of a step are one event, made without TensorFlow's operations: twenty calls of
    `tf.summary.scalar`, or one of `tf.summary.histogram`, take as long as a training step of a
    small network.

    The file is opened at the first write, and every call flushes, so that a killed run shows all
    it did. Each process writes a file of its own.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self._opened: tf.summary.SummaryWriter | None = None
        self._raised: list[str] = []

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes each value under its tag."""
        # In double precision: a poor generator's figures overflow what TensorBoard holds and
        # are shown as infinite; a Python float of that size would be refused.
        with np.errstate(over="ignore"):
            self._write(step, [scalar_pb(tag, np.float64(each)) for tag, each in values.items()])

    def evaluation(self, step: int, values: Mapping[str, float]) -> None:
        """Writes each value under `evaluation/`; fits `Evaluate(sinks=...)`."""
        self.scalars(step, {f"evaluation/{name}": value for name, value in values.items()})

    def alarms(
        self, step: int, distances: Mapping[str, float], alarms: Sequence[Alarm] | None
    ) -> None:
        """Writes the distances, and of examined examples the number of alarms and what is new."""
        raised = {} if alarms is None else {"alarms/raised": len(alarms)}
        values = {f"distances/{k.removesuffix('_distance')}": x for k, x in distances.items()}
        self.scalars(step, values | raised)
        names = [alarm.key for alarm in alarms or ()]
        if alarms is not None and names != self._raised:
            self._raised = names
            lines = [f"- **{alarm.key}**: {alarm.sentence}" for alarm in alarms]
            self.text(step, "alarms", "\n".join(lines) or "No alarm any more.")

    def theory(self, step: int, figures: Mapping[str, float], picture: PIL.Image.Image) -> None:
        """Writes figures and maps under `theory/`; fits `CompareWithTheory(sinks=...)`."""
        self.scalars(step, {f"theory/{name}": value for name, value in figures.items()})
        self.images(step, {"theory/optimal, learnt, difference": picture})

    def images(self, step: int, images: Mapping[str, PIL.Image.Image]) -> None:
        """Writes each picture under its tag."""
        self._write(step, [_image_pb(tag, image) for tag, image in images.items()])

    def histograms(self, step: int, values: Mapping[str, np.ndarray]) -> None:
        """Writes the distribution of each `(n,)` array under its tag."""
        self._write(step, [histogram_pb(tag, np.asarray(each)) for tag, each in values.items()])

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Writes a text that TensorBoard renders as Markdown."""
        with self._writer().as_default(step=step):
            tf.summary.text(tag, markdown)
        self._writer().flush()

    def close(self) -> None:
        """Closes the file; a later write opens a new one."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _write(self, step: int, summaries: Sequence[Summary]) -> None:
        """Writes the values of several summaries as one event."""
        merged = Summary(value=[value for summary in summaries for value in summary.value])
        with self._writer().as_default(step=step):
            tf.summary.experimental.write_raw_pb(merged.SerializeToString())
        self._writer().flush()

    def _writer(self) -> tf.summary.SummaryWriter:
        if self._opened is None:
            self._opened = tf.summary.create_file_writer(str(self.directory))
        return self._opened


def _image_pb(tag: str, image: PIL.Image.Image) -> Summary:
    """A picture as TensorBoard's plugin for images reads it: width, height and a PNG."""
    buffer = io.BytesIO()
    # The lowest compression: a smaller file would take longer to make than to show.
    image.convert("RGB").save(buffer, format="PNG", compress_level=1)
    parts = [str(image.width).encode(), str(image.height).encode(), buffer.getvalue()]
    value = Summary.Value(
        tag=tag,
        tensor=make_tensor_proto(np.array(parts, dtype=object)),
        metadata=create_summary_metadata(
            display_name=None, description=None, converted_to_tensor=True
        ),
    )
    return Summary(value=[value])


def tag_of(name: str) -> str:
    """The TensorBoard tag of a logged value; what is not known goes under `training/`."""
    for prefix, group in PREFIXES.items():
        if name.startswith(prefix):
            return group + name.removeprefix(prefix)
    return TAGS.get(name, f"training/{name}")


class TensorBoardLog(StepCallback):
    """Writes the logged scalars, in groups, and the throughput.

    Args:
        board: where to.
        every: steps between two points.
        examples_per_step: examples that one generator step consumes, for the throughput.
        configuration: TOML, written once as a text when the run begins.
        last: see `StepCallback`.
        clock: seconds from some origin.
    """

    def __init__(
        self,
        board: Board,
        every: int,
        *,
        examples_per_step: int,
        configuration: str,
        last: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(every, last=last)
        self.board, self.examples_per_step, self.clock = board, examples_per_step, clock
        self.configuration = configuration
        self._mark = (0, 0.0)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self._mark = (self._step, self.clock())
        if self._step == 0:  # `fit` may begin more than once in a run
            self.board.text(0, "configuration", f"```toml\n{self.configuration.strip()}\n```")

    def on_step(self, step: int, logs: Logs) -> None:
        (previous, then), now = self._mark, self.clock()
        self._mark = (step, now)
        values = {tag_of(name): value for name, value in logs.items()}
        if now > then:
            speed = (step - previous) * self.examples_per_step / (now - then)
            values["throughput/examples_per_second"] = speed
        self.board.scalars(step, values)


def truncate_events(directory: str | Path, step: int) -> int:
    """Drops the events that a resumed run writes again; the rest keeps its bytes.

    Args:
        directory: a folder written by `Board`; it need not exist.
        step: the restored step. Events of later steps go, and a record that is half written; of a
            run that starts over all go.

    Returns:
        How many events were dropped.
    """
    return sum(_truncate(path, step) for path in sorted(Path(directory).glob("*.tfevents.*")))


def _truncate(path: Path, step: int) -> int:
    dropped, whole = 0, True
    temporary = path.with_name(".events.tmp")  # no name that TensorBoard reads
    try:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            try:
                for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                    event = tf.compat.v1.Event.FromString(record)
                    kept = 0 < step >= event.step
                    dropped += not kept
                    if kept:
                        writer.write(record)
            except (tf.errors.DataLossError, DecodeError):
                whole = False
        if not step:
            path.unlink()
        elif dropped or not whole:
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return dropped
