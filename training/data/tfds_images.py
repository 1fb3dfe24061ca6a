"""`tfds`: the image data sets of TensorFlow Datasets, downloaded only after it was announced."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from ganapp.training.data.cache import CacheDir, cache_folder, key_of
from ganapp.training.data.checks import check_classes
from ganapp.training.data.downloads import download_and_prepare, quiet
from ganapp.training.data.folder import Channels, Share, Size
from ganapp.training.data.image_cache import READING, ImageOptions, Marks, image_source
from ganapp.training.data.image_files import Example
from ganapp.training.data.images import BadImageError, Picture, Resize
from ganapp.training.data.memmap import MemmapSource
from ganapp.training.data.tfds_builder import builder_of
from ganapp.training.data.tfds_name import base_splits

TEST = "test"  # the split that is held out where there is one


def tfds_images(
    *,
    name: str,
    split: str = "train",
    data_dir: Path | None = None,
    size: Size = 0,
    resize: Resize = "crop",
    channels: Channels = 0,
    held_out: Share = 0.1,
    cache_dir: CacheDir = "",
) -> MemmapSource:
    """An image data set of TensorFlow Datasets, prepared already or downloaded.

    Args:
        name: as in its catalogue: `"mnist"`, `"cats_vs_dogs:4.0.1"`, `"name/config:version"`.
        split: to train on; `"train[:20%]"` takes a part, `"train+validation"` two.
        data_dir: where TensorFlow Datasets keeps data sets; `TFDS_DATA_DIR` or
            `~/tensorflow_datasets` when left out.
        size: height and width that every image gets; 0 if they all have the same.
        resize: `"crop"` to the square in the middle, `"pad"` to one, or `"stretch"`.
        channels: 1 grey, 3 colours, 4 with transparency; 0 for 1 if no image has colours, else 3.
        held_out: share of the images that is not trained on where there is no split `test`; at
            least 1 and at most 10,000 images.
        cache_dir: where decoded images are kept; `GANAPP_CACHE` or `~/.cache/ganapp` when empty.
    """
    builder = _prepared(name, data_dir)
    options = ImageOptions(
        size=size, resize=resize, channels=channels, bad_share=0.0, held_out=held_out
    )
    return _source(builder, name, split, options, cache_folder(cache_dir) / "images")


def _source(
    builder: Any, name: str, split: str, options: ImageOptions, cache: Path
) -> MemmapSource:
    """The images of a split and, where that is apart from it, of the one that is held out."""
    info, files = builder.info, _files(Path(builder.data_dir))
    image, label = _features(info, name)
    apart = TEST in (info.splits or ()) and base_splits(split).isdisjoint({TEST, "all"})
    parts = [split, TEST] if apart else [split]
    names = info.features[label].names if label else ()
    listing = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return image_source(
        lambda: _examples(builder, parts, image, label),
        options=options,
        mark=lambda kept: _marks(kept, names, apart, name),
        cache=cache,
        key=key_of(READING, info.full_name, listing, parts, dataclasses.asdict(options)),
        spec={
            "name": "tfds",
            "description": f"{info.full_name} of TensorFlow Datasets, split {split}.",
            "licence": _licence(info),
        },
    )


def _prepared(name: str, data_dir: Path | None) -> Any:
    """The builder of a data set, which is downloaded if it is not there yet."""
    quiet()
    builder = builder_of(name, data_dir)
    if not builder.is_prepared():
        download_and_prepare(builder)
    return builder


def _features(info: Any, name: str) -> tuple[str, str]:
    """Keys of the image and of its label; an empty one where there is no single label."""
    import tensorflow_datasets as tfds

    supervised = [key for key in info.supervised_keys or () if isinstance(key, str)]
    keys = [*supervised, *(key for key in info.features if key not in supervised)]

    def those(kind: type) -> list[str]:
        return [key for key in keys if type(info.features[key]) is kind]

    images, labels = those(tfds.features.Image), those(tfds.features.ClassLabel)
    if not images:
        raise ValueError(
            "`name` must be a data set of images. Received: "
            f"name={name!r}, which holds {', '.join(keys)}"
        )
    return images[0], labels[0] if labels and (len(labels) == 1 or labels[0] in supervised) else ""


def _examples(builder: Any, parts: list[str], image: str, label: str) -> Iterator[Example]:
    import tensorflow_datasets as tfds

    wanted = {key: True for key in (image, label) if key}
    for place, part in enumerate(parts):
        try:
            dataset = builder.as_dataset(
                split=part,
                decoders=tfds.decode.PartialDecoding(wanted),
                # One file after the other: the order must not depend on the machine.
                read_config=tfds.ReadConfig(interleave_cycle_length=1),
            )
        except (ValueError, AssertionError, KeyError, NotImplementedError) as error:
            splits = builder.info.splits.items()
            known = ", ".join(f"{name} ({each.num_examples:,} examples)" for name, each in splits)
            raise ValueError(
                f"`split` must be a split or a part of one; there are {known}. "
                f"Received: split={part!r}"
            ) from error
        for number, example in enumerate(tfds.as_numpy(dataset)):
            yield Example(
                f"{part} {number}",
                lambda pixels=example[image]: _as_picture(pixels),
                label=int(example[label]) if label else None,
                held_out=place > 0,
            )


def _as_picture(pixels: np.ndarray) -> Picture:
    if pixels.dtype == np.uint16:
        pixels = np.round(pixels / 257).astype(np.uint8)
    if pixels.dtype != np.uint8 or pixels.shape[-1] not in (1, 3, 4):
        raise BadImageError(f"it holds {pixels.dtype} of shape {pixels.shape}")
    return Picture(PIL.Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))


def _marks(kept: list[Example], names: Any, apart: bool, what: str) -> Marks:
    held_out = np.array([example.held_out for example in kept]) if apart else None
    labels = [example.label for example in kept]
    known = {label for label in labels if label is None or label >= 0}  # -1 marks unknown ones
    if not names or None in known or not check_classes(len(known), what):
        return Marks(None, (), held_out)
    return Marks(np.array(labels), tuple(names), held_out)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _licence(info: Any) -> str:
    licence = getattr(info.redistribution_info, "license", "") or "unknown"
    return f"{licence}: {info.homepage}" if info.homepage else licence
