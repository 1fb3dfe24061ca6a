"""`tfds`: the image data sets of TensorFlow Datasets, downloaded only after it was announced."""

import contextlib
import dataclasses
import http.client
import io
import logging
import re
import sys
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image

from ganapp.training.data.cache import CacheDir, cache_folder, key_of
from ganapp.training.data.checks import check_classes
from ganapp.training.data.folder import Channels, Size
from ganapp.training.data.images import (
    READING,
    Annotations,
    BadImageError,
    Example,
    ImageOptions,
    Picture,
    Resize,
    image_source,
)
from ganapp.training.data.source import MemmapSource, Share
from ganapp.training.messages import did_you_mean, join_names

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

VERSION = re.compile(r"\d+\.(\d+|\*)\.(\d+|\*)")
OUTSIDE_BRACKETS = re.compile(r":(?![^\[]*\])")  # of `train[:50%]` the colon is its own
PLAIN = re.compile(r"[a-zA-Z]\w*")
NAMESPACES = {"huggingface", "kubric", "robotics"}  # that TensorFlow Datasets knows
# Names that splits have everywhere in the catalogue and configurations nowhere. Which other splits
# a data set has is known only once it is prepared: those follow a configuration or two colons.
SPLITS = {
    *("train", "training", "test", "testing", "validation", "valid", "val", "dev"),
    *("extra", "unlabelled", "unlabeled"),
}
PATIENCE = 10.0  # seconds for a host to answer before it counts as not there
MIRROR = "https://storage.googleapis.com"  # where TensorFlow Datasets keeps some of them prepared
# By what data sets of a namespace are read, where the first library that is missed is not the one
# that brings the others.
LIBRARIES = {"huggingface": "datasets"}
VERSIONED = re.compile(r":[\d.*]+$")
TEST = "test"  # the split that is held out where there is one


def read_name(text: str) -> dict[str, str]:
    """The options `name` and, where it is given, `split` of the source `tfds`.

    Parts are told by what they look like: `1.0.0` is a version; `train`, `test` and the like, what
    has brackets or a plus, and what follows a configuration are a split; anything else is a
    configuration. After a slash stands a configuration whatever it is called, and an empty part
    is the configuration that the data set has by itself. A namespace and a colon may stand before
    the name: one of `NAMESPACES`, or any other where the slash comes after the colon.

    Args:
        text: `"name[:config][:version][:split]"`, the configuration also after a slash, e.g.
            `"mnist"`, `"mnist:train[:50%]"`, `"emnist:letters:test"`, `"cats_vs_dogs:4.0.1"`,
            `"huggingface:cifar10:train"`, `"kaggle:ds/cfg:1.2.3"`.

    Raises:
        ValueError: there is a part too many.
    """
    name, *parts = _with_namespace(*OUTSIDE_BRACKETS.split(text))
    name, slash, config = name.partition("/")
    found = {"config": config} if slash else {}
    for part in parts:
        kind = _kind(part, after_config="config" in found)
        empty = not part and kind != "config"
        if kind in found or empty or "/" in part:
            raise _unreadable(text)
        found[kind] = part
    if not name:
        raise _unreadable(text)
    config = f"/{found['config']}" if found.get("config") else ""
    version = f":{found['version']}" if "version" in found else ""
    split = {"split": found["split"]} if "split" in found else {}
    return {"name": f"{name}{config}{version}", **split}


def _with_namespace(name: str, *parts: str) -> list[str]:
    """The parts with the first two as one where the first is a namespace."""
    if "/" in name or not parts:
        return [name, *parts]
    second, slash, _ = parts[0].partition("/")
    if PLAIN.fullmatch(second) and (slash or name in NAMESPACES):
        return [f"{name}:{parts[0]}", *parts[1:]]
    return [name, *parts]


def _unreadable(text: str) -> ValueError:
    return ValueError(
        "A data set of TensorFlow Datasets is written [namespace:]name[:config][:version][:split], "
        "such as mnist, mnist:train[:50%] or emnist:letters:test. "
        f"Received: {text!r}"
    )


def _kind(part: str, *, after_config: bool) -> str:
    if VERSION.fullmatch(part):
        return "version"
    if after_config or part in SPLITS or "[" in part or "+" in part:
        return "split"
    return "config"


