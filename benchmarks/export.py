"""What an export costs, and what its formats do: `python -m benchmarks.export [RUN]`.

Exports a run in all formats to a scratch folder, as a user does it, in a process of its own, and
prints the seconds and the tables of the model card: difference, figures, size and speed of each
format. Without a run the preset `digits` is trained first (about two minutes).

Use: python -m benchmarks.export [RUN] [--format NAME]... [--json FILE]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ganapp.export import card as cards

ROOT = Path(__file__).parents[1]


def ganapp(*arguments: str | Path) -> None:
    """Runs a command of ganapp in a process of its own; what it says is kept for a failure."""
    command = [sys.executable, "-m", "ganapp", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)


def exported(run: Path, formats: list[str]) -> tuple[dict, dict]:
    """The card of an export and the seconds it took: by the clock, and of the processors."""
    with tempfile.TemporaryDirectory() as folder:
        options = [word for name in formats for word in ("--format", name)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        ganapp("export", run, "--out", Path(folder, "export"), *options)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        ganapp("verify", Path(folder, "export"))
        seconds = {
            "export": wall,
            "processors": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "verify": time.perf_counter() - start,
        }
        return json.loads(Path(folder, "export", "model_card.json").read_text()), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="a run directory")
    parser.add_argument("--format", action="append", default=[], help="all if none is named")
    parser.add_argument("--json", type=Path, help="where to write what was measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = options.run and options.run.resolve()
        if run is None:
            run = Path(folder, "digits")
            ganapp("train", "digits", "--run", run)
        card, seconds = exported(run, options.format)
    print(
        f"Exported and verified in {seconds['export']:.0f} s ({seconds['processors']:.0f} s of the "
        f"processors), verified again in {seconds['verify']:.0f} s.\n"
    )
    for part in (cards.differences_table, cards.quality_table, cards.speed_table):
        print("\n".join(part(card)), end="\n\n")
    if options.json:
        options.json.write_text(json.dumps({"seconds": seconds, "card": card}, indent=2))


if __name__ == "__main__":
    main()
