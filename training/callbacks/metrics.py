"""The scalars of a run in `metrics.jsonl`, one JSON object a line."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ganapp.training.callbacks import Logs, StepCallback
from ganapp.training.diagnostics.alarms import Alarm
from ganapp.training.files import parse_json, write_atomically


class MetricsLog(StepCallback):
    """Appends `{"step": ..., <every scalar of the step>}` to a file of JSON lines.

    No row holds a time or a speed: the file is a function of the run's configuration, and an
    interrupted and resumed run writes it byte for byte like an unbroken one. Values that are not
    finite become `null`, which is what JSON has for them.

    Args:
        path: the file; it is created with its folder when the first row is written.
        every: steps between two rows.
        last: see `StepCallback`.
    """

    def __init__(self, path: str | Path, every: int, *, last: int | None = None) -> None:
        super().__init__(every, last=last)
        self.path = Path(path)

    def on_step(self, step: int, logs: Logs) -> None:
        self._append({"step": step, **_finite(logs)})

    def evaluation(self, step: int, values: Mapping[str, float]) -> None:
        """Appends `{"step": step, "evaluation": values}`; fits `Evaluate(sinks=...)`."""
        self._append({"step": step, "evaluation": _finite(values)})

    def alarms(
        self, step: int, distances: Mapping[str, float], alarms: Sequence[Alarm] | None
    ) -> None:
        """Appends distances under `"watch"`, and alarms where examples were examined."""
        row: dict[str, object] = _finite(distances)
        if alarms is not None:
            row["alarms"] = {alarm.key: alarm.sentence for alarm in alarms}
        self._append({"step": step, "watch": row})

    def theory(self, step: int, figures: Mapping[str, float], picture: object = None) -> None:
        """Appends figures under `"theory"`; fits `CompareWithTheory(sinks=...)`."""
        self._append({"step": step, "theory": _finite(figures)})

    def _append(self, row: Mapping[str, object]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")  # closing flushes the line


def truncate_metrics(path: str | Path, step: int) -> int:
    """Drops the rows that a resumed run writes again; the rest keeps its bytes.

    Args:
        path: a file written by `MetricsLog`; it need not exist.
        step: the restored step. Rows of later steps go, and lines that are half written.

    Returns:
        How many lines were dropped.
    """
    path = Path(path)
    if not path.exists():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if _is_kept(line, step)]
    if len(kept) < len(lines):
        write_atomically(path, b"".join(kept))
    return len(lines) - len(kept)


def _is_kept(line: bytes, step: int) -> bool:
    try:
        return line.endswith(b"\n") and parse_json(line)["step"] <= step
    except (ValueError, KeyError, TypeError):
        return False


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    # Keras has already turned scalar tensors into Python floats (`pythonify_logs`).
    numbers = {name: float(value) for name, value in values.items()}
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
