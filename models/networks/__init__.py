"""Network families, one line here for each builder.

A generator builder takes `(inputs, shape, *, condition, options)`, a discriminator builder
`(inputs, *, condition, class_start, heads, options)`; `inputs` are shapes by name, and the options'
types are what a configuration may set. Both end in the `network` of their
`ganapp.models.networks.inputs`, which names what comes out.
"""

from ganapp.models.networks.autoencoder import autoencoder_discriminator
from ganapp.models.networks.dcgan import dcgan_discriminator, dcgan_generator
from ganapp.models.networks.keras_file import keras_file_discriminator, keras_file_generator
from ganapp.models.networks.mlp import mlp_discriminator, mlp_generator
from ganapp.models.networks.multi_scale import multi_scale_discriminator, multi_scale_generator
from ganapp.models.networks.recurrent import recurrent_generator
from ganapp.models.networks.resnet import resnet_discriminator, resnet_generator
from ganapp.models.networks.style import style_discriminator, style_generator
from ganapp.training.registry import Registry

GENERATORS = Registry(
    "generator network",
    [
        ("mlp", mlp_generator),
        ("dcgan", dcgan_generator),
        ("resnet", resnet_generator),
        ("style", style_generator),
        ("recurrent", recurrent_generator),
        ("multi_scale", multi_scale_generator),
        ("keras", keras_file_generator),
    ],
)
DISCRIMINATORS = Registry(
    "discriminator network",
    [
        ("mlp", mlp_discriminator),
        ("dcgan", dcgan_discriminator),
        ("resnet", resnet_discriminator),
        ("style", style_discriminator),
        ("autoencoder", autoencoder_discriminator),
        ("multi_scale", multi_scale_discriminator),
        ("keras", keras_file_discriminator),
    ],
)
