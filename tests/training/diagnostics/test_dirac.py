"""The Dirac-GAN against what its paper proves, and every objective on it."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from ganapp.training.diagnostics import dirac
from ganapp.training.diagnostics.dirac import DiracGame, dirac_page, eigenvalues_text, verdict_text
from ganapp.training.objectives import BEGAN, FKL, OBJECTIVES, WGAN, Hinge, LeastSquares, Minimax
from ganapp.training.objectives import RelativisticPairing as Relativistic
from ganapp.training.terms import R1, R2, Dragan, GradientPenalty, Orthogonal

NAMES = sorted(OBJECTIVES)
LOGISTIC_SLOPE = 0.5  # |f'(0)| of log(1 + exp(-t))


def stability(objective, **options):
    return DiracGame(objective=objective, **options).stability()


def slopes(objective, offset):
    """Of both losses by the generated score, at equal scores."""
    found = []
    for loss in (objective.discriminator_loss, objective.generator_loss):
        real, fake = (tf.fill((4, 1), np.float32(offset)) for _ in range(2))
        with tf.GradientTape() as tape:
            tape.watch(fake)
            value = tf.reduce_mean(loss(real, fake))
        found.append(float(tf.reduce_sum(tape.gradient(value, fake))))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_objective_converges_by_its_losses_alone(name):
    """Lemma 2.3 for all: real parts 0, and the product of the players' slopes as frequency."""
    game = DiracGame(objective=OBJECTIVES[name]())
    found = game.stability()
    assert found.verdict == "neutral"
    assert found.largest_step == 0
    np.testing.assert_allclose(found.eigenvalues.real, 0, atol=1e-6)
    objective = game.objective.with_state(game.objective.initial_state())
    on_discriminator, on_generator = slopes(objective, game.offset)
    expected = np.sqrt(complex(on_discriminator * on_generator))  # one rises, the other falls
    assert found.eigenvalues[0] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(game.velocity(0.0, 0.0), 0, atol=1e-7)


@pytest.mark.parametrize(
    ("objective", "slope", "gamma"),
    [
        (Minimax(), LOGISTIC_SLOPE, 0.3),
        (Minimax(), LOGISTIC_SLOPE, 1.0),
        (Relativistic(), LOGISTIC_SLOPE, 4.0),
        (WGAN(), 1.0, 0.3),
        (Hinge(), 1.0, 4.0),
    ],
)
def test_zero_centred_penalties_converge(objective, slope, gamma):
    """Eigenvalues -gamma / 2 +- sqrt(gamma^2 / 4 - f'(0)^2), for R1 as for R2."""
    for penalty in (R1(weight=gamma), R2(weight=gamma)):
        found = stability(objective, terms=(penalty,))
        root = np.sqrt(complex(gamma**2 / 4 - slope**2))
        expected = -gamma / 2 + np.array([root, -root])
        actual = np.sort_complex(found.eigenvalues)
        np.testing.assert_allclose(actual, np.sort_complex(expected), atol=2e-3)
        assert found.verdict == "converges"
        np.testing.assert_allclose(found.jacobian[1], [-slope, -gamma], atol=1e-5)


def test_instance_noise_converges_by_the_curvature_of_the_loss():
    """f''(0) sigma^2 +- sqrt(f''(0)^2 sigma^4 - f'(0)^2); a loss without curvature is not cured."""
    curvature = 0.25
    for sigma in (0.5, 2.0):
        root = np.sqrt(complex(curvature**2 * sigma**4 - LOGISTIC_SLOPE**2))
        expected = np.sort_complex(-curvature * sigma**2 + np.array([root, -root]))
        found = stability(Minimax(), noise=sigma)
        np.testing.assert_allclose(np.sort_complex(found.eigenvalues), expected, atol=2e-3)
        assert found.verdict == "converges"
    assert stability(WGAN(), noise=1.0).verdict == "neutral"


