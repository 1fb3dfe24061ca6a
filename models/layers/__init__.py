"""Layers that Keras lacks, or has in a form that cannot be differentiated twice or shared out."""

import sys

from ganapp.models.layers.activations import BlockActivation, Gain, Maxout
from ganapp.models.layers.convolution import GroupedConv2D, UpsamplingConv2D
from ganapp.models.layers.examples import ClassColumn, ClassMask, ReconstructionScore
from ganapp.models.layers.minibatch import (
    MinibatchDiscrimination,
    MinibatchStandardDeviation,
    StatelessDropout,
)
from ganapp.models.layers.modulation import (
    EqualizedDense,
    LearnedMap,
    ModulatedConv2D,
    NextRows,
    StyleMixing,
)
from ganapp.models.layers.normalisation import ConditionalBatchNormalization, ExampleNormalization

# Exported `.keras` files come with a line that imports the module their layers were in then.
FORMER_MODULES = ("blocks", "class_column", "class_mask", "classes", "conditional", "dropout")
FORMER_MODULES += ("gain", "grouped", "maxout", "reconstruction", "upsampling")
for _former in FORMER_MODULES:
    sys.modules[f"{__name__}.{_former}"] = sys.modules[__name__]
