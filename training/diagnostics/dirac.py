"""The smallest GAN there is, on which a method either converges or not: the Dirac-GAN.

The data are the single point 0, the generator is the single point theta, and the discriminator is
linear: f(x) = psi x + offset. Whatever follows the gradient of the losses is a vector field in the
plane of (theta, psi), and the eigenvalues of its Jacobian at the equilibrium (0, 0) say what
happens near it: all real parts below 0, it converges; imaginary ones, it goes round for ever (and
outwards, in steps of any size); a real part above 0, it leaves.

Reference: Mescheder et al., 2018, arXiv:1801.04406; consensus: Mescheder et al., 2017,
arXiv:1705.10461.
"""

import dataclasses
import functools
import itertools
import math
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from ganapp.training.diagnostics.dirac_critic import ROWS, DiracCritic, draws, examples, mean
from ganapp.training.objectives.base import Objective
from ganapp.training.terms import Term

FARTHEST_OFFSET = 5.0
LIMIT = 1e6  # a path that got here has left for good
# Relative to the largest eigenvalue; float32 leaves about 1e-7 where a real part is 0.
ZERO = 1e-4

# A smooth path of 30 units of time asks for about a thousand velocities.
MOST_VELOCITIES, SHORT_STEPS = 6000, 10
BESIDE = 1e-2  # velocities are float32

Verdict = Literal["converges", "neutral", "diverges", "no equilibrium"]