def test_noise_is_integrated_away_from_the_equilibrium():
    """The velocity of psi, E e' s(-psi e') - E (theta + e) s(psi (theta + e)), by quadrature."""
    theta, psi, sigma = 0.7, -1.1, 0.8

    def term(e):
        real = e * expit(-psi * e)
        fake = (theta + e) * expit(psi * (theta + e))
        return norm.pdf(e, 0, sigma) * (real - fake)

    expected, _ = quad(term, -10, 10)
    found = DiracGame(objective=Minimax(), noise=sigma).velocity(theta, psi)[1]
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("penalty", [GradientPenalty(weight=1.0), Dragan(weight=1.0)])
def test_a_gradient_norm_of_one_keeps_away_from_the_equilibrium(penalty):
    """WGAN-GP does not converge: its discriminator must not become flat where it should."""
    game = DiracGame(objective=WGAN(), terms=(penalty,))
    assert game.stability().verdict == "diverges"
    path = game.flow((0.1, 0.1), time=25.0)
    assert np.linalg.norm(path[len(path) // 2 :], axis=1).min() > 0.5


def test_consensus_adds_a_pull():
    """J - gamma J'J: -gamma f'(0)^2 +- i f'(0)."""
    found = stability(WGAN(), consensus=0.4)
    np.testing.assert_allclose(found.eigenvalues, [-0.4 + 1j, -0.4 - 1j], atol=1e-6)


def test_other_penalties_and_states():
    assert stability(WGAN(), terms=(Orthogonal(),)).verdict == "neutral"
    assert stability(BEGAN()).verdict == "neutral"
    weights = [R1(weight=w) for w in (0.5, lambda step: 0.25 + 0.0 * float(step))]
    found = stability(WGAN(), terms=tuple(weights))
    assert found.jacobian[1, 1] == pytest.approx(-0.75)


@pytest.mark.parametrize(
    ("objective", "offset"),
    [(Minimax(), 0), (LeastSquares(), 0.5), (FKL(), 1), (Hinge(), 0), (BEGAN(), 0), (WGAN(), 0)],
)
def test_the_discriminator_is_offset_to_where_its_loss_wants_it(objective, offset):
    assert DiracGame(objective=objective).offset == pytest.approx(offset, abs=1e-5)


def test_velocity_and_jacobian_by_hand():
    """minimax: v = (psi s(psi theta), -theta s(psi theta)) with the sigmoid s."""
    game, theta, psi = DiracGame(objective=Minimax()), 0.6, -1.3
    s = expit(theta * psi)
    np.testing.assert_allclose(game.velocity(theta, psi), [psi * s, -theta * s], rtol=1e-5)
    step, numeric = 1e-3, []
    for move in ((step, 0), (0, step)):
        ahead = game.velocity(theta + move[0], psi + move[1])
        behind = game.velocity(theta - move[0], psi - move[1])
        numeric.append((ahead - behind) / (2 * step))
    np.testing.assert_allclose(game.jacobian(theta, psi), np.transpose(numeric), atol=1e-3)


def test_paths_of_the_bilinear_game():
    """The flow keeps its radius, simultaneous steps grow it by sqrt(1 + h^2)."""
    game, h = DiracGame(objective=WGAN()), 0.1
    radius = np.linalg.norm(game.flow((1.0, 0.0), time=2 * np.pi), axis=1)
    np.testing.assert_allclose(radius, 1, atol=1e-3)
    time = np.linspace(0, 2 * np.pi, 300)
    expected = np.stack([np.cos(time), -np.sin(time)], axis=1)
    np.testing.assert_allclose(game.flow((1.0, 0.0), time=2 * np.pi), expected, atol=2e-3)
    both = np.linalg.norm(game.descend((1.0, 0.0), step_size=h, steps=100), axis=1)
    np.testing.assert_allclose(both, (1 + h**2) ** (np.arange(101) / 2), rtol=1e-4)


def test_the_largest_step_divides_convergence_from_divergence():
    game = DiracGame(objective=WGAN(), terms=(R1(weight=0.5),))
    largest = game.stability().largest_step
    ends = [
        np.linalg.norm(game.descend((0.5, 0.5), step_size=factor * largest, steps=400)[-1])
        for factor in (0.9, 1.1)
    ]
    assert ends[0] < 0.05
    assert ends[1] > 100


def test_a_path_that_leaves_ends():
    game = DiracGame(objective=WGAN())
    path = game.descend(step_size=10.0, steps=500)
    assert len(path) < 20
    assert np.isfinite(path).all()


def test_page_has_a_panel_each():
    """A row each for a game that converges and one that goes round; then one alone."""
    noise = {"instance noise": {"noise": 1.0}}
    pages = [dirac_page(some, noise) for some in ([Minimax(), WGAN()], [LeastSquares()])]
    assert [page.mode for page in pages] == ["RGB"] * 2
    assert pages[0].height > 1.5 * pages[1].height
    pixels = np.asarray(pages[0]).astype(int)
    upper, lower = np.split(pixels[: len(pixels) // 2 * 2], 2)
    for row, colour in ((upper, (0x2A, 0x9D, 0x5C)), (lower, (0xE0, 0x8A, 0x00))):
        assert (np.abs(row - colour).max(-1) < 30).sum() > 200
    assert (np.abs(upper - (0xE0, 0x8A, 0x00)).max(-1) < 30).sum() == 0


def test_a_flow_along_a_kink_comes_to_an_end(monkeypatch):
    """Hinge under a gradient penalty once took a hundred thousand velocities and a minute."""
    game = DiracGame(objective=Hinge(), terms=(GradientPenalty(weight=1.0),))
    asked, velocity = [], DiracGame.velocity
    monkeypatch.setattr(DiracGame, "velocity", lambda *args: asked.append(None) or velocity(*args))
    monkeypatch.setattr(dirac, "MOST_VELOCITIES", 1500)
    path = game.flow((1.0, 1.0), time=30.0, points=100)
    assert path.shape == (100, 2)
    assert 1.0 < np.abs(path[50:]).max() < 2.5  # it goes round
    assert 1500 < len(asked) < 3600  # two for each of 990 short steps


def test_losses_without_a_third_derivative_have_eigenvalues():
    """Of `x**2` at 0 TensorFlow gives NaN, which ended `diagnose --dirac` with a traceback."""
    squares = LeastSquares(real_target=0.0, fake_target=-2.0, generator_target=-1.0)
    for objective in (OBJECTIVES["f_pearson"](), squares):
        game = DiracGame(objective=objective, consensus=0.5)
        assert np.isfinite(game.stability().eigenvalues).all()
    plain = DiracGame(objective=OBJECTIVES["f_pearson"](), consensus=0.5)
    exact = plain.jacobian()
    nothing = lambda *_: tf.fill((2, 2), np.nan)  # noqa: E731
    plain.__dict__["_jacobian"] = nothing
    np.testing.assert_allclose(plain.jacobian(), exact, atol=1e-3)


def test_eigenvalues_in_words():
    assert eigenvalues_text(stability(Minimax())) == "± 0.5i"
    assert eigenvalues_text(stability(WGAN(), terms=(R1(weight=1.0),))) == "-0.5 ± 0.87i"
    assert eigenvalues_text(stability(WGAN(), terms=(R1(weight=4.0),))) == "-3.7, -0.27"
    jump = stability(WGAN(), terms=(GradientPenalty(),))
    assert eigenvalues_text(jump) == "the field jumps at 0"
    assert verdict_text(jump) == "does not converge"
