"""Which remedies an alarm need not name to the user of this run."""

from ganapp.runner.compose import Experiment

FOR_IMAGES = ("adaptive_augment", "diff_augment")


def ruled_out(experiment: Experiment) -> frozenset[str]:
    """Names of remedies that the run uses already, and of those that do not fit it."""
    config, objective = experiment.config, experiment.gan.objective
    discriminator = config.discriminator
    members = (objective, objective.constraint, *objective.extensions)
    optimizers = (config.generator.optimizer, discriminator.optimizer)
    facts = {
        "relativistic": objective.relativistic,
        "alternative_goal": getattr(objective, "generator_goal", "") != "bound",
        "one_discriminator_step": objective.discriminator_steps == 1,
        # A pack would mix classes, and a batch of an odd size has no packs of two.
        "packing": discriminator.packing > 1
        or config.generator.condition != "none"
        or config.training.batch_size % (2 * experiment.strategy.num_replicas_in_sync) > 0,
        # Under a gradient penalty, one example's gradient would count the others.
        "minibatch": discriminator.options.get("minibatch") != "none"
        or any(term.per_example_gradient for term in objective.terms),
        "components": int(config.data.options.get("components", 20)) >= 20,
        "adaptive_augment": not objective.score_sign_means_real,
        "clipnorm": all(optimizer.options.get("clipnorm") for optimizer in optimizers),
        "falling_rates": not any(
            isinstance(optimizer.learning_rate, float) for optimizer in optimizers
        ),
    }
    if discriminator.options.get("normalisation") == "batch":  # no gradient of one example
        facts |= {"r1": True, "wgan_gp": True}
    images_only = () if experiment.source.spec.kind == "image" else FOR_IMAGES
    names = {member.name for member in members}
    return frozenset({*names, *images_only, *(name for name, holds in facts.items() if holds)})
