"""`ganapp diagnose`: why a run fails, by theory and alarms; the game of one parameter."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.options import DataOption, OptionalRun, check_file
from ganapp.errors import UserError
from ganapp.runs import Json, Run, open_run
from ganapp.screen import console, say, start_tensorflow

if TYPE_CHECKING:
    from ganapp.runner.experiment import Experiment
    from ganapp.training.diagnostics.alarms import Alarm, Snapshot

POINTS = 2000  # scored of each kind
SEED = 2  # of the latents; the report's and the choice of the best use others


def diagnose(
    run: OptionalRun = None,
    dirac: Annotated[
        bool,
        typer.Option("--dirac", help="Draw every objective on the one-parameter game instead."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Picture of --dirac, .png [default: dirac.png].")
    ] = None,
    objectives: Annotated[
        list[str] | None,
        typer.Option("--objective", help="Of --dirac; may be repeated [default: all]."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Of RUN: data.path, where its data lie."),
    ] = None,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Of RUN; print as JSON.")] = False,
) -> None:
    """Say why a run fails: theory against what was learnt, and alarms with a remedy each."""
    if dirac == (run is not None):
        raise UserError("`diagnose` takes either a run directory or --dirac.")
    if dirac and as_json:
        raise UserError("`--json` is for a run; `diagnose --dirac` draws a picture.")
    if dirac and (overrides or data is not None):
        raise UserError("`--set` and `--data` are for a run; `diagnose --dirac` has no data.")
    if not dirac and (objectives or out is not None):
        raise UserError("`--objective` and `--out` are for `diagnose --dirac`, not for a run.")
    if dirac:
        _draw_dirac(objectives or [], out or Path("dirac.png"))
    else:
        _diagnose(open_run(run), overrides or [], data, as_json)


def _draw_dirac(names: Sequence[str], out: Path) -> None:
    """Draws the one-parameter game of objectives, `ROWS` to a page (Mescheder et al., 2018)."""
    start_tensorflow()
    from ganapp.training.diagnostics.dirac import ROWS, dirac_page
    from ganapp.training.objectives import OBJECTIVES
    from ganapp.training.registry import UnknownNameError

    check_file("--out", out, (".png",))
    try:
        chosen = [OBJECTIVES[name]() for name in names or OBJECTIVES]
    except UnknownNameError as error:
        raise UserError(str(error)) from error
    starts = range(0, len(chosen), ROWS)
    for number, start in enumerate(starts, start=1):  # each page is kept as soon as it is drawn
        page = dirac_page(chosen[start : start + ROWS])
        path = out if number == 1 else out.with_name(f"{out.stem}-{number}{out.suffix}")
        page.save(path)
        say(f"{path}: {page.width} x {page.height} pixels.")


def _diagnose(run: Run, overrides: Sequence[str], data: str | None, as_json: bool) -> None:
    """Writes `diagnosis.json` and pictures about the last checkpoint.

    Its discriminator and raw generator are examined, because they played against each other.
    """
    start_tensorflow()
    from ganapp.runner import saved_runs
    from ganapp.runner.diagnosis import examiner, impossible_alarms
    from ganapp.training.diagnostics.alarms import find_alarms
    from ganapp.training.files import write_atomically

    config = saved_runs.moved_config(run, overrides, data)
    experiment = saved_runs.compose_run(run, config)
    saved_runs.check_comparable(experiment, run)
    networks = ("generator", "discriminator", *experiment.gan.companion_networks)
    step = saved_runs.load_networks(experiment.gan, run, names=networks)
    snapshot = examiner(experiment, run, POINTS, SEED).snapshot()
    folder = run.directory / "diagnosis"
    folder.mkdir(exist_ok=True)
    comparison = _compare(experiment, snapshot, folder)
    of_report = [alarm.without(snapshot.ruled_out) for alarm in _alarms_of_report(run)]
    found = [*find_alarms(snapshot), *of_report]
    alarms = {alarm.key: alarm for alarm in found}.values()  # the report has seen more samples
    content = {
        "step": step,
        "alarms": [dataclasses.asdict(alarm) | {"sentence": alarm.sentence} for alarm in alarms],
        "undecided": impossible_alarms(run, experiment, POINTS),
        "discriminator": comparison,
        "duality_gap": _duality_gap(experiment, snapshot),
        "pictures": _draw(run, snapshot, folder),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / "diagnosis.json", text)
    if as_json:
        console.print_json(text)
    else:
        _show(content, folder)


def _alarms_of_report(run: Run) -> list[Alarm]:
    import numpy as np

    from ganapp.training.diagnostics import alarms
    from ganapp.training.evaluation.metrics.lost_tails import KEY as LOST_TAILS
    from ganapp.training.evaluation.metrics.lost_tails import LostTail

    evaluated = (run.read_report() or {}).get("last")
    if evaluated is None:
        return []
    figures, details, found = evaluated["figures"], evaluated["details"], []
    for figure, alarm in (("precision", alarms.low_precision), ("coverage", alarms.low_coverage)):
        row = figures.get(figure, {})
        if None not in (row.get("matched"), row.get("floor")) and not any(found):
            counts = {"generated": row["matched_generated"], "real": row["matched_real"]}
            found.append(alarm(row["matched"], row["floor"], **counts))
    for figure, kind, shares in (
        ("modes", "modes", None),
        ("classes_found", "classes", "training_histogram"),
    ):
        known = details.get(figure, {})
        if sum(histogram := known.get("histogram", [])):
            counts = np.asarray(known[shares], float) if shares else None
            expected = None if counts is None else counts / counts.sum()
            names = known.get("names", ())
            found.append(alarms.missing_modes(histogram, expected, kind=kind, names=names))
    if tails := [LostTail(**each) for each in details.get(LOST_TAILS, {}).get("found", [])]:
        found.append(alarms.lost_tails(tails, generated=figures[LOST_TAILS]["generated"]))
    return [alarm for alarm in found if alarm is not None]


def _compare(experiment: Experiment, snapshot: Snapshot, folder: Path) -> Json:
    """The learnt discriminator beside the optimal one, where the data's density is known."""
    from ganapp.runner.diagnosis import Theory
    from ganapp.training.evaluation.checks import NotComputable

    if reason := _of_script(experiment):
        return {"reason": reason}
    try:
        theory = Theory(experiment, snapshot.held_out)
        compared = theory.compare(snapshot.fake)
    except NotComputable as error:
        return {"reason": str(error)}
    compared.maps.save(folder / "maps.png")
    compared.calibration.save(folder / "calibration.png")
    exact = theory.quadrature(snapshot.fake, compared.density)
    return compared.figures() | {"quadrature": exact}


