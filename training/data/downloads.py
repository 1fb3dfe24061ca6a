"""Downloads of TensorFlow Datasets: announced first, refused at once where there is no network."""

import contextlib
import http.client
import io
import logging
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PATIENCE = 10.0  # seconds for a host to answer before it counts as not there
MIRROR = "https://storage.googleapis.com"  # where TensorFlow Datasets keeps some of them prepared
UNREACHABLE = (OSError, http.client.HTTPException)  # URLError and timeouts are OSErrors


def quiet() -> None:
    """Keeps what TensorFlow Datasets says of its own work off the screen; errors stay.

    Its bars are one for every file and every shard; what a user has to know is said before.
    """
    import tensorflow_datasets as tfds
    from absl import logging as absl_logging

    tfds.disable_progress_bar()
    absl_logging.set_verbosity(absl_logging.ERROR)


def download_and_prepare(builder: Any) -> None:
    """Downloads a data set after saying its size and where it goes.

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
        if urls:  # else it is made of what is here
            check_reachable([*urls, MIRROR])
        with contextlib.redirect_stdout(io.StringIO()):  # it announces the download once more
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


def check_reachable(urls: Iterable[str]) -> None:
    """Refuses when not one of the hosts answers.

    TensorFlow Datasets tries every file ten times and waits longer each time, which takes minutes
    where there is no network.

    Args:
        urls: of the files; others than http and https are passed over.

    Raises:
        ConnectionError: with the first host and why it cannot be reached.
    """
    parsed = [urllib.parse.urlsplit(url) for url in urls]
    hosts = {part.netloc: part.scheme for part in parsed if part.scheme in ("http", "https")}
    if not hosts:
        return
    with ThreadPoolExecutor(len(hosts)) as pool:
        reasons = list(pool.map(_why_not, (f"{scheme}://{host}" for host, scheme in hosts.items())))
    if all(reasons):
        raise ConnectionError(f"{next(iter(hosts))}: {reasons[0]}")


def _why_not(url: str) -> str:
    """Why a host does not answer; empty if it does, whatever it says."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=PATIENCE).close()
    except urllib.error.HTTPError as error:
        error.close()
    except UNREACHABLE as error:
        return cause(getattr(error, "reason", error))
    return ""


def cause(error: Any) -> str:
    """The innermost reason of a network's error in a few words; the first line of any other."""
    while isinstance(error, UNREACHABLE) and (error.__cause__ or error.__context__):
        error = error.__cause__ or error.__context__
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size else "an unknown size"
