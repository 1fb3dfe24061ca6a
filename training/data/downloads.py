"""Downloads of TensorFlow Datasets: announced first, refused at once where there is no network."""

import contextlib
import http.client
import io
import logging
import urllib.parse
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ganapp.training.data.download_progress import shown_progress

PATIENCE = 10.0  # seconds for a host to answer before it counts as not there
MIRROR = "https://storage.googleapis.com"  # where TensorFlow Datasets keeps some of them prepared


def quiet() -> None:
    """Keeps what TensorFlow Datasets says of its own work off the screen; errors stay.

    Its bars are one for every file and every shard; `download_and_prepare` shows one for all.
    """
    import tensorflow_datasets as tfds
    from absl import logging as absl_logging

    tfds.disable_progress_bar()
    absl_logging.set_verbosity(absl_logging.ERROR)


def download_and_prepare(builder: Any) -> None:
    """Downloads a data set after saying its size and where it goes, with a bar on a terminal.

    Args:
        builder: of TensorFlow Datasets, with nothing on the disk yet.

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
        if needs_hosts(builder):
            check_reachable([*urls, MIRROR])
        # It announces the download once more, which nobody needs.
        with shown_progress(builder, size), contextlib.redirect_stdout(io.StringIO()):
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


def needs_hosts(builder: Any) -> bool:
    """Whether all that is missing comes from hosts that can be asked beforehand.

    Not where some files come from elsewhere, such as a disk or a bucket, nor where some were
    downloaded before or put into the folder of manual downloads: TensorFlow Datasets takes these
    without a network, and it alone knows whether they suffice.

    Args:
        builder: of TensorFlow Datasets; one without urls is made of what is here.
    """
    urls = builder.url_infos or {}
    if not urls or not all(url.startswith(("http://", "https://")) for url in urls):
        return False
    folder = Path(builder.data_dir_root).expanduser() / "downloads"
    # Beside the folder of each data set lie the files of older versions, and what is unpacked.
    own = [*folder.glob("*"), *(folder / builder.name).rglob("*"), *folder.glob("manual/**/*")]
    return not any(path.is_file() and ".tmp." not in path.parent.name for path in own)


def check_reachable(urls: Iterable[str]) -> None:
    """Refuses when not one of the hosts answers.

    TensorFlow Datasets tries every file ten times and waits longer each time, which takes minutes
    where there is no network.

    Args:
        urls: of http and https.

    Raises:
        ConnectionError: with the first host and why it cannot be reached.
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
    """Why a host does not answer; empty if it does, whatever it says.

    Asked by the library that TensorFlow Datasets downloads with, so that both use the same proxies
    and trust the same certificates.
    """
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

    What the system said itself, such as that the disk is full, is the reason, whatever was being
    handled then.
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