def _duality_gap(experiment: Experiment, snapshot: Snapshot) -> Json:
    """How much either player gains by a little training alone; the reason where it has no value."""
    import numpy as np

    from ganapp.training.diagnostics.duality import duality_gap
    from ganapp.training.evaluation.checks import NotComputable

    gan = experiment.gan
    if reason := _of_script(experiment):
        return {"reason": reason}
    if gan.packing > 1:
        return {"reason": "the discriminator judges packs"}
    if gan.classes:
        return {"reason": "the players go by classes"}
    if gan.judged_latents:
        return {"reason": "the discriminator judges latents beside the example"}
    if gan.conditions or set(gan.latent_sizes) != {"z"}:
        return {"reason": "the generator takes more than the latent z"}
    real = np.asarray(experiment.spec.to_model_units(snapshot.training))
    latents = gan.inputs(len(real), seed=SEED + 1)["z"]
    try:
        found = duality_gap(
            gan.generator, gan.discriminator, objective=gan.objective, real=real, latents=latents
        )
    except NotComputable as error:
        return {"reason": str(error)}
    if not math.isfinite(found.gap):
        return {"reason": "the copies diverged"}
    if len(found.overshot) < 2:
        return dataclasses.asdict(found)
    return dataclasses.asdict(found) | {
        "reason": f"undecided, because in {found.steps} steps neither copy became better than "
        f"the player it was made of (the value is {found.value:.4f}); at an equilibrium none "
        "can, but a copy that overshoots does not either"
    }


def _of_script(experiment: Experiment) -> str | None:
    """Why nothing that needs the losses can be said of what a script has trained."""
    script = experiment.config.script
    if script is None or not script.unknown:
        return None
    return f"the script that trained it has what is not registered: {', '.join(script.unknown)}"


def _draw(run: Run, snapshot: Snapshot, folder: Path) -> list[str]:
    from ganapp.training.diagnostics import plots
    from ganapp.training.diagnostics.spectrum import spectrum
    from ganapp.training.evaluation.checks import NotComputable

    picture = plots.score_histogram(
        snapshot.training_scores, snapshot.fake_scores, snapshot.held_out_scores
    )
    picture.save(folder / "scores.png")
    try:
        found = spectrum(snapshot.series.get("score_gap", []), every=snapshot.every)
        plots.spectrum_picture(found).save(folder / "spectrum.png")
    except (NotComputable, ValueError):  # too short a run has no spectrum
        (folder / "spectrum.png").unlink(missing_ok=True)
    return sorted(str(path.relative_to(run.directory)) for path in folder.glob("*.png"))


def _show(content: Json, folder: Path) -> None:
    from ganapp.training.evaluation.report import undecided_note

    console.print(f"Discriminator and generator of step {content['step']:,}.")
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
        say(f"No duality gap: {gap['reason']}.")
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
        say(f"Alarm ({alarm['name']}): {alarm['sentence']}")
    if not content["alarms"]:
        decided = not content["undecided"]
        console.print("No alarm." if decided else "Nothing of what could be decided was found.")
    for sentence in undecided_note(content["undecided"]):
        say(sentence)
    say(f"Pictures and figures: {folder}")
