"""What every term, augmentation and weighting keeps to, over the whole registries."""

import dataclasses
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import mlp_networks, relative_error, same_networks, tiny_gan, train, weights
from extension_case import (
    STEP,
    FakeCritic,
    Numbers,
    apply,
    first_class,
    linear_generator,
    normal_rows,
    on_two_replicas,
    state_values,
)

from ganapp.training.augmentations import (
    AUGMENTATIONS,
    AdaptiveAugment,
    Augmentation,
    DiffAugment,
    InstanceNoise,
)
from ganapp.training.extensions import Extension
from ganapp.training.objectives import NonSaturating
from ganapp.training.priors import Categorical, Uniform
from ganapp.training.schedules import Anneal
from ganapp.training.terms import (
    TERMS,
    Consistency,
    HistoricalAverage,
    MutualInformation,
    PullingAway,
    RealCodes,
    Term,
)
from ganapp.training.terms.mutual_information import CodeTerm
from ganapp.training.weightings import WEIGHTINGS, LabelNoise, TopK, Weighting

ROWS, SHAPE = 4, (6, 6, 3)
# Strong enough that every hook shows in four examples.
STRONG = {
    "label_noise": LabelNoise(probability=0.5),
    "adaptive_augment": AdaptiveAugment(initial_probability=0.8, interval=1),
    "mutual_information": MutualInformation(codes={"slant": Uniform(size=1)}),
    "real_codes": RealCodes(codes={"kind": Categorical(categories=(2,), continuous=0)}),
}


def members_of(*registries):
    members = {
        name: STRONG.get(name, member())
        for registry in registries
        for name, member in registry.items()
    }
    return pytest.mark.parametrize("member", members.values(), ids=members)


every_member = members_of(TERMS, AUGMENTATIONS, WEIGHTINGS)
every_term = members_of(TERMS)
every_augmentation = members_of(AUGMENTATIONS)
every_weighting = members_of(WEIGHTINGS)


class Case:
    """A member with two networks, a batch and every hook."""

    def __init__(self, member: Extension) -> None:
        self.member, self.generator = member, linear_generator(shape=SHAPE)
        self.critic = FakeCritic(SHAPE, self.generator)
        self.state = member.make_state(self.generator, self.critic.network)
        frame = tf.convert_to_tensor(normal_rows(ROWS, *SHAPE, seed=2))
        self.real = first_class(normal_rows(ROWS, *SHAPE)) | {"frame": frame}
        slant = {"slant": tf.linspace([-0.9], [0.9], ROWS)}
        self.fake = first_class(normal_rows(ROWS, *SHAPE, seed=1)) | slant
        self.scores = [self.critic(given)["scores"] for given in (self.real, self.fake)]

    def augmented(self, seed=0):
        return self.member.augment(self.real["x"], Numbers(ROWS, seed), STEP, self.state)

    def told(self, seed=0):
        return self.member.discriminator_scores(*self.scores, Numbers(ROWS, seed), STEP)

    def terms(self):
        batch = self.critic, self.real, self.fake
        return [
            getattr(self.member, f"{player}_term")(*batch, Numbers(ROWS), self.state)
            for player in self.member.players
        ]

    def weights(self):
        return self.member.generator_weights(self.scores[1], STEP)

    def hooks(self):
        """Calls whatever a member of its kind has."""
        if isinstance(self.member, Term):
            return self.terms()
        if isinstance(self.member, Augmentation):
            return self.augmented()
        return self.told(), self.weights()

    def assignments(self):
        return [
            *self.member.after_discriminator_update(*self.scores, self.critic.network, self.state),
            *self.member.after_generator_update(self.generator, self.state),
        ]

    def past(self):
        """The same after an update of both networks."""
        apply(self.assignments())
        for variable in self.generator.weights + self.critic.network.weights:
            variable.assign(variable.value + 0.1)
        return self


@every_member
def test_names_and_papers(member):
    registries = {Term: TERMS, Augmentation: AUGMENTATIONS, Weighting: WEIGHTINGS}
    (registry,) = [each for kind, each in registries.items() if isinstance(member, kind)]
    assert registry[member.name] is type(member)
    assert "arXiv:" in member.reference
    assert member.formula
    assert type(member).__doc__


@every_member
def test_frozen_keyword_only_and_typed(member):
    fields = dataclasses.fields(member)
    assert fields
    assert dataclasses.replace(member) == member
    assert all(field.kw_only for field in fields)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(member, fields[0].name, 0)
    hints = typing.get_type_hints(type(member))
    assert {field.name for field in fields} <= set(hints)


