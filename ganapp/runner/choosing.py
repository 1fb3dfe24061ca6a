"""The configuration of a new run: a preset or a file, other data in it, or data alone."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ganapp.config import Config, DataConfig
from ganapp.data_argument import data_table
from ganapp.errors import UserError
from ganapp.loading import config_path, load_config, read_toml, validated, validated_section
from ganapp.overrides import OF_EVERY_SOURCE, with_overrides
from ganapp.runner.automatic import automatic
from ganapp.runner.mistakes import as_user_errors


def chosen_config(
    preset_or_file: str | None,
    data: str | None,
    *,
    size: int | None,
    overrides: Sequence[str],
    console: Console,
) -> tuple[Config, str]:
    """What to train, and a name for its run.

    Args:
        preset_or_file: a preset's name or the path of a TOML file; without one a configuration is
            made for the data, and each choice is explained.
        data: instead of the preset's, see `data_table`.
        size: of images.
        overrides: `key=value` settings.
        console: where choices are explained.

    Raises:
        UserError: nothing to train on, or settings that do not fit.
    """
    if data is None:
        if preset_or_file is None:
            raise UserError("`train` takes a preset, a TOML file or --data.")
        if size is not None:
            raise UserError("`--size` is for the images of --data.")
        return load_config(preset_or_file, overrides), Path(preset_or_file).stem
    table = data_table(data, size=size)
    if preset_or_file is not None:
        raw = read_toml(config_path(preset_or_file))
        # What the networks are told of the examples is no matter of where these come from.
        told = {key: raw["data"][key] for key in OF_EVERY_SOURCE if key in raw.get("data", {})}
        raw["data"] = {**told, **table}
        return validated(with_overrides(raw, overrides), preset_or_file), Path(preset_or_file).stem
    of_data = [override for override in overrides if override.startswith("data.")]
    table = with_overrides({"data": table}, of_data)["data"]
    section = validated_section(DataConfig, table, "--data")
    with as_user_errors(section.source):
        source = section.build()
        # Clusters are no labels to judge by, and whoever asks for them says who is told.
        known = source.spec.classes and source.judged is source
        tables, reasons = automatic(source.spec, source.training_labels() if known else None)
    for reason in reasons:
        console.print(f"Chosen for these data: {reason}.", highlight=False, soft_wrap=True)
    return validated(with_overrides({"data": table, **tables}, overrides), "--data"), section.source
