"""Runs the notebooks of docs/notebooks/ anew and writes their outputs into them.

python -m benchmarks.notebooks               # both; each took 5.5 minutes on two busy cores
python -m benchmarks.notebooks first_gan     # one

Each runs in an empty folder of its own. What it prints must hold no place of this machine, since
everybody reads it.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
LARGEST = 500_000  # bytes of a file
LONGEST = 1200  # seconds of a cell
KEPT = ("kernelspec", "language_info")  # of what a notebook says of itself


def run(path: Path) -> str:
    """The notebook with the outputs that its cells have now, as a file holds it.

    Raises:
        ValueError: an output names a place of this machine, or the file became too large.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=LONGEST,
            coalesce_streams=True,  # a progress bar is its last state
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    for output in (each for cell in notebook.cells for each in cell.get("outputs", [])):
        if "image/png" in output.get("data", {}):
            output.data.pop("image/jpeg", None)  # Pillow shows both
    notebook.metadata = {k: v for k, v in notebook.metadata.items() if k in KEPT}
    text = nbformat.writes(notebook) + "\n"
    places = [folder, str(Path.home()), str(FOLDER.parents[1]), sys.prefix]
    if told := [place for place in places if place in text]:
        raise ValueError(f"{path.name} must name no place of this machine. Received: {told}")
    if len(text) > LARGEST:
        raise ValueError(f"{path.name} may have {LARGEST:,} bytes. Received: {len(text):,}")
    return text


def main() -> None:
    names = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebook", nargs="*", choices=[[], *names], default=[])
    # The kernel is another process, to which warnings of Jupyter's own packages say nothing.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    for name in parser.parse_args().notebook or names:
        begin, path = time.monotonic(), FOLDER / f"{name}.ipynb"
        path.write_text(run(path), encoding="utf-8")
        size = path.stat().st_size / 1000
        print(f"{name}: {time.monotonic() - begin:.0f} s, {size:.0f} kB")


if __name__ == "__main__":
    main()
