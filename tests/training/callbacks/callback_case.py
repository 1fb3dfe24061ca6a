"""A model with the face that callbacks see, small enough to train in a millisecond."""

import keras
import numpy as np
import tensorflow as tf

NAMES = (
    "discriminator_loss",
    "generator_loss",
    "real_score",
    "fake_score",
    "score_gap",
    "real_score_std",
    "fake_score_std",
    "real_probability",
    "fake_probability",
    "generator_gradient_norm",
    "discriminator_gradient_norm",
    "penalty/r1",
    "penalty_weight/r1",
    "generator_learning_rate",
    "discriminator_learning_rate",
)


class StandIn(keras.Model):
    """Fits nothing; its steps count and its logs are a function of the step.

    Args:
        faults: logged names whose value becomes NaN, by the step at which it does.
        per_execution: steps in one execution.
    """

    objective = None

    def __init__(self, faults: dict[int, str] | None = None, per_execution: int = 1) -> None:
        super().__init__()
        self.faults = faults or {}
        self.step = tf.Variable(0, dtype=tf.int64)
        self.weight = tf.Variable([1.0, 2.0])
        self.ema_weight = tf.Variable([1.0, 2.0])
        self.compile(steps_per_execution=per_execution)

    def make_train_function(self, force=False):
        def train_function(iterator):
            for _ in range(self.steps_per_execution):
                next(iterator)
                self.step.assign_add(1)
                self.weight.assign(self.weight * 1.01)
                self.ema_weight.assign(0.9 * self.ema_weight + 0.1 * self.weight)
            return self._logs(int(self.step.numpy()))

        self.train_function = train_function

    def _logs(self, step):
        logs = {name: tf.constant(np.sin(step + i), tf.float32) for i, name in enumerate(NAMES)}
        for first, name in self.faults.items():
            if step >= first:
                logs[name] = tf.constant(np.nan)
        return logs

    def state(self):
        return {
            "generator": [self.weight],
            "ema_generator": [self.ema_weight],
            "counters": [self.step],
        }

    def inputs(self, count, *, seed=0):
        return {"z": tf.random.stateless_normal((count, 2), (seed, 0))}

    def generate(self, count=None, *, z=None, seed=0, ema=True, units=None):
        z = self.inputs(count, seed=seed)["z"] if z is None else z
        samples = (z * (self.ema_weight if ema else self.weight)).numpy()
        return samples if units is None else np.asarray(units(samples))

    def requested_labels(self, count, *, seed=0):
        return None

    judged_latents = ()

    def observation_rows(self, count):
        return {}

    def scores(self, examples, labels=None):
        return np.asarray(examples).sum(axis=1)

    def train(self, steps, callbacks, *, epoch=100):
        """One `fit` call of so many steps, in epochs of at most `epoch` steps."""
        data = tf.data.Dataset.from_tensors(tf.zeros((1, 2))).repeat()
        length = min(epoch, steps)
        return self.fit(
            data,
            epochs=steps // length,
            steps_per_epoch=length,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )


def at_step(step: int, action) -> keras.callbacks.Callback:
    """A callback that runs `action()` at the end of one step."""

    class AtStep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.step.numpy()) == step:
                action()

    return AtStep()
