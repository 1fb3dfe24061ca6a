"""`ganapp train`: a new run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.completion import complete_preset, complete_run
from ganapp.commands.options import SetOption, with_settings
from ganapp.config.presets import Tables, read_config
from ganapp.errors import UserError, as_user_errors
from ganapp.runs import RUNS, Run, check_free, claim_next, claim_run, next_directory, open_run
from ganapp.screen import console, say, start_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from ganapp.config.schema import Config
    from ganapp.training.data import DataSpec


def train(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="[PRESET_OR_TOML]",
            help="A preset's name or a TOML file; without one, --data decides.",
            autocompletion=complete_preset,
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="A data source, source:path, or a path: instead of the preset's data.",
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Of the images of --data: their height and width.")
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option(
            "--mirror",
            help="Train on each image and its mirror image; the same as --set data.mirror=true.",
        ),
    ] = False,
    epochs: Annotated[int | None, typer.Option(help="The same as --set training.epochs=N.")] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Run directory.", show_default="runs/<preset>-<NNNN>"),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="A run whose networks this one begins with, where they fit.",
            autocompletion=complete_run,
        ),
    ] = None,
    overrides: SetOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Prepare the data, validate, show the plan, then stop."),
    ] = False,
) -> None:
    """Train a GAN, then evaluate it and write its report."""
    if preset is not None:  # what is cheap to find out is said before TensorFlow loads
        read_config(preset)
    elif data is None:
        raise UserError("`train` takes a preset, a TOML file or --data.")
    options = {
        "--mirror": ("data.mirror", "true" if mirror else None),
        "--epochs": ("training.epochs", epochs),
    }
    settings = with_settings(overrides, options)
    other = None if start is None else open_run(start)
    start_tensorflow()
    from ganapp.config.loading import as_toml
    from ganapp.runner import training
    from ganapp.runner.experiment import compose
    from ganapp.training.distribution import is_chief

    config, name = new_config(preset, _data_table(data, size), settings)
    experiment, begun = compose(config), []
    if other is not None:
        from ganapp.runner.fine_tuning import start_from

        experiment, begun = start_from(experiment, other)
    planned = run or next_directory(RUNS, name)
    chief = is_chief(experiment.strategy)
    if chief:
        check_free(planned)
    training.show_plan(experiment, planned)
    for sentence in begun:
        say(f"- {sentence}", style="dim")
    if dry_run:
        with console.status("Timing a few steps..."):
            seconds, steps = training.training_seconds(experiment)
        say(
            f"time           {about_duration(seconds)} at {seconds / steps:.3g} s "
            "a step as measured now; evaluations and the report come on top"
        )
        console.print("Everything fits; no run was started (dry run).")
        if experiment.source.in_cache:
            console.print(f"What the data were made into stays in {config.data.cache}.")
        return
    claimed = Run(planned)
    if chief:
        toml = as_toml(config)
        claimed = claim_run(run, toml) if run else claim_next(RUNS, name, toml)
        if claimed.directory != planned:
            console.print(f"{planned} was taken meanwhile; the run goes to {claimed.directory}.")
    raise typer.Exit(training.run_to_end(experiment, claimed))


def _data_table(data: str | None, size: int | None) -> Tables | None:
    from ganapp.config.loading import data_table

    if data is not None:
        return data_table(data, size=size)
    if size is not None:
        raise UserError("`--size` is for the images of --data.")
    return None


def new_config(
    preset_or_file: str | None, table: Tables | None, overrides: Sequence[str]
) -> tuple[Config, str]:
    """What to train, and a name for its run: a preset, other data in it, or data alone.

    Args:
        preset_or_file: a name or a path.
        table: `data` of the configuration, instead of the preset's.
        overrides: `key=value` each.
    """
    from ganapp.config import loading

    if table is None:
        return loading.load_config(preset_or_file, overrides), Path(preset_or_file).stem
    if preset_or_file is None:
        return config_for_data(table, overrides)
    raw = loading.read_tables(preset_or_file)
    # Which classes the networks are given is no matter of where the examples come from.
    kept = {key: raw["data"][key] for key in loading.OF_EVERY_SOURCE if key in raw.get("data", {})}
    raw["data"] = {**kept, **table}
    return loading.validated(loading.with_overrides(raw, overrides), preset_or_file), Path(
        preset_or_file
    ).stem


def config_for_data(table: Tables, overrides: Sequence[str]) -> tuple[Config, str]:
    """A configuration made for data of which nothing else is known; each choice is explained."""
    from ganapp.config.loading import validated, with_overrides
    from ganapp.config.schema import DataConfig

    of_data = [override for override in overrides if override.startswith("data.")]
    table = with_overrides({"data": table}, of_data)["data"]
    section = validated(table, "`--data`", DataConfig)
    with as_user_errors(section.source):
        source = section.build()
        # Clusters are no labels to evaluate by, and whoever asks for them says who is given them.
        known = source.spec.classes and source.original is source
        tables, reasons = automatic(source.spec, source.training_labels() if known else None)
    for reason in reasons:
        say(f"Chosen for these data: {reason}.")
    return validated(with_overrides({"data": table, **tables}, overrides), "--data"), section.source


def about_duration(seconds: float) -> str:
    """A duration in words, as exactly as an estimate may be."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.2g} {unit}"
    return f"about {max(1, round(seconds))} seconds"


