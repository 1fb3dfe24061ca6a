"""Layers that Keras lacks, or has in a form that cannot be differentiated twice or shared out."""

import sys

from ganapp.models.layers.activations import BlockActivation, Gain, Maxout
from ganapp.models.layers.classes import ClassColumn, ClassMask
from ganapp.models.layers.convolution import GroupedConv2D, UpsamplingConv2D
from ganapp.models.layers.dropout import StatelessDropout
from ganapp.models.layers.minibatch import MinibatchDiscrimination, MinibatchStandardDeviation
from ganapp.models.layers.normalisation import (
    ConditionalBatchNormalization,
    ExampleNormalization,
)
from ganapp.models.layers.reconstruction import ReconstructionScore

__all__ = [
    "BlockActivation",
    "ClassColumn",
    "ClassMask",
    "ConditionalBatchNormalization",
    "ExampleNormalization",
    "Gain",
    "GroupedConv2D",
    "Maxout",
    "MinibatchDiscrimination",
    "MinibatchStandardDeviation",
    "ReconstructionScore",
    "StatelessDropout",
    "UpsamplingConv2D",
]

# Exported `.keras` files come with a line that imports the module their layers were in then.
FORMER_MODULES = ("blocks", "class_column", "class_mask", "conditional", "gain", "grouped")
FORMER_MODULES += ("maxout", "upsampling")
for _former in FORMER_MODULES:
    sys.modules[f"{__name__}.{_former}"] = sys.modules[__name__]
