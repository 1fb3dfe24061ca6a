"""`video`: clips from a folder of clip folders, or from an .npz; and frames after past ones.

Reference: Mathieu et al., 2016, arXiv:1511.05440 (the next frame from stacked past ones).
"""

import dataclasses
from pathlib import Path
from typing import Annotated

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.array_files import MAX_BYTES, UNREADABLE
from ganapp.training.data.arrays import MaxBytes, arrays_in, check_npz
from ganapp.training.data.checks import check_differ, check_size
from ganapp.training.data.image_files import natural_order
from ganapp.training.data.images import SUFFIXES, BadImageError, read_pixels
from ganapp.training.data.source import TRAINING_DRAWS, ArraySource, FiniteSource, Share, Source
from ganapp.training.data.spec import DataSpec

MOST_PIXELS = 2**24  # of a frame, by its header: a picture may claim more than memory holds
LEAST_CLIPS = 4
Whole = Annotated[int, annotated_types.Ge(0)]


class NextFrames(Source):
    """Frames of clips, each with the `past` frames before it as the observation `frames`.

    These are stacked along the channels, the oldest first. The first examples are of as many
    different clips. Training and held-out examples are of the training and held-out clips of the
    source `clips`.
    """

    def __init__(self, source: Source, past: int) -> None:
        spec = source.spec
        frames, height, width, channels = spec.shape
        if past >= frames:
            raise ValueError(
                f"`past` must be less than the {frames} frames of a clip. Received: past={past}"
            )
        self.clips, self.past, self._per_clip = source, past, frames - past
        self.notes, self.bad_files = source.notes, source.bad_files
        self.in_cache = source.in_cache
        self.spec = dataclasses.replace(
            spec,
            kind="image",
            shape=(height, width, channels),
            examples=None if spec.examples is None else spec.examples * self._per_clip,
            held_out=spec.held_out * self._per_clip,
            conditions={"frames": (height, width, past * channels)},
            description=f"{spec.description} Each frame after the {past} before it.",
        )

    def training_examples(self, count=None):
        return self._frames(count, held_out=False)[:2]

    def held_out_examples(self, count=None):
        return self._frames(count, held_out=True)[:2]

    def training_observations(self, count=None):
        return {"frames": self._frames(count, held_out=False)[2]}

    def held_out_observations(self, count=None):
        return {"frames": self._frames(count, held_out=True)[2]}

    def fingerprint(self):
        found = self.clips.fingerprint()
        return found and f"{found} past {self.past}"

    def _frames(
        self, count: int | None, *, held_out: bool
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Frames in user units, their labels, and the frames before them in model units."""
        source = self.clips
        clips = source.spec.held_out if held_out else source.spec.examples
        clips_of = source.held_out_examples if held_out else source.training_examples
        clips, labels = clips_of(count if clips is None else min(count or clips, clips))
        index = np.arange(len(clips) * self._per_clip)[:count]
        clip, place = index % len(clips), self.past + index // len(clips)
        past = np.stack([clips[clip, place - back] for back in range(self.past, 0, -1)], axis=1)
        past = stacked(self.spec.to_model_units(past)).numpy()
        return clips[clip, place], None if labels is None else labels[clip], past

    def _window(self, clips: dict[str, tf.Tensor], place: tf.Tensor) -> dict[str, tf.Tensor]:
        """The frame of each clip at a place `(count,)`, and those before it."""
        places = place[:, None] + tf.range(-self.past, 1, dtype=place.dtype)
        frames = tf.gather(clips["x"], places, batch_dims=1)
        return clips | {"x": frames[:, -1], "frames": stacked(frames[:, :-1])}


def stacked(frames: tf.Tensor) -> tf.Tensor:
    """Frames `(n, past, height, width, channels)` side by side in the channels, oldest first."""
    past, height, width, channels = frames.shape[1:]
    return tf.reshape(tf.transpose(frames, (0, 2, 3, 1, 4)), (-1, height, width, past * channels))


class FiniteNextFrames(NextFrames, FiniteSource):
    """The same of clips with an end: every frame once an epoch."""

    def at(self, index):
        clips = self.clips.spec.examples
        return self._window(self.clips.at(index % clips), self.past + index // clips)


class DrawnNextFrames(NextFrames):
    """The same of clips that are drawn: one frame of each."""

    def rows(self, step, first, count, *, batch_size, seed):
        clips = self.clips.rows(step, first, count, batch_size=batch_size, seed=seed)
        # Drawn for the whole batch: a row has its place whoever asks for it.
        key = tf.stack([-1 - step, tf.constant(TRAINING_DRAWS + seed, tf.int64)])
        last = self.past + self._per_clip
        place = tf.random.stateless_uniform((batch_size,), key, self.past, last, tf.int64)
        return self._window(clips, tf.ensure_shape(place[first : first + count], (count,)))


def next_frames(source: Source, past: int) -> Source:
    """Clips as they are where `past` is 0, else their frames after so many others."""
    if not past:
        return source
    kind = FiniteNextFrames if isinstance(source, FiniteSource) else DrawnNextFrames
    return kind(source, past)


def video(
    *,
    path: Path,
    frames: Whole = 0,
    size: Whole = 0,
    past: Whole = 0,
    held_out: Share = 0.1,
    max_bytes: MaxBytes = MAX_BYTES,
) -> ArraySource | NextFrames:
    """Clips of equal length and size, held in memory.

    Args:
        path: a folder with a folder of frames for every clip (PNG, JPEG, ..., in the order of the
            numbers in their names), or an .npz with uint8 clips `(n, frames, height, width,
            channels)` under `clips`, or as its only array; grey clips may leave the channels out.
        frames: of a clip, the first of each; those of the shortest clip when 0.
        size: height and width that frames of a folder are cut and resized to, as images of the
            source `folder` are; as they are when 0.
        past: 0 for whole clips as examples; else every frame is one, with so many frames before it
            as its observation `frames`, stacked along the channels.
        held_out: share of the clips that training never sees, the same ones every time.
        max_bytes: to which the clips of an .npz may unpack; more are refused before any of them is.

    Raises:
        ValueError: there is no such file, too few clips, or clips that do not fit each other, are
            smaller than 8 x 8 or say nothing.
    """
    clips = read_clips(Path(path).expanduser(), frames, size, max_bytes)
    if len(clips) < LEAST_CLIPS:
        raise ValueError(
            f"`path` must hold at least {LEAST_CLIPS} clips. Received: {len(clips)} in {path}"
        )
    check_size(clips.shape[2:], "Frames")
    check_differ(clips, "clip")
    clips = clips[np.random.default_rng(0).permutation(len(clips))]
    kept = max(1, round(held_out * len(clips)))
    spec = DataSpec(
        name="video",
        kind="video",
        shape=clips.shape[1:],
        examples=len(clips) - kept,
        held_out=kept,
        description=f"Clips from {Path(path).name}.",
        licence="the user's own data",
    )
    return next_frames(ArraySource(spec, clips[kept:], clips[:kept]), past)


def read_clips(
    path: Path, frames: int = 0, size: int = 0, max_bytes: int = MAX_BYTES
) -> np.ndarray:
    """The clips of a folder or an .npz, uint8 `(n, frames, height, width, channels)`, in order.

    The arguments are those of `video`.
    """
    if path.is_dir():
        return _from_folder(path, frames, size)
    if path.suffix == ".npz" and path.is_file():
        return _from_archive(path, frames, size, max_bytes)
    raise ValueError(
        "`path` must be a folder of clip folders or an .npz of clips, and exist. "
        f"Received: path={path}"
    )


def _from_folder(folder: Path, frames: int, size: int) -> np.ndarray:
    """uint8 `(n, frames, height, width, channels)`, clips in the order of their names."""
    names = {}
    for clip in sorted(folder.iterdir()):
        pictures = [] if not clip.is_dir() else list(clip.iterdir())
        files = [path for path in pictures if path.suffix.lower() in SUFFIXES]
        if files:
            names[clip] = sorted(files, key=lambda path: natural_order(path.name))
    if not names:
        raise ValueError(
            "`path` must hold a folder of frames for every clip. "
            f"Received: {folder}, without such folders"
        )
    length = frames or min(map(len, names.values()))
    for clip, files in names.items():
        if len(files) < length:
            raise ValueError(
                f"`frames` must be at most the frames of every clip. Received: frames={length}, "
                f"and {len(files)} in {clip}"
            )
    _check_length(length)
    clips = [[_decode(file, size) for file in files[:length]] for files in names.values()]
    shape = clips[0][0].shape
    for clip, decoded in zip(names, clips, strict=True):
        other = next((frame.shape for frame in decoded if frame.shape != shape), None)
        if other is not None:
            raise ValueError(
                "`size` must be given where frames have different sizes, for example "
                "`--set data.size=64`. Received: size=0, "
                f"and frames of {shape[1]}x{shape[0]} and, in {clip}, "
                f"{other[1]}x{other[0]} pixels"
            )
    found = np.asarray(clips)
    return found[..., :1] if (found == found[..., :1]).all() else found


def _check_length(frames: int) -> None:
    if frames < 2:
        raise ValueError(f"A clip must have at least 2 frames. Received: {frames}")


def _decode(path: Path, size: int) -> np.ndarray:
    try:
        return read_pixels(path, max_pixels=MOST_PIXELS, size=size)
    except BadImageError as error:
        raise ValueError(
            f"`path` must hold whole pictures only. Received: {path}, but {error}"
        ) from error


def _from_archive(path: Path, frames: int, size: int, max_bytes: int) -> np.ndarray:
    if size:
        raise ValueError(f"`size` is for folders of frames. Received: size={size} for {path}")
    clips = _only_array(path, max_bytes)
    clips = clips[..., None] if clips.ndim == 4 else clips
    if clips.ndim != 5 or clips.dtype != np.uint8 or 0 in clips.shape:
        raise ValueError(
            "`path` must hold uint8 clips of shape (n, frames, height, width, channels). "
            f"Received: shape={clips.shape}, dtype={clips.dtype}"
        )
    if frames > clips.shape[1]:
        raise ValueError(
            "`frames` must be at most the frames of every clip. "
            f"Received: frames={frames} for clips of {clips.shape[1]}"
        )
    _check_length(frames or clips.shape[1])
    return clips[:, : frames or None]


def _only_array(path: Path, max_bytes: int) -> np.ndarray:
    names = arrays_in(path)
    if "clips" not in names and len(names) != 1:
        raise ValueError(
            "`path` must hold its clips as `clips`. "
            f"Received: {path} with {', '.join(names) or 'none'}"
        )
    name = "clips" if "clips" in names else names[0]
    check_npz(path, [name], max_bytes)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[name]
    except (OSError, *UNREADABLE) as error:
        raise ValueError(f"`path` must be a whole .npz. Received: {path} ({error})") from error
