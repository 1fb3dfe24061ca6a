"""Diagnosing a run: what theory says of its discriminator, and alarms with a remedy each."""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ganapp.errors import UserError
from ganapp.runner.compose import Experiment
from ganapp.runner.remedies import ruled_out
from ganapp.runner.same_data import (
    check_comparable,
    compose_run,
    moved_config,
    place_settings,
)
from ganapp.runner.summary import warn
from ganapp.runner.theory import Theory
from ganapp.runner.watching import columns_of, judged_alike
from ganapp.runs import Run, open_run
from ganapp.training.checkpoints import CheckpointError, load_latest
from ganapp.training.diagnostics import maps
from ganapp.training.diagnostics.alarms import (
    Alarm,
    lost_tails,
    low_coverage,
    low_precision,
    missing_modes,
)
from ganapp.training.diagnostics.duality import duality_gap
from ganapp.training.diagnostics.spectrum import spectrum
from ganapp.training.diagnostics.watch import Look, alarms_of, undecided_alarms
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.features.spaces import alarm_space
from ganapp.training.evaluation.metrics.lost_tails import KEY as LOST_TAILS
from ganapp.training.evaluation.metrics.lost_tails import LostTail
from ganapp.training.evaluation.report import undecided_note
from ganapp.training.files import write_atomically

POINTS = 2000  # scored of each kind
SEED = 2  # of the latents; the report's and the choice of the best use others


def diagnose(
    directory: Path,
    *,
    console: Console,
    as_json: bool = False,
    overrides: Sequence[str] = (),
    data: str | None = None,
) -> dict[str, Any]:
    """Looks for the reasons why a run fails; writes `diagnosis.json` and pictures beside it.

    The discriminator and the raw generator of the last checkpoint are looked at, because they
    played against each other.

    Args:
        directory: the run directory.
        console: where to write.
        as_json: print JSON instead of sentences.
        overrides: `data.key=value` settings of where the data lie.
        data: where the data lie now.

    Returns:
        What `diagnosis.json` says.

    Raises:
        UserError: if there is no run or no checkpoint.
    """
    run = open_run(directory)
    settings = [*overrides, *place_settings(run, data)]
    experiment = compose_run(run, moved_config(run, settings))
    check_comparable(experiment, run)
    step = _load_players(experiment, run)
    look = _look(experiment, run)
    folder = run.directory / "diagnosis"
    folder.mkdir(exist_ok=True)
    comparison = _compare(experiment, look, folder)
    of_report = [alarm.without(look.ruled_out) for alarm in _alarms_of_report(run)]
    found = [*alarms_of(look), *of_report]
    alarms = {alarm.key: alarm for alarm in found}.values()  # the report has seen more samples
    content = {
        "step": step,
        "alarms": [dataclasses.asdict(alarm) | {"sentence": alarm.sentence} for alarm in alarms],
        "undecided": undecided_alarms(
            look.series,
            training=len(look.training),
            held_out=len(look.held_out),
            fake=len(look.fake),
            columns=columns_of(experiment),
        ),
        "discriminator": comparison,
        "duality_gap": _duality_gap(experiment, look),
        "pictures": _draw(run, look, folder),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / "diagnosis.json", text)
    if as_json:
        console.print_json(text)
    else:
        _show(content, folder, console)
    return content


def _load_players(experiment: Experiment, run: Run) -> int:
    state = experiment.gan.state()
    wanted = {name: state[name] for name in ("generator", "discriminator")}
    try:
        step = load_latest(run.checkpoints, wanted, warn=warn)
    except CheckpointError as error:
        raise UserError(str(error)) from error
    if step is None:
        raise UserError(
            f"The run {run.directory} has no checkpoint yet; let it train longer, or continue it "
            f"with `python -m ganapp resume {run.directory}`."
        )
    return step


def _look(experiment: Experiment, run: Run) -> Look:
    """The players as they are, and what the run has recorded."""
    source, gan, spec = experiment.source, experiment.gan, experiment.spec
    training, training_labels = source.training_examples(POINTS)
    held_out, held_out_labels = source.held_out_examples(POINTS)
    inputs = [np.asarray(spec.to_model_units(real)) for real in (training, held_out)]
    labels = judged_alike(training_labels, held_out_labels)
    fake = gan.generate(POINTS, seed=SEED, ema=False)
    return Look(
        training=training,
        held_out=held_out,
        fake=np.asarray(spec.to_user_units(fake)),
        training_scores=gan.scores(inputs[0], labels[0]),
        held_out_scores=gan.scores(inputs[1], labels[1]),
        fake_scores=gan.scores(fake, gan.asked(POINTS, seed=SEED)),
        series=run.read_series(),
        every=experiment.cadences.log,
        objective=gan.objective,
        modes=source.modes,
        ruled_out=ruled_out(experiment),
        table=spec.table,
        features=alarm_space(spec),
    )


def _alarms_of_report(run: Run) -> list[Alarm]:
    """Alarms on the figures of the last evaluation, if there was one."""
    judged = (run.read_report() or {}).get("last")
    if judged is None:
        return []
    found = []
    for figure, alarm in (("precision", low_precision), ("coverage", low_coverage)):
        row = judged["figures"].get(figure, {})
        if None not in (row.get("matched"), row.get("floor")) and not any(found):
            counts = {"generated": row["matched_generated"], "real": row["matched_real"]}
            found.append(alarm(row["matched"], row["floor"], **counts))
    for figure, kind, shares in (
        ("modes", "modes", None),
        ("classes_found", "classes", "training_histogram"),
    ):
        details = judged["details"].get(figure, {})
        if sum(details.get("histogram", [])):
            counts = np.asarray(details[shares], float) if shares else None
            expected = None if counts is None else counts / counts.sum()
            found.append(
                missing_modes(
                    details["histogram"], expected, kind=kind, names=details.get("names", ())
                )
            )
    tails = [LostTail(**each) for each in judged["details"].get(LOST_TAILS, {}).get("found", [])]
    if tails:
        found.append(lost_tails(tails, generated=judged["figures"][LOST_TAILS]["generated"]))
    return [alarm for alarm in found if alarm is not None]


