"""The bound on the information between codes and examples, against closed forms."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import train
from extension_case import normal_rows
from scipy import stats

from ganapp.models import GAN
from ganapp.models.companions import Companion
from ganapp.models.networks import mlp_discriminator, mlp_generator, readers
from ganapp.training.objectives import NonSaturating
from ganapp.training.priors import Bernoulli, Categorical, Normal, Product, Sphere, Uniform
from ganapp.training.priors.codes import reading_of
from ganapp.training.terms import RealCodes
from ganapp.training.terms.mutual_information import MutualInformation, size_of

TEN = Categorical(categories=(10,), continuous=0)


class Says:
    """A critic that says the same of every example."""

    def __init__(self, said):
        self.said = tf.constant(said, tf.float32)

    def __call__(self, tensors):
        return {"code": self.said}

    @property
    def companions(self):
        return {"code_reader": self}


@pytest.mark.parametrize(
    ("prior", "entropy"),
    [
        (TEN, math.log(10)),
        (Categorical(categories=(2, 3), continuous=0), math.log(6)),
        (Uniform(size=2), 2 * stats.uniform(-1, 2).entropy()),
        (Normal(size=3), 3 * stats.norm().entropy()),
        (Bernoulli(size=2, probability=0.3), 2 * stats.bernoulli(0.3).entropy()),
        (
            Categorical(categories=(4,), continuous=2, distribution="normal"),
            math.log(4) + 2 * stats.norm().entropy(),
        ),
    ],
)
def test_entropies(prior, entropy):
    assert reading_of(prior).entropy == pytest.approx(entropy)


def test_a_reader_that_knows_nothing_gets_nothing_and_one_that_knows_all_gets_the_entropy():
    code = TEN.sample(50, tf.constant([1, 2]))
    reading = reading_of(TEN)
    ignorant = reading.log_likelihood(tf.zeros((50, 10)), code) + reading.entropy
    np.testing.assert_allclose(ignorant, 0, atol=1e-6)
    certain = reading.log_likelihood(100.0 * code, code) + reading.entropy
    np.testing.assert_allclose(certain, math.log(10), atol=1e-6)


def test_the_best_gaussian_reader_reaches_the_information_of_a_gaussian_channel():
    """x = c + n with n of variance s^2: I = ln(1 + 1 / s^2) / 2, and Q = p(c | x) attains it."""
    noise = 0.5
    code, n = normal_rows(200_000, 1), noise * normal_rows(200_000, 1, seed=1)
    x = code + n
    deviation = math.sqrt(noise**2 / (1 + noise**2))
    raw = 5 * math.atanh(math.log(deviation) / 5)
    said = np.concatenate([x / (1 + noise**2), np.full_like(x, raw)], axis=1)
    reading = reading_of(Normal(size=1))
    bound = np.mean(reading.log_likelihood(tf.constant(said), tf.constant(code))) + reading.entropy
    assert bound == pytest.approx(0.5 * math.log(1 + 1 / noise**2), abs=0.005)


def test_log_likelihoods_are_those_of_the_distributions():
    code = np.float32([[0.3, -0.8]])
    said = np.float32([[0.1, -0.2, 0.4, -0.6]])
    scales = np.exp(5 * np.tanh(said[0, 2:] / 5))
    expected = stats.norm(said[0, :2], scales).logpdf(code[0]).sum()
    found = reading_of(Uniform(size=2)).log_likelihood(said, code)
    assert float(found[0]) == pytest.approx(expected, rel=1e-5)
    bits = np.float32([[1, 0]])
    probabilities = 1 / (1 + np.exp(-said[0, :2]))
    expected = stats.bernoulli(probabilities).logpmf(bits[0]).sum()
    found = reading_of(Bernoulli(size=2)).log_likelihood(said[:, :2], bits)
    assert float(found[0]) == pytest.approx(expected, rel=1e-5)


def test_a_uniform_code_can_be_worth_something():
    """With the authors' fixed deviation of 1 the bound would be negative for any reader."""
    code = tf.constant([[0.25]])
    reading = reading_of(Uniform(size=1))
    fixed = reading.log_likelihood(tf.constant([[0.25, 0.0]]), code) + reading.entropy
    learned = reading.log_likelihood(tf.constant([[0.25, -3.0]]), code) + reading.entropy
    assert float(fixed[0]) < 0 < float(learned[0])


def test_the_term_is_minus_the_weighted_sum_of_the_bounds():
    codes = {"digit": TEN, "slant": Uniform(size=2)}
    assert size_of(codes) == 14
    fake = {name: prior.sample(6, tf.constant([0, 3])) for name, prior in codes.items()}
    said = normal_rows(6, 14)
    for reader in ("trunk", "apart"):
        term = MutualInformation(codes=codes, reader=reader, continuous_weight=0.25)
        assert term.reads == (("code",) if reader == "trunk" else ())
        parts = [
            (reading_of(TEN), said[:, :10], fake["digit"], 1.0),
            (reading_of(codes["slant"]), said[:, 10:], fake["slant"], 0.25),
        ]
        expected = -sum(w * (r.log_likelihood(s, c).numpy() + r.entropy) for r, s, c, w in parts)
        for hook in (term.generator_term, term.discriminator_term):
            found = hook(Says(said), {}, fake | {"x": tf.zeros((6, 2))}, None)
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_guesses_are_the_likeliest_codes():
    term = MutualInformation(codes={"digit": TEN, "slant": Uniform(size=1)})
    said = np.zeros((2, 12), np.float32)
    said[0, 3] = said[1, 7] = 5
    said[:, 10] = 0.4, -0.7
    found = term.guess(tf.constant(said))
    assert np.argmax(found["digit"], axis=1).tolist() == [3, 7]
    np.testing.assert_allclose(found["slant"], [[0.4], [-0.7]])


@pytest.mark.parametrize("reader", ["trunk", "apart"])
def test_two_replicas_train_as_one(two_replicas, reader):
    codes = {"digit": Categorical(categories=(3,), continuous=0), "slant": Uniform(size=1)}
    prior = Product(parts={"z": Normal(size=2)} | codes, codes=("digit", "slant"))
    terms = tuple(term(codes=codes, reader=reader) for term in (MutualInformation, RealCodes))
    shapes = {name: (size,) for name, size in prior.sizes.items()}
    gans = []
    for strategy in (None, two_replicas):
        keras.utils.set_random_seed(1)
        with (strategy or tf.distribute.get_strategy()).scope():
            companions = {}
            if reader == "apart":
                network = readers.reader(mlp_discriminator, {"x": (2,)}, {"code": 5}, units=(6,))
                companions["code_reader"] = Companion(network=network, trained_with="discriminator")
            gan = GAN(
                mlp_generator(shapes, (2,), units=(6,)),
                mlp_discriminator({"x": (2,)}, units=(6,), heads={"code": 5}),
                prior,
                companions=companions,
            )
            gan.compile(
                keras.optimizers.SGD(0.05),
                keras.optimizers.SGD(0.05),
                objective=NonSaturating(terms=terms),
                run_eagerly=strategy is None,  # nothing to trace for what is compared with
            )
        before = gan.get_weights()
        train(gan, 3)
        gans.append(gan)
    for name, values in gans[0].state().items():
        for one, other in zip(values, gans[1].state()[name], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6, err_msg=name)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(before, gan.get_weights(), strict=True))


def test_a_code_needs_a_known_entropy():
    with pytest.raises(ValueError, match=r"A code must have one of.*'sphere'"):
        reading_of(Sphere(size=3))
