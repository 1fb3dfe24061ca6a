"""Two classic pictures: a GAN that collapses, and the divergences between covering and seeking.

    python -m benchmarks.classic_pictures                     # both, into docs/images
    python -m benchmarks.classic_pictures --picture skew --folder /tmp

Prints the tables of both. The runs of the first stay in `runs/classic/`.
"""

import argparse
from pathlib import Path

from benchmarks import classic_collapse, classic_skew
from benchmarks.running import ROOT


def draw_collapse(folder: Path, seed: int) -> str:
    """Draws `collapse.png`; returns its table."""
    cases = classic_collapse.collapse(seed=seed)
    _save(classic_collapse.picture(cases), folder / "collapse.png")
    return f"### Collapse\n\n{classic_collapse.table(cases)}"


def draw_skew(folder: Path, seed: int) -> str:
    """Draws `skew.png`; returns its table."""
    cases = [classic_skew.case(skew, seed=seed) for skew in classic_skew.SKEWS]
    _save(classic_skew.picture(cases), folder / "skew.png")
    seconds = sum(gan.seconds for case in cases for gan in case.gans)
    return f"### Skew\n\n{classic_skew.table(cases)}\n\nGANs trained in {seconds:.0f} s."


PICTURES = {"collapse": draw_collapse, "skew": draw_skew}


def _save(picture, path: Path) -> None:
    # 64 colours are enough for greys and five inks, and take a third of the bytes.
    picture.quantize(64).save(path, optimize=True)
    print(f"{path} ({path.stat().st_size / 1000:.0f} kB)", flush=True)


def main() -> None:
    """Draws the chosen pictures and prints their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", action="append", choices=PICTURES)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.picture or PICTURES:
        print(f"\n{PICTURES[name](arguments.folder, arguments.seed)}\n", flush=True)


if __name__ == "__main__":
    main()
