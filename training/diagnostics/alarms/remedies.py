"""What to try: settings as a configuration writes them, named by what they switch on."""

from training.diagnostics.alarms.base import Remedy

PACKING = Remedy(name="packing", setting="`[discriminator] packing = 2`")
MINIBATCH = Remedy(name="minibatch", setting='`[discriminator] minibatch = "standard_deviation"`')
RELATIVISTIC = Remedy(name="relativistic", setting='`[objective] name = "relativistic"`')
NON_SATURATING = Remedy(name="non_saturating", setting='`[objective] name = "non_saturating"`')
WGAN_GP = Remedy(name="wgan_gp", setting='`[objective] name = "wgan_gp"`')
ALTERNATIVE_GOAL = Remedy(
    name="alternative_goal", setting='`[objective] generator_goal = "alternative"`'
)
R1 = Remedy(name="r1", setting="`[objective.penalties] r1 = { weight = 1.0 }`")
STRONGER_PENALTY = Remedy(setting="a larger `weight` of the gradient penalty")
SPECTRAL_NORM = Remedy(
    name="spectral_norm", setting='`[objective] constraint = { name = "spectral_norm" }`'
)
PULLING_AWAY = Remedy(name="pulling_away", setting="`[objective.stabilisers] pulling_away = {}`")
INSTANCE_NOISE = Remedy(
    name="instance_noise", setting="`[objective.stabilisers] instance_noise = { sigma = 0.1 }`"
)
HISTORICAL_AVERAGE = Remedy(
    name="historical_average", setting="`[objective.stabilisers] historical_average = {}`"
)
ADAPTIVE_AUGMENT = Remedy(
    name="adaptive_augment", setting="`[objective.stabilisers] adaptive_augment = {}`"
)
DIFF_AUGMENT = Remedy(name="diff_augment", setting="`[objective.stabilisers] diff_augment = {}`")
MORE_DATA = Remedy(setting="more data")
SMALLER_DISCRIMINATOR = Remedy(setting="a smaller discriminator")
SMALLER_RATES = Remedy(setting="smaller learning rates with `beta_1 = 0.0`")
FALLING_RATES = Remedy(
    name="falling_rates",
    setting="falling learning rates, `learning_rate = { start = 2e-4, end = 1e-5 }` of the "
    "optimizers",
)
CLIPNORM = Remedy(name="clipnorm", setting="`clipnorm = 1.0` in the optimizer's table")
FEWER_DISCRIMINATOR_STEPS = Remedy(
    name="one_discriminator_step", setting="fewer `[objective] discriminator_steps`"
)
LONGER = Remedy(setting="a longer training")

AGAINST_COLLAPSE = (PACKING, MINIBATCH, RELATIVISTIC, R1)
