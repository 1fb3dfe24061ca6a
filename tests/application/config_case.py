"""Random valid configurations, and ways to walk through their tables."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

WIDTHS = st.lists(st.integers(1, 512), max_size=4)
NORMALISATIONS = st.sampled_from(["none", "layer"])
RATES = st.floats(1e-7, 10.0)
SEEDS = st.integers(0, 2**31 - 1)
CADENCES = st.integers(1, 10_000)


def table(required: dict, optional: dict) -> st.SearchStrategy[dict]:
    """Tables with all the required keys and some of the others."""
    return st.fixed_dictionaries(required, optional=optional)


def scheduled(numbers: st.SearchStrategy) -> st.SearchStrategy:
    """A number, or a table that moves it."""
    shape = st.sampled_from(["linear", "cosine", "exponential"])
    return numbers | table({"start": RATES, "end": RATES}, {"shape": shape})


OPTIMIZERS = table(
    {"learning_rate": scheduled(RATES)},
    {
        "clipnorm": RATES,
        "weight_decay": st.floats(0, 0.5),
        "gradient_accumulation_steps": st.integers(2, 64),
    },
) | table(
    {"name": st.just("adam"), "learning_rate": RATES},
    {"beta_1": st.floats(0, 0.99), "amsgrad": st.booleans(), "epsilon": RATES},
)
PRIORS = table({}, {"name": st.sampled_from(["normal", "uniform"]), "size": st.integers(1, 512)})
MLP = {"units": WIDTHS, "normalisation": NORMALISATIONS}
DCGAN = {"channels": WIDTHS.filter(bool), "normalisation": NORMALISATIONS}
GENERATORS = [
    table({"network": st.just(name)}, {**options, "prior": PRIORS, "optimizer": OPTIMIZERS})
    for name, options in {
        "mlp": MLP,
        "dcgan": {**DCGAN, "upsampling": st.sampled_from(["nearest", "transposed"])},
    }.items()
]
DISCRIMINATORS = [
    table({"network": st.just(name)}, {**options, "optimizer": OPTIMIZERS})
    for name, options in {
        "mlp": MLP,
        "dcgan": {**DCGAN, "downsampling": st.sampled_from(["strided", "average"])},
    }.items()
]
SOURCES = st.one_of(
    table({"source": st.just("digits")}, {"cache_dir": st.text(max_size=10)}),
    table({"source": st.just("ring")}, {"radius": RATES, "modes": st.integers(1, 100)}),
    table({"source": st.just("grid")}, {"spacing": RATES, "side": st.integers(1, 10)}),
)
CONSTRAINTS = st.one_of(
    st.just({"name": "none"}),
    st.just({"name": "spectral_norm"}),
    table({"name": st.just("weight_clip")}, {"limit": RATES}),
)
TERMS = st.dictionaries(
    st.sampled_from(["r1", "r2", "gradient_penalty"]),
    table({}, {"weight": scheduled(st.floats(0, 100))}),
    max_size=3,
)
OBJECTIVES = table(
    {
        "name": st.sampled_from(
            ["minimax", "non_saturating", "wgan", "wgan_gp", "hinge", "relativistic"]
        )
    },
    {
        "discriminator_steps": st.integers(1, 10),
        "terms": TERMS,
        "constraint": CONSTRAINTS,
    },
)
TRAINING = table(
    {},
    {
        "epochs": CADENCES,
        "steps_per_epoch": CADENCES,
        "batch_size": CADENCES,
        "seed": SEEDS,
        "deterministic": st.booleans(),
        "precision": st.sampled_from(["float32", "mixed_bfloat16", "mixed_float16"]),
        "replicas": st.integers(0, 8),
        "ema_half_life": st.integers(0, 10**6) | st.floats(0, 1e6),
        "ema_warm_up": st.floats(0, 1),
        "log_every": CADENCES,
        "keep_checkpoints": CADENCES,
    },
)
EVALUATION = table(
    {},
    {
        "samples": st.integers(50, 10_000),
        "reference": st.sampled_from(["all", "train"]),
        "neighbours": st.integers(1, 49),
        "metric": st.sampled_from(["frechet_distance", "coverage"]),
        "seed": SEEDS,
    },
)
CONFIGURATIONS = table(
    {
        "data": SOURCES,
        "generator": st.one_of(GENERATORS),
        "discriminator": st.one_of(DISCRIMINATORS),
        "objective": OBJECTIVES,
    },
    {"training": TRAINING, "evaluation": EVALUATION},
)


def places(tables: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every table and value below the root, tables before what they hold."""
    for key, value in tables.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def value_at(tables: dict[str, Any], path: tuple[str, ...]) -> Any:
    """What is at a path."""
    for key in path:
        tables = tables[key]
    return tables


def replaced(tables: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with another value at a path, which may be new."""
    changed = copy.deepcopy(tables)
    value_at(changed, path[:-1])[path[-1]] = value
    return changed
