"""Relativistic losses: differences only, and averages of the global batch."""

import numpy as np
import pytest
import tensorflow as tf

from ganapp.training.objectives import OBJECTIVES

NAMES = sorted(name for name in OBJECTIVES if name.startswith("relativistic"))
AVERAGES = [name for name in NAMES if "average" in name]
PAIRS = [name for name in NAMES if name not in AVERAGES]
SIDES = ["discriminator_loss", "generator_loss"]
# What pays for a gap, by the last words of a name.
PAYS = {
    "hinge": lambda gap: np.maximum(0.0, 1.0 - gap),
    "least_squares": lambda gap: (gap - 1.0) ** 2,
    "": lambda gap: np.log1p(np.exp(-gap)),
}


def draw(shape=(16,)):
    return [tf.random.stateless_normal(shape, (seed, 0), seed, 2.0) for seed in (1, 2)]


def pays(name):
    return next(function for ending, function in PAYS.items() if name.endswith(ending))


def test_there_are_six():
    assert len(PAIRS) == len(AVERAGES) == 3
    for name in NAMES:
        assert OBJECTIVES[name].relativistic
        assert "arXiv:1807.00734" in OBJECTIVES[name].reference
        assert OBJECTIVES[name]().log_density_ratio(tf.ones(2)) is None


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", NAMES)
def test_a_shift_of_all_scores_changes_nothing(name, side):
    real, fake = draw()
    loss = getattr(OBJECTIVES[name](), side)
    for shift in (-3.0, 10.0):
        np.testing.assert_allclose(
            loss(real + shift, fake + shift), loss(real, fake), rtol=1e-4, atol=1e-5
        )
    assert np.abs(loss(real + 1.0, fake) - loss(real, fake)).max() > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_plays_the_discriminators_game_with_sides_exchanged(name):
    real, fake = draw()
    objective = OBJECTIVES[name]()
    np.testing.assert_array_equal(
        objective.generator_loss(real, fake), objective.discriminator_loss(fake, real)
    )


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name):
    real, fake = draw()
    actual = OBJECTIVES[name]().discriminator_loss(real, fake)
    np.testing.assert_allclose(
        actual, pays(name)(real.numpy() - fake.numpy()), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("shape", [(16,), (16, 1), (4, 3, 3, 1)])
@pytest.mark.parametrize("name", AVERAGES)
def test_averages(name, shape):
    """E over all scores, patches as well."""
    real, fake = draw(shape)
    r, f = real.numpy().astype(np.float64), fake.numpy().astype(np.float64)
    expected = pays(name)(r - f.mean()) + pays(name)(r.mean() - f)
    actual = OBJECTIVES[name]().discriminator_loss(real, fake)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", AVERAGES)
def test_gradient_goes_through_the_averages(name):
    """Against finite differences of the mean loss by the fake scores."""
    objective = OBJECTIVES[name]()
    real, fake = (tf.cast(x, tf.float64) for x in draw((5,)))
    with tf.GradientTape() as tape:
        tape.watch(fake)
        loss = tf.reduce_mean(objective.generator_loss(real, fake))
    step, numeric = 1e-6, []
    for unit in np.eye(5):
        ends = [objective.generator_loss(real, fake + sign * step * unit) for sign in (1, -1)]
        numeric.append(float(tf.reduce_mean(ends[0]) - tf.reduce_mean(ends[1])) / (2 * step))
    np.testing.assert_allclose(tape.gradient(loss, fake), numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", AVERAGES)
def test_two_replicas_share_one_average(name, side, two_replicas):
    """Losses and the summed gradient of both halves are those of the whole batch."""
    real, fake = draw((6,))
    loss = getattr(OBJECTIVES[name](), side)
    weight = tf.constant(1.5)  # scores are weight * what was drawn

    def mean_loss_and_gradient(real, fake, weight):
        with tf.GradientTape() as tape:
            tape.watch(weight)
            value = loss(weight * real, weight * fake)
            mean = tf.reduce_mean(value)
        return value, tape.gradient(mean, weight)

    @tf.function(autograph=False)
    def halves():
        def each():
            index = tf.distribute.get_replica_context().replica_id_in_sync_group
            return mean_loss_and_gradient(
                tf.reshape(real, (2, 3))[index], tf.reshape(fake, (2, 3))[index], weight
            )

        return two_replicas.run(each)

    whole, gradient = mean_loss_and_gradient(real, fake, weight)
    values, gradients = map(two_replicas.experimental_local_results, halves())
    np.testing.assert_allclose(np.concatenate(values), whole, rtol=1e-5, atol=1e-6)
    # A sum of means of halves is twice the mean of the whole.
    assert float(sum(gradients)) / 2 == pytest.approx(float(gradient), rel=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_which_optimal_scores_are_log_ratios_but_for_a_constant(name):
    """Pairs of two discrete laws: the loss is stationary at log p / q + 3, or it is not."""
    objective = OBJECTIVES[name]()
    p, q = tf.constant([0.5, 0.3, 0.2]), tf.constant([0.1, 0.3, 0.6])
    scores = tf.math.log(p / q) + 3.0
    with tf.GradientTape() as tape:
        tape.watch(scores)
        real, fake = tf.repeat(scores, 3), tf.tile(scores, [3])
        weights = tf.reshape(p[:, None] * q, [-1])
        loss = tf.reduce_sum(weights * objective.discriminator_loss(real, fake))
    stationary = bool(tf.reduce_max(tf.abs(tape.gradient(loss, scores))) < 1e-6)
    assert stationary == objective.log_ratio_but_for_a_constant