@every_augmentation
def test_augment_keeps_shape_and_dtype_and_follows_the_draw(member):
    case = Case(member)
    first = case.augmented()
    assert (first.shape, first.dtype) == (case.real["x"].shape, tf.float32)
    np.testing.assert_array_equal(case.augmented(), first)
    assert not np.array_equal(first, case.real["x"])
    assert not np.array_equal(case.augmented(seed=1), first)
    assert np.all(np.isfinite(first))


@every_weighting
def test_scores_keep_shape_and_dtype_and_follow_the_draw(member):
    case = Case(member)
    for told, scores in zip(case.told(), case.scores, strict=True):
        assert (told.shape, told.dtype) == (scores.shape, tf.float32)
    for first, again in zip(case.told(), case.told(), strict=True):
        np.testing.assert_array_equal(first, again)


@every_term
def test_terms_are_finite_and_above_zero(member):
    assert set(member.players) <= {"generator", "discriminator"}
    terms = Case(member).past().terms()
    assert terms
    for term in terms:
        assert (term.shape, term.dtype) in [((1,), tf.float32), ((ROWS,), tf.float32)]
        assert 0 < float(tf.reduce_mean(term)) < np.inf


@every_term
def test_terms_have_a_weight_and_an_interval(member):
    assert member.interval == 1
    assert float(dataclasses.replace(member, weight=0.25).weight_at(STEP)) == 0.25
    schedule = Anneal(start=4.0, end=1.0, shape="exponential").over(2)
    assert float(dataclasses.replace(member, weight=schedule).weight_at(STEP + 1)) == 2.0


@every_term
def test_who_takes_gradients_says_so(member):
    """Combinations with layers that look at a batch together are refused by this attribute."""
    case = Case(member)
    case.terms()
    assert bool(case.critic.gradients) == member.per_example_gradient


@every_term
def test_who_looks_at_an_output_names_it(member):
    case, read = Case(member), set()
    own = case.critic.__call__

    class Watched(dict):
        def __getitem__(self, name):
            read.add(name)
            return super().__getitem__(name)

    class Watching(FakeCritic):
        def __call__(self, tensors):
            return Watched(own(tensors))

    case.critic.__class__ = Watching
    case.terms()
    assert read - {"scores"} == set(member.reads)


@every_weighting
def test_weights_have_mean_one(member):
    weights = Case(member).weights()
    if weights is not None:
        assert (weights.shape, weights.dtype) == ((ROWS, 1), tf.float32)
        assert float(tf.reduce_mean(weights)) == pytest.approx(1)


@every_member
def test_hooks_assign_nothing_themselves(member):
    case = Case(member)
    networks = case.generator.weights + case.critic.network.weights
    before = state_values(case.state), [v.numpy() for v in networks]
    case.hooks()
    case.assignments()
    member.logs(STEP, case.state)
    after = state_values(case.state), [v.numpy() for v in networks]
    for left, right in zip(before, after, strict=True):
        for a, b in zip(left, right, strict=True):
            np.testing.assert_array_equal(a, b)


@every_member
def test_assignments_fill_the_state_and_nothing_else(member):
    case = Case(member)
    pairs = case.assignments()
    own = [] if case.state is None else case.state.variables
    assert {id(variable) for variable, _ in pairs} == {id(variable) for variable in own}
    for variable, value in pairs:
        assert (tuple(value.shape), value.dtype) == (tuple(variable.shape), variable.dtype)
        assert not variable.trainable


@every_weighting
def test_every_weighting_does_something(member):
    case = Case(member)
    assert not np.array_equal(case.told()[0], case.scores[0]) or case.weights() is not None


@every_member
def test_logs_are_scalars(member):
    for name, value in member.logs(STEP, Case(member).state).items():
        assert name.isidentifier()
        assert tf.is_tensor(value)
        assert (value.shape, value.dtype) == ((), tf.float32)


@every_member
def test_state_is_made_and_assigned_in_a_strategy(member, two_replicas):
    with two_replicas.scope():
        case = Case(member)
    if case.state is None:
        return
    assert case.state.built
    assert isinstance(case.state, keras.layers.Layer)
    assert case.state.trainable_variables == []

    def update(_):
        apply(case.assignments())
        return tf.zeros(())

    before = state_values(case.state)
    on_two_replicas(two_replicas, update, np.zeros((2, 1), np.float32))
    changed = zip(before, state_values(case.state), strict=True)
    assert any(not np.array_equal(a, b) for a, b in changed)


