"""The Dirac-GAN, the smallest GAN there is: whether an objective converges on it, and its picture.

The data are the single point 0, the generator is the single point theta, and the discriminator is
linear: f(x) = psi x + offset. Whatever follows the gradient of the losses is a vector field in the
plane of (theta, psi), and the eigenvalues of its Jacobian at the equilibrium (0, 0) say what
happens near it: all real parts below 0, it converges; imaginary ones, it goes round for ever (and
outwards, in steps of any size); a real part above 0, it leaves.

`dirac_page` draws every objective with every remedy. In each panel: arrows along the vector field,
the path of the flow (thick), that of simultaneous gradient descent from the same start (thin,
dotted), the equilibrium (cross), and above, the eigenvalues at the equilibrium with the verdict.

Reference: Mescheder et al., 2018, arXiv:1801.04406; consensus: Mescheder et al., 2017,
arXiv:1705.10461.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypedDict

import keras
import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from PIL import Image
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from ganapp.training.diagnostics.plots import HELD_OUT_COLOUR
from ganapp.training.evaluation.pictures import (
    LAST_COLOUR,
    MODE_COLOUR,
    REAL_COLOUR,
    SAMPLE_COLOUR,
    new_figure,
    render,
)
from ganapp.training.objectives.base import Objective
from ganapp.training.terms import R1, GradientPenalty, Tensors, Term

FARTHEST_OFFSET = 5.0
LIMIT = 1e6  # a path that got here has left for good
# Relative to the largest eigenvalue; float32 leaves about 1e-7 where a real part is 0.
ZERO = 1e-4

# A smooth path of 30 units of time asks for about a thousand velocities.
MOST_VELOCITIES, SHORT_STEPS = 6000, 10
BESIDE = 1e-2  # velocities are float32

Verdict = Literal["converges", "neutral", "diverges", "no equilibrium"]


class GameOptions(TypedDict, total=False):
    """Terms beside the losses, as arguments of `DiracGame`."""

    terms: tuple[Term, ...]
    noise: float
    consensus: float


NODES = 12  # of the Gauss-Hermite rule: exact for polynomials of degree 23
EXAMPLES = 8  # without noise: equal examples, but for the positions of interpolating penalties

ROWS = 5  # objectives on a page
REACH = 2.5  # of each panel, from the equilibrium
START, TIME, STEP_SIZE = (1.0, 1.0), 30.0, 0.1
ARROWS = 9  # along each axis
# A slope this steep is no slope: the field jumps at the equilibrium.
JUMP = 1e4
COLOURS = {
    "converges": HELD_OUT_COLOUR,
    "neutral": "#e08a00",
    "diverges": MODE_COLOUR,
    "no equilibrium": MODE_COLOUR,
}
# By the name of the column. A gradient penalty with its usual weight of 10 goes round a circle too
# large for the panel.
REMEDIES: Mapping[str, GameOptions] = MappingProxyType(
    {
        "losses alone": {},
        "R1, weight 1": {"terms": (R1(weight=1.0),)},
        "gradient penalty, weight 1": {"terms": (GradientPenalty(weight=1.0),)},
        "instance noise, sigma 1": {"noise": 1.0},
        "consensus, weight 0.5": {"consensus": 0.5},
    }
)


class _Chattering(Exception):
    """The solver is stuck at a kink of the field."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stability:
    """The result of `DiracGame.stability`.

    `eigenvalues` complex `(2,)`, the higher imaginary part first; `jacobian` `(2, 2)` of
    (theta, psi); `verdict`; `largest_step`: the step size below which simultaneous gradient
    descent converges, too, 0 unless the flow does.
    """

    eigenvalues: np.ndarray
    jacobian: np.ndarray
    verdict: Verdict
    largest_step: float


