"""The feature spaces that a user may choose. A new one is a file here and a class in `FEATURES`."""

from ganapp.training.evaluation.features.classifier import OwnClassifier
from ganapp.training.evaluation.features.inception import Inception
from ganapp.training.evaluation.features.keras_model import KerasModel
from ganapp.training.evaluation.features.spaces import FeatureChoice, PlainPixels, PrincipalPixels
from ganapp.training.registry import Registry

FEATURES = Registry(
    "feature space",
    [PrincipalPixels, PlainPixels, OwnClassifier, Inception, KerasModel],
    base=FeatureChoice,
)