# A configuration for data that nobody has written one for, by kind, size, count and labels: what
# the shipped presets have in common, scaled. A penalty on the gradient that falls, no
# normalisation, Adam without momentum, an averaged generator; images as in the preset `mnist`.

# Below these a discriminator soon knows its images by heart (Karras et al., 2020,
# arXiv:2006.06676, see trouble below some ten thousand; Zhao et al., 2020, arXiv:2006.10738).
FEW_IMAGES = 10_000
SMALLEST_MAP, FINEST, WIDEST = 4, 32, 192  # side, and channels, of the networks' maps
# Halvings of images whose finest maps have `FINEST` channels. Of images of twice the side they have
# half as many, so that a step takes about as long; fewer than `FEWEST` are too few.
USUAL_HALVINGS, FEWEST = 3, 8
# Examples of the rarest class: fewer say too little of it for a generator of its own.
LEAST_OF_A_CLASS = 20
MOST_ONE_HOT = 32  # classes; more of them join the latent as learnt vectors
LEAST_LATENTS, MOST_LATENTS = 8, 64  # dimensions of a vector's prior
BATCH, STEPS, EPOCHS = 64, 6_000, 20
# Of lean networks: in as much work, four times as many steps of a quarter of the images made better
# photographs of 64x64 (docs/results.md).
LEAN_BATCH, LEAN_STEPS = 16, 12_000


def automatic(spec: DataSpec, labels: np.ndarray | None = None) -> tuple[Tables, list[str]]:
    """The tables of a configuration but for `[data]`, and a sentence on each choice.

    Args:
        spec: of the data.
        labels: int `(n,)` of the training examples, below 0 where unknown; `None` without labels.
    """
    return _vector(spec) if spec.kind == "vector" else _image(spec, labels)


def _image(spec: DataSpec, labels: np.ndarray | None) -> tuple[Tables, list[str]]:
    height, width = spec.shape[-3:-1]
    moving = spec.kind == "video"
    widths = image_channels(height, width, lean=not moving)
    lean = widths[0] < FINEST
    # No augmentation is for clips, or moves an observation with the image that belongs to it.
    few = spec.examples is not None and spec.examples < FEW_IMAGES
    few = few and not moving and not spec.conditions
    start, end = image_penalty(height * width, augmented=few)
    tables = {
        "generator": {
            "network": "dcgan",
            # The last doubling makes the image: as many maps of the same width as halvings.
            "channels": widths[:0:-1] or widths,
            "normalisation": "none",
            "upsampling": "transposed",
            "depth": 2,
            "output": "doubling",
            "prior": {"name": "normal", "size": 64},
            "optimizer": _adam(1e-3, 5e-5),
        },
        "discriminator": {
            "network": "dcgan",
            "channels": widths,
            "depth": 2,
            "optimizer": _adam(1e-3, 5e-5),
        },
        "objective": {
            "name": "non_saturating",
            "terms": {"r1": {"weight": {"start": start, "end": end}}},
        },
        **_length_and_samples(spec, *((LEAN_STEPS, LEAN_BATCH) if lean else (STEPS, BATCH))),
    }
    frames = f" and {spec.shape[0]} frames, made together" if moving else ""
    reasons = [
        f"networks: dcgan with {len(widths)} halvings, {widths[0]} to {widths[-1]} channels, for "
        f"{height} x {width} pixels{frames}"
        + (", few at the finest, where they take the most time" if lean else ""),
        f"penalty: R1 from {start:g} to {end:g}, by the side of the images"
        + (" and lower, because they are augmented" if few else ""),
    ]
    if lean:
        reasons.append(f"batches: of {LEAN_BATCH}, because more steps of fewer images learn more")
    if few:
        tables["objective"]["augmentations"] = {"diff_augment": {}}
        reasons.append(
            f"augmentation: diff_augment, because {spec.examples:,} images are few (below "
            f"{FEW_IMAGES:,}) and would be learnt by heart"
        )
    if spec.classes and labels is not None:
        reasons += _with_classes(tables, spec, labels)
    return tables, [*reasons, _length(tables)]


