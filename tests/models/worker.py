"""One worker of a run on several processes; prints its losses and weights as JSON.

TF_CONFIG says which worker of how many; `run` is also what the parity test calls locally.
"""

import json
import os
import sys
from pathlib import Path


def run(strategy, steps_per_execution: int) -> dict:
    """Trains a tiny GAN for six steps; losses of the last of each execution and all weights."""
    import keras
    from case import BATCH, tiny_gan, train, weights

    from ganapp.training.data import training_batches
    from ganapp.training.data.densities import ring
    from ganapp.training.objectives import NonSaturating
    from ganapp.training.terms import GradientPenalty

    gan = tiny_gan(
        NonSaturating(discriminator_steps=2, terms=(GradientPenalty(),)),
        strategy=strategy,
        # Small enough that the penalty does not blow rounding up from step to step.
        optimizer=lambda: keras.optimizers.SGD(0.01),
        steps_per_execution=steps_per_execution,
    )
    data = training_batches(ring(), batch_size=2 * BATCH, seed=3, strategy=strategy)
    losses = []

    class Losses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses.append({key: float(value) for key, value in logs.items()})

    train(gan, 6, data, callbacks=[Losses()])
    values = {part: [a.tolist() for a in arrays] for part, arrays in weights(gan).items()}
    return {"losses": losses, "weights": values, "step": int(gan.step.numpy())}


def main() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    print("RESULT" + json.dumps(run(strategy, 2)), flush=True)
    os._exit(0)  # the collective runtime may hang in its own shutdown when the other has gone


if __name__ == "__main__":
    main()