def base_splits(split: str) -> set[str]:
    """Names of the splits that `"train[:50%]+test"` takes from."""
    return {part.partition("[")[0].strip() for part in split.split("+")}


def _quiet() -> None:
    """Keeps what TensorFlow Datasets says of its work off the screen but for errors and bars."""
    import tensorflow_datasets as tfds
    from absl import logging as absl_logging

    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    absl_logging.set_verbosity(absl_logging.ERROR)


def download_and_prepare(builder: "tfds.core.DatasetBuilder") -> None:
    """Downloads a data set, of which nothing is on the disk, after saying its size and its place.

    Raises:
        ValueError: it cannot be had; says why, what to prepare elsewhere and where to put it.
    """
    info, target = builder.info, builder.data_dir
    urls = builder.url_infos or {}
    size = info.download_size or sum(url.size for url in urls.values())
    sizes = f"{_megabytes(size)} to download"
    if info.dataset_size:
        sizes += f", {_megabytes(info.dataset_size)} on the disk"
    logging.getLogger("ganapp").warning("Downloading %s (%s) to %s.", info.full_name, sizes, target)
    try:
        if _needs_hosts(builder):
            check_reachable([*urls, MIRROR])
        # It announces the download once more, which nobody needs.
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare()
    except Exception as error:  # whatever the network, the checksums or a missing library say
        name, _, version = info.full_name.rpartition("/")
        raise ValueError(
            f"The data set {info.full_name} cannot be downloaded ({cause(error)}); prepare it "
            "where there is a network, in Python with "
            f"`tensorflow_datasets.load('{name}:{version}')`, and copy its folder "
            f"~/tensorflow_datasets/{info.full_name} to {target}, or name the folder above it in "
            "`data_dir`"
        ) from error


def _needs_hosts(builder: "tfds.core.DatasetBuilder") -> bool:
    """Whether all that is missing comes from hosts that can be reached or not.

    Not where some come from elsewhere, such as a bucket, nor where some were downloaded or put
    into the folder of manual downloads: TensorFlow Datasets alone knows whether these suffice.
    """
    urls = builder.url_infos or {}
    if not urls or not all(url.startswith(("http://", "https://")) for url in urls):
        return False
    folder = Path(builder.data_dir_root).expanduser() / "downloads"
    # Beside the folder of each data set lie the files of older versions, and what is unpacked.
    own = [*folder.glob("*"), *(folder / builder.name).rglob("*"), *folder.glob("manual/**/*")]
    return not any(path.is_file() and ".tmp." not in path.parent.name for path in own)


def check_reachable(urls: Iterable[str]) -> None:
    """Refuses, with the first host and the reason, when not one of the hosts answers.

    TensorFlow Datasets tries every file ten times and waits longer each time, which takes minutes
    where there is no network.
    """
    parsed = [urllib.parse.urlsplit(url) for url in urls]
    hosts = {part.netloc: part.scheme for part in parsed}
    if not hosts:
        return
    with ThreadPoolExecutor(len(hosts)) as pool:
        reasons = list(pool.map(_why_not, (f"{scheme}://{host}" for host, scheme in hosts.items())))
    if all(reasons):
        raise ConnectionError(f"{next(iter(hosts))}: {reasons[0]}")


def _why_not(url: str) -> str:
    """The reason why a host does not answer `requests`, which downloads; empty if it does."""
    import requests

    try:
        requests.head(url, timeout=PATIENCE).close()
    except requests.exceptions.SSLError:
        return ""  # it is there; a download may trust it all the same, or say why not
    except requests.RequestException as error:
        return cause(error)
    return ""


def cause(error: BaseException) -> str:
    """The innermost reason of a network's error in a few words; the first line of any other.

    What the system said itself, such as that the disk is full, is the reason.
    """
    while not getattr(error, "strerror", None) and (inner := _inner(error)):
        error = inner
    text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


def _inner(error: BaseException) -> BaseException | None:
    """The network's error of which another one was made, if there is one."""
    import urllib3

    of_network = (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError)
    handled = None if error.__suppress_context__ else error.__context__
    inner = (getattr(error, "reason", None), error.__cause__, handled)
    if not isinstance(error, of_network):
        return None
    return next((each for each in inner if isinstance(each, of_network)), None)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size else "an unknown size"