def _compare(experiment: Experiment, look: Look, folder: Path) -> dict[str, Any]:
    """The learnt discriminator beside the optimal one, where the data's density is known."""
    try:
        theory = Theory(experiment, look.held_out)
        compared = theory.compare(look.fake)
    except NotComputable as error:
        return {"reason": str(error)}
    compared.maps.save(folder / "maps.png")
    compared.calibration.save(folder / "calibration.png")
    exact = theory.quadrature(look.fake, compared.density)
    return compared.figures() | {"quadrature": exact}


def _duality_gap(experiment: Experiment, look: Look) -> dict[str, Any]:
    """How much either player gains by a little training alone; the reason where it has no value."""
    gan = experiment.gan
    if gan.packing > 1:
        return {"reason": "the discriminator judges packs"}
    if gan.classes:
        return {"reason": "the players go by classes"}
    real = np.asarray(experiment.spec.to_model_units(look.training))
    try:
        found = duality_gap(
            gan.generator,
            gan.discriminator,
            objective=gan.objective,
            real=real,
            latents=gan.sample_latents(len(real), seed=SEED + 1),
        )
    except NotComputable as error:
        return {"reason": str(error)}
    if not math.isfinite(found.gap):
        return {"reason": "the copies diverged"}
    if len(found.overshot) == 2:
        return dataclasses.asdict(found) | {
            "reason": f"undecided, because in {found.steps} steps neither copy became better than "
            f"the player it was made of (the value is {found.value:.4f}); at an equilibrium none "
            "can, but a copy that overshoots does not either"
        }
    return dataclasses.asdict(found)


def _draw(run: Run, look: Look, folder: Path) -> list[str]:
    picture = maps.score_histogram(look.training_scores, look.fake_scores, look.held_out_scores)
    picture.save(folder / "scores.png")
    try:
        found = spectrum(look.series.get("score_gap", []), every=look.every)
        maps.spectrum_picture(found).save(folder / "spectrum.png")
    except (NotComputable, ValueError):  # too short a run has no spectrum
        (folder / "spectrum.png").unlink(missing_ok=True)
    return sorted(str(path.relative_to(run.directory)) for path in folder.glob("*.png"))


def _show(content: dict[str, Any], folder: Path, console: Console) -> None:
    console.print(f"Discriminator and generator of step {content['step']:,}.", highlight=False)
    found = content["discriminator"]
    if "reason" in found:
        console.print(f"No comparison with the optimal discriminator: {found['reason']}.")
    else:
        learnt, floor = found["learnt"], found["floor"]
        for name, text in (
            ("absolute_error", "mean |D - D*|"),
            ("log_ratio_error", "mean |log r - log p/q|"),
            ("calibration_error", "calibration error"),
            ("value", "value E log D + E log(1 - D)"),
            ("optimal_value", "its optimum -log 4 + 2 JSD"),
            ("distance_to_half", "mean |D - 1/2|"),
        ):
            console.print(f"{text:<32}{learnt[name]:>9.4f}   floor {floor[name]:.4f}")
        if learnt["clipped"] > 0.01:
            console.print(
                f"At {learnt['clipped']:.0%} of the points a log ratio was cut at +-10: its error "
                "is a lower bound."
            )
        exact = found["quadrature"]
        by_quadrature = f"{exact['optimal_value']:.4f}" if "optimal_value" in exact else "-"
        console.print(f"{'-log 4 + 2 JSD by quadrature':<32}{by_quadrature:>9}")
        console.print(
            f"on {found['real']:,} real and {found['fake']:,} generated points; the generator's "
            f"density from {found['fitted']:,} others; floor: an optimal discriminator, likewise.",
            style="dim",
        )
    gap = content["duality_gap"]
    if "reason" in gap:
        console.print(f"No duality gap: {gap['reason']}.", soft_wrap=True)
    else:
        error = f"   standard error {gap['standard_error']:.4f}"
        console.print(f"{'local duality gap':<32}{gap['gap']:>9.4f}{error}")
        for player in gap["overshot"]:
            console.print(
                f"At least: in {gap['steps']} steps no better {player} was found, so how much it "
                "could gain is undecided."
            )
        console.print(
            f"{gap['worst_case']:.4f} against a better discriminator, {gap['best_response']:.4f} "
            f"against a better generator, {gap['value']:.4f} as they are; {gap['steps']} steps of "
            f"a copy of each, judged on {gap['judged']:,} examples; 0 at an equilibrium.",
            style="dim",
        )
    for alarm in content["alarms"]:
        console.print(f"Alarm ({alarm['name']}): {alarm['sentence']}", soft_wrap=True)
    if not content["alarms"]:
        decided = not content["undecided"]
        console.print("No alarm." if decided else "Nothing of what could be decided was found.")
    for sentence in undecided_note(content["undecided"]):
        console.print(sentence, soft_wrap=True)
    console.print(f"Pictures and figures: {folder}", soft_wrap=True)
