"""All baselines on one data set: what each reaches, and the seconds it takes.

    python -m benchmarks.baselines                       # on digits
    python -m benchmarks.baselines --data moons --name metropolis --name vae

Each is fitted by `ganapp baseline` with its default options, in a process of its own, so that the
seconds hold no other's. Start it with `taskset -c 0` for the seconds of one core.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.running import ROOT, cell, markdown

FIGURES = (
    "precision",
    "recall",
    "density",
    "coverage",
    "frechet_distance",
    "kernel_distance",
    "class_kl",
    "memorised",
    "held_out_log_density",
    "held_out_elbo",
    "acceptance_rate",
    "effective_samples",
    "fit_seconds",
    "sample_seconds",
)
OF_EXAMPLES = (
    "gaussian",
    "mixture",
    "kernel_density",
    "pca_gaussian",
    "autoencoder_mixture",
    "vae",
)


def measure(name: str, data: str, folder: Path, settings: list[str]) -> dict:
    """The report of one baseline."""
    options = [option for setting in settings for option in ("--set", setting)]
    command = ["baseline", name, data, "--json", *options, "--out", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "ganapp", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def column(report: dict) -> dict[str, float | None]:
    """What the table shows of one report."""
    (row,) = report["baselines"]
    seconds = {key: row[key] for key in ("fit_seconds", "sample_seconds")}
    return row["figures"] | row["facts"] | seconds


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--name", action="append", choices=(*OF_EXAMPLES, "metropolis"))
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "baselines")
    arguments = parser.parse_args()
    columns, report = {}, {}
    for name in arguments.name or OF_EXAMPLES:
        folder = arguments.out / f"{arguments.data.replace('/', '-')}-{name}"
        for number in range(1, 10_000):  # a folder holds one report
            place = folder.with_name(f"{folder.name}-{number:04d}")
            if not place.exists():
                break
        report = measure(name, arguments.data, place, arguments.settings)
        columns[name] = column(report)
        print(f"{name}: {columns[name]['fit_seconds']} s", file=sys.stderr, flush=True)
    last = report["last"]
    columns["floor"] = {key: figure["floor"] for key, figure in last["figures"].items()}
    rows = [["figure", *columns]]
    for figure in FIGURES:
        values = [values.get(figure) for values in columns.values()]
        if any(value is not None for value in values):
            rows.append([figure.replace("_", " "), *map(cell, values)])
    counts = last["counts"]
    print(
        f"### {last['data']}: {counts['generated']:,} samples, fitted on {counts['train']:,} "
        f"examples\n\n{markdown(rows)}"
    )


if __name__ == "__main__":
    main()
