"""Keras callbacks that record, evaluate and protect a training run.

They act on *completed generator steps*, never on epochs, and use the public methods of the model
alone (`step`, `generate`, `inputs`, `scores`). The order in the list given to `fit` counts:

1. `TerminateOnNonFinite`: nothing below may record or save a diverged step;
2. `MetricsLog`, `TensorBoardLog`, `SampleGrids`;
3. `Evaluate`, which also keeps the best checkpoint; `RaiseAlarms`, which reads what the ones before
   it have recorded; `CompareWithTheory`;
4. `CheckpointEvery`: whatever a step has to record is on disk before the step can be restored, so
   a run killed at any moment and resumed writes the same `metrics.jsonl` as one never killed;
5. `Interrupt`, then `ProgressDisplay`.
"""