class DiracCritic:
    """f(x) = psi x + offset as penalties see a discriminator; psi is its network's only weight."""

    def __init__(self, offset: float) -> None:
        inputs = keras.Input((1,))
        scores = keras.layers.Dense(1, use_bias=False, name="scores", dtype="float32")(inputs)
        self.network, self.offset = keras.Model(inputs, scores), offset
        self.networks = {"discriminator": self.network}
        self.companions = {}

    def __call__(self, tensors: Tensors) -> Tensors:
        """Raw scores `(batch, 1)` of examples `(batch, 1)`, and the examples as features."""
        x = tensors["x"]
        return {"scores": self.network(x, training=True) + self.offset, "features": x}

    def gradient(self, tensors: Tensors) -> tf.Tensor:
        """psi for every example, `(batch, 1)`."""
        return tf.ones_like(tensors["x"]) * self.network.layers[-1].kernel.value


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiracGame:
    """An objective, with or without remedies, played on the Dirac-GAN.

    Only the losses of the objective count: its own penalties and its constraint do not, and state
    stays as it starts. The discriminator's offset is the score that its loss wants when real and
    generated examples are the same, e.g. 1/2 for least squares with the targets 0 and 1; of many
    such scores, the one nearest to 0.

    Args:
        objective: any.
        terms: added to the discriminator's loss, with the weight they have at step 0.
        noise: standard deviation of the normal noise on real and generated examples (instance
            noise), integrated by a Gauss-Hermite rule; at least 0.
        consensus: weight of the squared speed that both players also descend, at least 0.
    """

    objective: Objective
    terms: tuple[Term, ...] = ()
    noise: float = 0.0
    consensus: float = 0.0

    def velocity(self, theta: float, psi: float) -> np.ndarray:
        """Minus each player's gradient of its own loss at (theta, psi): float64 `(2,)`."""
        return (
            self._compiled_velocity(tf.constant(theta, tf.float32), tf.constant(psi, tf.float32))
            .numpy()
            .astype(np.float64)
        )

    def jacobian(self, theta: float = 0.0, psi: float = 0.0) -> np.ndarray:
        """Derivative of the velocity by (theta, psi): float64 `(2, 2)`."""
        exact = self._jacobian(tf.constant(theta, tf.float32), psi).numpy().astype(np.float64)
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
        fastest = eigenvalues.real.max()
        if np.abs(self.velocity(0.0, 0.0)).max() > tolerance:
            verdict: Verdict = "no equilibrium"
        elif fastest > tolerance:
            verdict = "diverges"
        else:
            verdict = "converges" if fastest < -tolerance else "neutral"
        largest = 0.0
        if verdict == "converges":
            # |1 + h z| < 1 for every eigenvalue z.
            largest = float(np.min(-2 * eigenvalues.real / np.abs(eigenvalues) ** 2))
        return Stability(
            eigenvalues=eigenvalues, jacobian=jacobian, verdict=verdict, largest_step=largest
        )

    def descend(
        self, start: tuple[float, float] = (1.0, 1.0), *, step_size: float = 0.1, steps: int = 500
    ) -> np.ndarray:
        """Simultaneous gradient descent: the positions (theta, psi), float64 `(t + 1, 2)`.

        Ends before `steps` when a position is farther out than 1e6.
        """
        path = [np.array(start, dtype=np.float64)]
        for _ in range(steps):
            position = path[-1] + step_size * self.velocity(*path[-1])
            if not np.abs(position).max() < LIMIT:
                break
            path.append(position)
        return np.array(path)

    def flow(
        self, start: tuple[float, float] = (1.0, 1.0), *, time: float = 30.0, points: int = 300
    ) -> np.ndarray:
        """The path of infinitely small steps: positions at equal times, float64 `(<= points, 2)`.

        Where the field has a kink (hinge) a solver that controls its error may cross it for ever in
        ever smaller steps; short steps of one size take its place then. A step of gradient descent
        takes the `time` of its size.
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
            scores = tf.fill((EXAMPLES, 1), np.float32(offset))
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
    def _compiled_velocity(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """The velocity as a graph: a path evaluates it a thousand times."""
        critic, both = self._critic, [tf.TensorSpec((), tf.float32)] * 2

        def velocity(theta, psi):
            critic.network.layers[-1].kernel.assign([[psi]])
            return tf.stack(self._velocity(critic, theta))

        # Concrete at once: TensorFlow warns of retracing when many games are made in a loop.
        # Nothing here is for AutoGraph to convert, which takes as long as all the rest.
        compiled = tf.function(velocity, input_signature=both, autograph=False)
        return compiled.get_concrete_function()

    def _jacobian(self, theta: tf.Tensor, psi: float) -> tf.Tensor:
        """The Jacobian, eagerly: it is needed about once, and a graph takes much longer to make."""
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

    def _descent(
        self, critic: DiracCritic, theta: tf.Tensor, psi: keras.Variable
    ) -> list[tf.Tensor]:
        real, around, weights = _examples(self.noise)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(theta)
            given = {"x": real}, {"x": theta + around}
            scores = [critic(each)["scores"] for each in given]
            generator_loss = _mean(self._objective.generator_loss(*scores), weights)
            discriminator_loss = _mean(self._objective.discriminator_loss(*scores), weights)
            draw = _draws(len(weights))
            for term in self.terms:
                values = term.discriminator_term(critic, *given, draw)
                with tf.init_scope():  # a number, whoever traces this
                    weight = float(term.weight_at(tf.constant(0, tf.int64)))
                discriminator_loss += weight * _mean(values, weights)
        by_theta = _by_both(tape, generator_loss, theta, psi)[0]
        return [-by_theta, -_by_both(tape, discriminator_loss, theta, psi)[1]]


def _by_both(
    tape: tf.GradientTape, value: tf.Tensor, theta: tf.Tensor, psi: keras.Variable
) -> tf.Tensor:
    """Gradient `(2,)` by theta and psi, 0 where there is no path."""
    gradients = tape.gradient(
        value, [theta, psi.value], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return tf.stack([tf.reshape(gradient, ()) for gradient in gradients])


def _examples(noise: float) -> tuple[tf.Tensor, tf.Tensor, np.ndarray]:
    """Real examples around 0, generated ones less theta, `(n, 1)` each, and their weights `(n,)`.

    With noise all pairs of the nodes of both sides, so that losses of pairs are integrated, too.
    """
    if not noise:
        zeros = tf.zeros((EXAMPLES, 1))
        return zeros, zeros, np.full(EXAMPLES, 1 / EXAMPLES, np.float32)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    pairs = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2) * noise
    real, fake = tf.constant(pairs[:, :1], tf.float32), tf.constant(pairs[:, 1:], tf.float32)
    return real, fake, np.outer(weights, weights).ravel().astype(np.float32)


def _mean(values: tf.Tensor, weights: np.ndarray) -> tf.Tensor:
    """Weighted mean of one value per example, `(n,)` or `(n, 1)`: a scalar."""
    values = tf.reshape(values, [-1])
    # A penalty on the weights alone has a single value.
    return tf.reduce_mean(values) if values.shape[0] == 1 else tf.tensordot(values, weights, 1)


def _draws(rows: int) -> Callable[..., tf.Tensor]:
    """`draw(*shape)`: numbers spread evenly over [0, 1), others at every call, always the same."""
    calls = 0

    def draw(*shape: int) -> tf.Tensor:
        nonlocal calls
        calls += 1
        size = rows * math.prod(shape)
        golden = (math.sqrt(5) - 1) / 2
        numbers = (np.arange(size) + 0.5) / size + calls * golden
        return tf.constant((numbers % 1.0).reshape(rows, *shape), tf.float32)

    return draw


def eigenvalues_text(stability: Stability) -> str:
    """The two eigenvalues in a few characters, e.g. `-0.5 ± 0.87i`."""
    first, second = stability.eigenvalues
    if np.abs(stability.eigenvalues).max() > JUMP:
        return "the field jumps at 0"
    if abs(first.imag) > 1e-3:
        real = "" if abs(first.real) < 1e-3 else f"{first.real:.2g} "
        return f"{real}± {abs(first.imag):.2g}i"
    values = sorted((first.real, second.real))
    return ", ".join(f"{0.0 if abs(value) < 1e-3 else value:.2g}" for value in values)


def dirac_page(
    objectives: Sequence[Objective], remedies: Mapping[str, GameOptions] = REMEDIES
) -> Image.Image:
    """Draws each objective (a row) with each remedy (a column), in about a second a panel.

    Remedies are arguments of `DiracGame` by name.
    """
    width, height = max(4.2, 2.3 * len(remedies)), 2.9 * len(objectives) + 0.5
    figure = new_figure(width, height)
    grid = figure.subplots(len(objectives), len(remedies), squeeze=False, sharex=True, sharey=True)
    for row, objective in zip(grid, objectives, strict=True):
        for axes, (name, options) in zip(row, remedies.items(), strict=True):
            _panel(axes, DiracGame(objective=objective, **options), name)
        row[0].set_ylabel("psi (discriminator)", fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("theta (generator)", fontsize=8)
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        fontsize=8,
        frameon=False,
    )
    return render(figure)


def verdict_text(stability: Stability) -> str:
    """The verdict in words; where the field jumps it goes round a circle, however steep it is."""
    jumps = np.abs(stability.eigenvalues).max() > JUMP
    return "does not converge" if jumps and stability.verdict == "diverges" else stability.verdict


def _panel(axes: Axes, game: DiracGame, name: str) -> None:
    stability = game.stability()
    colour = COLOURS[stability.verdict]
    _arrows(axes, game)
    descent = game.descend(START, step_size=STEP_SIZE, steps=round(TIME / STEP_SIZE))
    axes.plot(
        *descent.T,
        color=LAST_COLOUR,
        linewidth=0.8,
        linestyle=":",
        label=f"gradient descent, steps of {STEP_SIZE}",
    )
    axes.plot(*game.flow(START, time=TIME).T, color=colour, linewidth=1.8, label="continuous flow")
    axes.plot(*START, "o", color=SAMPLE_COLOUR, markersize=4, linestyle="none", label="start")
    axes.plot(0, 0, "+", color=LAST_COLOUR, markersize=7, linestyle="none", label="equilibrium")
    axes.set_xlim(-REACH, REACH)
    axes.set_ylim(-REACH, REACH)
    axes.set_aspect("equal")
    axes.set_xticks([-2, 0, 2])
    axes.set_yticks([-2, 0, 2])
    axes.tick_params(labelsize=7)
    # The verdict in bold is the last line; the others are the axes' own title above it.
    label = game.objective.name.replace("_", " ")
    axes.set_title(
        f"{label}\n{name}\n{eigenvalues_text(stability)}\n", fontsize=8, color=LAST_COLOUR
    )
    axes.text(
        0.5,
        1.03,
        verdict_text(stability),
        transform=axes.transAxes,
        ha="center",
        fontsize=8,
        color=colour,
        weight="bold",
    )


def _arrows(axes: Axes, game: DiracGame) -> None:
    """Draws directions only: the lengths differ a thousandfold."""
    places = np.linspace(-REACH, REACH, ARROWS) * 0.94
    thetas, psis = np.meshgrid(places, places)
    speeds = np.array([game.velocity(*point) for point in zip(thetas.flat, psis.flat, strict=True)])
    lengths = np.linalg.norm(speeds, axis=1, keepdims=True)
    directions = np.divide(speeds, lengths, out=np.zeros_like(speeds), where=lengths > 1e-9)
    axes.quiver(
        thetas,
        psis,
        *directions.T,
        color=REAL_COLOUR,
        pivot="mid",
        scale=14,
        width=0.006,
        alpha=0.9,
    )