def _builder_of(name: str, data_dir: Path | None) -> "tfds.core.DatasetBuilder":
    """The builder of a data set, of this library or of what was prepared in `data_dir`."""
    import tensorflow_datasets as tfds

    if data_dir is not None and (data_dir / "dataset_info.json").exists():
        return tfds.builder_from_directory(data_dir)
    plain, _, config = name.partition("/")
    config = VERSIONED.sub("", config)
    plain = plain if config else VERSIONED.sub("", plain)
    received = f"Received: name={name!r}"
    # A split that was taken for a configuration looks like one.
    advice = f" If {config!r} is a split, write {plain}::{config}, or give it as `split`"
    advice = advice if config else ""
    try:
        # What is said of a missing library on the standard output, the error says, too.
        with contextlib.redirect_stdout(io.StringIO()):
            return tfds.builder(name, data_dir=None if data_dir is None else str(data_dir))
    except tfds.core.DatasetNotFoundError as error:
        known = tfds.list_builders(with_community_datasets=False)
        hint = did_you_mean(name.partition("/")[0].partition(":")[0], known)
        raise ValueError(
            "`name` must be a data set of TensorFlow Datasets, or one prepared in `data_dir`. "
            f"{received}.{hint}{advice}"
        ) from error
    except ImportError as error:  # Hugging Face's are read by its own libraries
        library = LIBRARIES.get(name.partition(":")[0]) or str(error.name).partition(".")[0]
        raise ValueError(
            f"`name` is a data set that is read with the library {library}, which is missing; "
            f"install it with `pip install {library}`. {received}"
        ) from error
    except (ValueError, AssertionError, RuntimeError) as error:
        # Without a prefix of tfds, which repeats the name and the options.
        reason = str(error).strip().splitlines()[0].rpartition('}": ')[2].rstrip(".")
        with contextlib.suppress(Exception):  # no more is known of it
            known = [each.name for each in tfds.builder_cls(plain).BUILDER_CONFIGS]
            if config and config not in known:
                only = join_names(known) if known else "the data set itself"
                reason = f"there is no configuration {config!r}, only {only}"
        raise ValueError(f"`name` cannot be used: {reason}. {received}.{advice}") from error


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
    _quiet()
    builder = _builder_of(name, data_dir)
    if not builder.is_prepared():
        download_and_prepare(builder)
    options = ImageOptions(
        size=size, resize=resize, channels=channels, bad_share=0.0, held_out=held_out
    )
    info, place = builder.info, Path(builder.data_dir)
    files = sorted(place.iterdir()) if place.is_dir() else []
    image, label = _features(info, name)
    apart = TEST in (info.splits or ()) and base_splits(split).isdisjoint({TEST, "all"})
    parts = [split, TEST] if apart else [split]
    names = info.features[label].names if label else ()
    listing = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return image_source(
        lambda: _examples(builder, parts, image, label),
        options=options,
        annotate=lambda kept: _annotations(kept, names, apart, name),
        cache=cache_folder(cache_dir) / "images",
        key=key_of(READING, info.full_name, listing, parts, dataclasses.asdict(options)),
        spec={
            "name": "tfds",
            "description": f"{info.full_name} of TensorFlow Datasets, split {split}.",
            "licence": _licence(info),
        },
    )


def _features(info: "tfds.core.DatasetInfo", name: str) -> tuple[str, str]:
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


def _examples(
    builder: "tfds.core.DatasetBuilder", parts: list[str], image: str, label: str
) -> Iterator[Example]:
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


def _annotations(kept: list[Example], names: Sequence[str], apart: bool, what: str) -> Annotations:
    held_out = np.array([example.held_out for example in kept]) if apart else None
    labels = [example.label for example in kept]
    known = {label for label in labels if label is None or label >= 0}  # -1 marks unknown ones
    if not names or None in known or not check_classes(len(known), what):
        return Annotations(None, (), held_out)
    return Annotations(np.array(labels), tuple(names), held_out)


def _licence(info: "tfds.core.DatasetInfo") -> str:
    licence = getattr(info.redistribution_info, "license", "") or "unknown"
    return f"{licence}: {info.homepage}" if info.homepage else licence