@every_augmentation
@pytest.mark.parametrize("shape", [(2,), (3, 6, 6, 1)])
def test_members_for_images_refuse_other_data_while_a_step_is_traced(member, shape):
    state = Case(member).state

    @tf.function
    def seen(examples):
        return member.augment(examples, Numbers(ROWS), STEP, state)

    examples = tf.constant(normal_rows(ROWS, *shape))
    if member.images_only:
        sentence = rf"`{member.name}` augments images .* Received: shape="
        with pytest.raises(ValueError, match=sentence):
            seen.get_concrete_function(examples)
    else:
        assert seen(examples).shape == examples.shape


@pytest.mark.parametrize(
    ("member", "options"),
    [
        (InstanceNoise, {"sigma": -0.1}),
        (InstanceNoise, {"sigma": Anneal(start=0.1, end=-0.1)}),
        (LabelNoise, {"probability": 0.51}),
        (LabelNoise, {"probability": Anneal(start=1.0, end=0.0)}),
        (TopK, {"fraction": -0.1}),
        (TopK, {"fraction": 1.1}),
        *((term, {"weight": -1.0}) for term in TERMS.values()),
        (PullingAway, {"weight": float("nan")}),
        *((term, {"interval": 0}) for term in TERMS.values()),
        (HistoricalAverage, {"players": ()}),
        (HistoricalAverage, {"players": ("critic",)}),
        (DiffAugment, {"policy": ()}),
        (DiffAugment, {"policy": ("color",)}),
        (DiffAugment, {"policy": ("colour", "colour")}),
        (DiffAugment, {"translation_ratio": 1.5}),
        (DiffAugment, {"cutout_ratio": -0.5}),
        (AdaptiveAugment, {"policy": ("rotation",)}),
        (AdaptiveAugment, {"target": 1.5}),
        (AdaptiveAugment, {"interval": 0}),
        (AdaptiveAugment, {"adjustment_images": 0}),
        (AdaptiveAugment, {"maximum": 1.5}),
        (AdaptiveAugment, {"initial_probability": 0.9}),
    ],
)
def test_fields_out_of_range_are_refused_in_one_sentence(member, options):
    ((field, value),) = options.items()
    with pytest.raises(ValueError, match=rf"^`{field}` must .*\. Received: {field}=") as error:
        member(**options)
    assert str(error.value).endswith(str(value))


@pytest.mark.parametrize(
    ("member", "field"),
    [(InstanceNoise, "sigma"), (LabelNoise, "probability"), (TopK, "fraction")],
)
def test_an_anneal_needs_the_length_of_the_run(member, field):
    anneal = Anneal(start=0.4, end=0.2, shape="linear")
    unfinished = member(**{field: anneal})
    with pytest.raises(ValueError, match=rf"^`{field}` .*anneal.over\(updates\)"):
        unfinished.logs(STEP, None)
    resolved = dataclasses.replace(unfinished, **{field: anneal.over(10)})
    assert float(resolved.logs(tf.constant(5, tf.int64), None)[field]) == pytest.approx(0.3)


@every_term
def test_an_anneal_of_a_weight_needs_the_length_of_the_run(member):
    with pytest.raises(ValueError, match=r"^`weight` .*anneal.over\(updates\)"):
        dataclasses.replace(member, weight=Anneal(start=1.0, end=0.1))


def test_two_replicas_train_as_one(two_replicas):
    """All terms that need no labels, pairs or codes at once, each with its own logged value."""
    kinds = [
        term
        for term in TERMS.values()
        if not (term.classifies or term.paired or issubclass(term, CodeTerm))
    ]
    terms = tuple(Consistency(shift=2) if term is Consistency else term() for term in kinds)
    gans, logs = [], []
    for strategy in (None, two_replicas):
        gan = tiny_gan(
            NonSaturating(terms=terms),
            strategy=strategy,
            # Without a norm the slope is that of a whole region, wherever one looks in it.
            networks=lambda: mlp_networks((4, 4, 1), normalisation="layer"),
            optimizer=lambda: keras.optimizers.SGD(0.001),
            run_eagerly=strategy is None,  # nothing to trace for what is compared with
        )
        start = weights(gan)["discriminator"]
        logs.append(train(gan, 3).history)
        gans.append(gan)
    assert same_networks(gans[1], gans[0]) < 1e-5
    assert relative_error(weights(gans[0])["discriminator"], start) > 1e-3  # it did move
    for term in terms:
        for player in term.players:
            log = {"discriminator": "penalty", "generator": "generator_term"}[player]
            alone, shared = (each[f"{log}/{term.name}"][-1] for each in logs)
            assert alone > 0, term.name
            assert shared == pytest.approx(alone, rel=1e-5), term.name
