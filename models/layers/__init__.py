"""Layers that Keras lacks, or has in a form that cannot be differentiated twice or shared out."""

from ganapp.models.layers.blocks import BlockActivation
from ganapp.models.layers.class_column import ClassColumn
from ganapp.models.layers.class_mask import ClassMask
from ganapp.models.layers.conditional import ConditionalBatchNormalization
from ganapp.models.layers.dropout import StatelessDropout
from ganapp.models.layers.gain import Gain
from ganapp.models.layers.grouped import GroupedConv2D
from ganapp.models.layers.maxout import Maxout
from ganapp.models.layers.minibatch import MinibatchDiscrimination, MinibatchStandardDeviation
from ganapp.models.layers.normalisation import ExampleNormalization
from ganapp.models.layers.reconstruction import ReconstructionScore
from ganapp.models.layers.upsampling import UpsamplingConv2D

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
