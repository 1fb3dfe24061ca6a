"""A small table in a file, and a configuration that trains on it for a moment."""

import numpy as np
import pandas as pd

TABLE = """
[data]
source = "csv"
path = "{path}"
label = "city"
components = 2
[generator]
network = "mlp"
units = [8]
prior = {{ name = "normal", size = 4 }}
[discriminator]
network = "mlp"
units = [8]
[objective]
name = "relativistic"
[training]
epochs = 2
steps_per_epoch = 6
batch_size = 16
log_every = 4
checkpoint_every = 6
sample_every = 12
evaluate_every = 12
[evaluation]
samples = 60
baseline_components = 2
"""


def people(rows: int = 150) -> pd.DataFrame:
    """Age, one of two cities that goes by it, an income with holes, and a constant."""
    draw = np.random.default_rng(0)
    age = draw.integers(18, 90, rows)
    city = np.array(["Oslo", "Łódź"])[(age + draw.integers(0, 9, rows) > 50).astype(int)]
    income = np.round(np.exp(draw.normal(10, 0.5, rows)), 2)
    frame = pd.DataFrame({"age": age, "city": city, "income": income, "land": "IT"})
    frame.loc[::9, "income"] = np.nan
    return frame
