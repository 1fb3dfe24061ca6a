"""Categories of a table as one-hot entries and as points: `python -m benchmarks.embedded_columns`.

On a made-up table of cities: the commoner ones ten times the rarer, each in a country that it
decides, with two coordinates near its own place. A generator is trained with either; 5,000 of its
rows are beside as many other rows drawn from the same law. Prints total variations of cities and
countries, the share of rows whose country is the city's (legal), how far the coordinates lie from
the mean of the row's city, and how many cities were drawn. What has been trained is remembered.

Use: python -m benchmarks.embedded_columns [--cities 90] [--rows 6000] [--seeds 2]
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.running import ROOT, markdown, train

COUNTRIES, DRAWN = 10, 5000
HEAD = [
    "city is",
    "seed",
    "cities distance",
    "countries distance",
    "legal, %",
    "off",
    "cities drawn",
]
SETTINGS = {"one-hot": [], "embedded": ['data.embedded=["city"]']}


def table(cities: int, rows: int, seed: int) -> pd.DataFrame:
    """Rows of the same law; every city has two at least."""
    draw, law = np.random.default_rng(seed), np.random.default_rng(99)
    shares = 1 / (np.arange(cities) + cities / 9)
    whole = np.tile(np.arange(cities), 2)
    drawn = draw.choice(cities, rows - len(whole), p=shares / shares.sum())
    city = np.concatenate([whole, drawn])
    country = city % COUNTRIES
    centres = (
        2.0 * law.normal(size=(COUNTRIES, 2))[country] + 0.5 * law.normal(size=(cities, 2))[city]
    )
    places = (centres + 0.3 * draw.normal(size=(rows, 2))).round(3)
    names = {"city": [f"c{c:03d}" for c in city], "country": [f"l{c}" for c in country]}
    return pd.DataFrame(names | {"x": places[:, 0], "y": places[:, 1]})


def distance(first: pd.Series, second: pd.Series) -> float:
    """Total variation between the shares of two columns."""
    one, other = (column.value_counts(normalize=True) for column in (first, second))
    return 0.5 * one.sub(other, fill_value=0).abs().sum()


def figures(rows: pd.DataFrame, real: pd.DataFrame) -> list[str]:
    """Cells of the printed table."""
    country = real.drop_duplicates("city").set_index("city")["country"]
    means = real.groupby("city")[["x", "y"]].mean().loc[rows["city"]]
    off = np.sqrt(((rows[["x", "y"]].to_numpy() - means.to_numpy()) ** 2).mean())
    legal = (rows["city"].map(country).to_numpy() == rows["country"].to_numpy()).mean()
    distances = [distance(rows[name], real[name]) for name in ("city", "country")]
    cells = [f"{value:.3f}" for value in distances]
    return [*cells, f"{100 * legal:.1f}", f"{off:.2f}", str(rows["city"].nunique())]


def generated(options: argparse.Namespace, kind: str, seed: int, path: Path) -> pd.DataFrame:
    """Rows of a generator that was trained on the table."""
    name = f"{options.cities}-{options.rows}-{kind}-{seed}"
    settings = [f"data.path={path}", f"training.seed={seed}", *SETTINGS[kind]]
    run = train("benchmarks/embedded_columns.toml", name, settings, folder=path.parent.name)
    out = Path(run["directory"], "rows.csv")
    command = [sys.executable, "-m", "ganapp", "sample", run["directory"], "--out", str(out)]
    subprocess.run([*command, "--count", str(DRAWN)], cwd=ROOT, check=True, capture_output=True)
    return pd.read_csv(out)


def main() -> None:
    """Reads the command line, trains and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cities", type=int, default=90, help="at most 100, for one-hot entries")
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    path = ROOT / "runs" / "embedded_columns" / f"cities-{options.cities}-{options.rows}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    real = table(options.cities, options.rows, 0)
    real.to_csv(path, index=False)
    fresh = table(options.cities, options.rows, 1).sample(DRAWN, random_state=0)
    lines = [HEAD, ["fresh rows", "-", *figures(fresh, real)]]
    for seed in range(options.seeds):
        for kind in SETTINGS:
            lines.append([kind, str(seed), *figures(generated(options, kind, seed, path), real)])
    print(markdown(lines))


if __name__ == "__main__":
    main()