def _with_classes(tables: Tables, spec: DataSpec, labels: np.ndarray) -> list[str]:
    """Gives both networks the classes if there are enough images of each; sentences on that."""
    import numpy as np

    counts = np.bincount(labels[labels >= 0], minlength=max(2, len(spec.classes)))
    if counts.min() < LEAST_OF_A_CLASS:
        return [
            f"classes: not told to the networks, because one has {counts.min()} training examples "
            f"(below {LEAST_OF_A_CLASS})"
        ]
    tables["generator"]["condition"] = (
        "concatenation" if len(counts) <= MOST_ONE_HOT else "embedding"
    )
    tables["discriminator"]["condition"] = "projection"
    tables["evaluation"]["features"] = {"name": "classifier"}
    return [
        f"classes: the generator is told which of {len(counts)} to make and the discriminator "
        "looks at it, because that makes better samples (docs/results.md, MNIST); `--set "
        "generator.condition=none --set discriminator.condition=none` does without",
        "evaluation: in the features of a classifier that is trained on the labels first",
    ]


def _vector(spec: DataSpec) -> tuple[Tables, list[str]]:
    units, size = [128, 128, 128], max(LEAST_LATENTS, min(MOST_LATENTS, spec.shape[0]))
    weight = {"start": 0.2, "end": 0.002, "shape": "exponential"}
    tables = {
        "generator": {
            "network": "mlp",
            "units": units,
            "prior": {"name": "normal", "size": size},
            "optimizer": _adam(1e-3, 1e-5),
        },
        "discriminator": {"network": "mlp", "units": units, "optimizer": _adam(1e-3, 1e-5)},
        "objective": {
            "name": "relativistic",
            "terms": {"r1": {"weight": weight}, "r2": {"weight": weight}},
        },
        **_length_and_samples(spec, 10_000, 256),
    }
    reasons = [
        f"networks: mlp, {len(units)} layers of {units[0]}",
        f"prior: normal with {size} dimensions, as many as a network sees of an example, but no "
        f"fewer than {LEAST_LATENTS} and no more than {MOST_LATENTS}",
        "objective: relativistic, because comparing a real with a generated example leaves fewer "
        "modes out (Huang et al., 2024, arXiv:2501.05441)",
        f"penalties: R1 and R2 from {weight['start']:g} to {weight['end']:g}, because with both of "
        "them this objective converges (the same paper)",
    ]
    if spec.partly_labelled:
        tables["generator"]["condition"] = "concatenation"
        reasons.append(
            "classes: the generator is told which to make, because some rows lack their label and "
            "nothing else can learn from both kinds"
        )
    return tables, [*reasons, *_about_label(spec), _length(tables)]


def _about_label(spec: DataSpec) -> list[str]:
    from ganapp.training.messages import set_option

    table = spec.table
    if table is None or table.label or not table.one_hot:
        return []
    names = [table.names[place] for place in table.one_hot]
    shown = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
    return [
        f"label: none, so nothing says how useful the samples are; of the categories {shown} one "
        f"may be what is to be told: `{set_option('data.label', names[0])}`"
    ]


def image_channels(height: int, width: int, *, lean: bool = True) -> list[int]:
    """Channels of the discriminator's maps, fine to coarse: halved until 4 pixels are left.

    Lean ones have half the channels for twice the side from 64 pixels on. In as much work they
    made better photographs of 64x64 than with 32 at the finest maps (docs/results.md). Clips have
    their frames as channels of an image and need them all.
    """
    halvings = max(1, round(math.log2(max(height, width) / SMALLEST_MAP)))
    beyond = max(0, halvings - USUAL_HALVINGS) if lean else 0
    finest = max(FEWEST, FINEST // 2**beyond)
    return [min(WIDEST, finest * 2**place) for place in range(halvings)]


def image_penalty(pixels: int, *, augmented: bool = False) -> tuple[float, float]:
    """Weight of R1 at the start and at the end.

    It grows with the side: 2 suits 28x28 digits. It falls fourfold: where it fell tenfold, the
    discriminator learnt 9,000 digits by heart (docs/results.md). With augmentation, which keeps
    it from that as well, 0.2 suits 32x32 photographs: at 2.3 it hardly told 9,000 of them from
    generated ones.
    """
    of_a_pixel = 0.2 / 32 if augmented else 2.0 / 28
    start = float(f"{of_a_pixel * math.sqrt(pixels):.2g}")
    return start, float(f"{start / 4:.2g}")


def _adam(start: float, end: float) -> Tables:
    return {"learning_rate": {"start": start, "end": end}, "beta_1": 0.0, "beta_2": 0.99}


def _length_and_samples(spec: DataSpec, steps: int, most: int) -> Tables:
    batch, samples = most, 2500
    if spec.examples is not None:
        batch = min(most, 2 ** int(math.log2(spec.examples)))
        samples = max(50, min(10_000, spec.examples + spec.held_out))
    return {
        "training": {
            "epochs": EPOCHS,
            "steps_per_epoch": steps // EPOCHS,
            "batch_size": batch,
            "ema_half_life": 500.0 * batch,  # 500 steps, as in R3GAN
        },
        "evaluation": {"samples": samples},
    }


def _length(tables: Tables) -> str:
    training = tables["training"]
    steps = training["epochs"] * training["steps_per_epoch"]
    return (
        f"length: {steps:,} steps of {training['batch_size']} examples; `--epochs N` trains longer"
    )