class _Chattering(Exception):
    """The solver is stuck at a kink of the field."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stability:
    """What `DiracGame.stability` found.

    `eigenvalues` complex `(2,)`, the higher imaginary part first; `jacobian` `(2, 2)` of
    (theta, psi); `verdict`; `largest_step`: the step size below which simultaneous gradient
    descent converges, too, 0 unless the flow does.
    """

    eigenvalues: np.ndarray
    jacobian: np.ndarray
    verdict: Verdict
    largest_step: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiracGame:
    """An objective, with or without remedies, played on the Dirac-GAN.

    Only the losses of the objective count: its own penalties and its constraint do not, and state
    stays as it starts. The discriminator's offset is the score that its loss wants when real and
    generated examples are the same, e.g. 1/2 for least squares with the targets 0 and 1; of many
    such scores, the one nearest to 0.

    Args:
        objective: any.
        penalties: added to the discriminator's loss, with the weight they have at step 0.
        noise: standard deviation of the normal noise on real and generated examples (instance
            noise), integrated by a Gauss-Hermite rule; at least 0.
        consensus: weight of the squared speed that both players also descend, at least 0.
    """

    objective: Objective
    penalties: tuple[Term, ...] = ()
    noise: float = 0.0
    consensus: float = 0.0

    def __post_init__(self) -> None:
        for field in ("noise", "consensus"):
            if not getattr(self, field) >= 0:
                raise ValueError(
                    f"`{field}` must be at least 0. Received: {field}={getattr(self, field)}"
                )

    def velocity(self, theta: float, psi: float) -> np.ndarray:
        """Minus each player's gradient of its own loss at (theta, psi): float64 `(2,)`."""
        return self._compiled_velocity(*_scalars(theta, psi)).numpy().astype(np.float64)

    def jacobian(self, theta: float = 0.0, psi: float = 0.0) -> np.ndarray:
        """Derivative of the velocity by (theta, psi): float64 `(2, 2)`."""
        exact = self._jacobian(*_scalars(theta, psi)).numpy().astype(np.float64)
        if np.isfinite(exact).all():
            return exact
        # TensorFlow's third derivative of `x**2` is NaN at 0, where many losses are.
        by_theta = self.velocity(theta + BESIDE, psi) - self.velocity(theta - BESIDE, psi)
        by_psi = self.velocity(theta, psi + BESIDE) - self.velocity(theta, psi - BESIDE)
        return np.stack([by_theta, by_psi], axis=1) / (2 * BESIDE)

    def stability(self) -> Stability:
        """Eigenvalues and verdict at (0, 0)."""
        jacobian = self.jacobian()
        eigenvalues = np.linalg.eigvals(jacobian)
        eigenvalues = eigenvalues[np.argsort(-eigenvalues.imag, kind="stable")].astype(complex)
        tolerance = ZERO * max(1.0, np.abs(eigenvalues).max())
        verdict = _verdict(eigenvalues.real, tolerance)
        if np.abs(self.velocity(0.0, 0.0)).max() > tolerance:
            verdict = "no equilibrium"
        largest = 0.0
        if verdict == "converges":
            # |1 + h z| < 1 for every eigenvalue z.
            largest = float(np.min(-2 * eigenvalues.real / np.abs(eigenvalues) ** 2))
        return Stability(
            eigenvalues=eigenvalues, jacobian=jacobian, verdict=verdict, largest_step=largest
        )

    def descend(
        self,
        start: tuple[float, float] = (1.0, 1.0),
        *,
        step_size: float = 0.1,
        steps: int = 500,
        alternating: bool = False,
        discriminator_steps: int = 1,
    ) -> np.ndarray:
        """Gradient descent of both players: the positions (theta, psi), float64 `(t + 1, 2)`.

        Ends before `steps` when a position is farther out than 1e6.

        Args:
            start: theta and psi.
            step_size: above 0.
            steps: generator updates.
            alternating: the discriminator moves first and the generator answers; otherwise both
                move at once.
            discriminator_steps: updates of psi in a step, when they alternate.
        """
        position = np.array(start, dtype=np.float64)
        path = [position.copy()]
        for _ in range(steps):
            if alternating:
                for _ in range(discriminator_steps):
                    position[1] += step_size * self.velocity(*position)[1]
                position[0] += step_size * self.velocity(*position)[0]
            else:
                position += step_size * self.velocity(*position)
            if not np.abs(position).max() < LIMIT:
                break
            path.append(position.copy())
        return np.array(path)

    def flow(
        self, start: tuple[float, float] = (1.0, 1.0), *, time: float = 30.0, points: int = 300
    ) -> np.ndarray:
        """The path of infinitely small steps: positions at equal times, float64 `(<= points, 2)`.

        Where the field has a kink (hinge) a solver that controls its error may cross it for ever in
        ever smaller steps; short steps of one size take its place then.

        Args:
            start: theta and psi.
            time: how long; a step of gradient descent takes the time of its size.
            points: positions to return.
        """

        def left(_, position):
            return LIMIT - np.abs(position).max()

        left.terminal = True
        calls = itertools.count(1)

        def speed(_, position):
            if next(calls) > MOST_VELOCITIES:
                raise _Chattering
            return self.velocity(*position)

        try:
            solution = solve_ivp(
                speed,
                (0.0, time),
                start,
                method="LSODA",  # a penalty may be stiff
                t_eval=np.linspace(0.0, time, points),
                events=left,
                rtol=1e-5,  # the losses are float32
                atol=1e-6,
            )
        except _Chattering:
            return self._short_steps(start, time / (points - 1), points)
        return solution.y.T

    def _short_steps(self, start: tuple[float, float], interval: float, points: int) -> np.ndarray:
        """Heun's method, `SHORT_STEPS` from one point to the next."""
        position, step = np.array(start, dtype=np.float64), interval / SHORT_STEPS
        path = [position]
        for taken in range(1, (points - 1) * SHORT_STEPS + 1):
            here = self.velocity(*position)
            position = position + step / 2 * (here + self.velocity(*(position + step * here)))
            if not np.abs(position).max() < LIMIT:
                break
            if taken % SHORT_STEPS == 0:
                path.append(position)
        return np.array(path)

    @functools.cached_property
    def offset(self) -> float:
        """The discriminator's score when real and generated examples are the same."""
        objective = self._objective

        def slope(offset: float) -> float:
            scores = tf.fill((ROWS, 1), np.float32(offset))
            with tf.GradientTape() as tape:
                tape.watch(scores)
                loss = tf.reduce_mean(objective.discriminator_loss(scores, scores))
            return float(tf.reduce_sum(tape.gradient(loss, scores)))

        here = slope(0.0)
        end = -math.copysign(FARTHEST_OFFSET, here)
        # The losses are convex. Without an end to the descent there is no best score: energies,
        # whose discriminator cannot score above 0.
        if abs(here) < 1e-6 or slope(end) * here > 0:
            return 0.0
        return float(brentq(slope, 0.0, end, xtol=1e-7))

    @property
    def _objective(self) -> Objective:
        return self.objective.with_state(self.objective.initial_state())

    @functools.cached_property
    def _critic(self) -> DiracCritic:
        return DiracCritic(self.offset)

    @functools.cached_property
    def _compiled_velocity(self) -> Any:
        """A graph: a path evaluates it a thousand times."""
        critic, both = self._critic, [tf.TensorSpec((), tf.float32)] * 2

        def velocity(theta, psi):
            critic.network.layers[-1].kernel.assign([[psi]])
            return tf.stack(self._velocity(critic, theta))

        # Concrete at once: TensorFlow warns of retracing when many games are made in a loop.
        # Nothing here is for AutoGraph to convert, which takes as long as all the rest.
        compiled = tf.function(velocity, input_signature=both, autograph=False)
        return compiled.get_concrete_function()

    def _jacobian(self, theta: tf.Tensor, psi: tf.Tensor) -> tf.Tensor:
        """Eagerly: a game is asked for it about once, and a graph takes much longer to make."""
        psi_variable = self._critic.network.layers[-1].kernel
        psi_variable.assign([[psi]])
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(theta)
            speeds = self._velocity(self._critic, theta)
        return tf.stack([_by_both(tape, speed, theta, psi_variable) for speed in speeds])

    def _velocity(self, critic: DiracCritic, theta: tf.Tensor) -> list[tf.Tensor]:
        psi = critic.network.layers[-1].kernel
        if not self.consensus:
            return self._descent(critic, theta, psi)
        with tf.GradientTape() as tape:
            tape.watch(theta)
            speeds = self._descent(critic, theta, psi)
            half_square = 0.5 * (speeds[0] ** 2 + speeds[1] ** 2)
        pull = _by_both(tape, half_square, theta, psi)
        return [speeds[i] - self.consensus * pull[i] for i in (0, 1)]

    def _descent(self, critic: DiracCritic, theta: tf.Tensor, psi: Any) -> list[tf.Tensor]:
        real, around, weights = examples(self.noise)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(theta)
            given = {"x": real}, {"x": theta + around}
            scores = [critic(each)["scores"] for each in given]
            generator_loss = mean(self._objective.generator_loss(*scores), weights)
            discriminator_loss = mean(self._objective.discriminator_loss(*scores), weights)
            draw = draws(len(weights))
            for penalty in self.penalties:
                values = penalty.discriminator_term(critic, *given, draw)
                with tf.init_scope():  # a number, whoever traces this
                    weight = float(penalty.weight_at(tf.constant(0, tf.int64)))
                discriminator_loss += weight * mean(values, weights)
        by_theta = _by_both(tape, generator_loss, theta, psi)[0]
        return [-by_theta, -_by_both(tape, discriminator_loss, theta, psi)[1]]


def _scalars(*values: float) -> list[tf.Tensor]:
    return [tf.constant(value, tf.float32) for value in values]


def _by_both(tape: tf.GradientTape, value: tf.Tensor, theta: tf.Tensor, psi: Any) -> tf.Tensor:
    """Gradient `(2,)` by theta and psi, 0 where there is no path."""
    gradients = tape.gradient(
        value, [theta, psi.value], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return tf.stack([tf.reshape(gradient, ()) for gradient in gradients])


def _verdict(real_parts: np.ndarray, tolerance: float) -> Verdict:
    if real_parts.max() > tolerance:
        return "diverges"
    return "converges" if real_parts.max() < -tolerance else "neutral"
