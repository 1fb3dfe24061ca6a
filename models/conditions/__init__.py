"""Ways for a network to know the class, around any network family; one line here for each."""

from ganapp.models.conditions.discriminator import (
    LABEL,
    concatenated,
    embedded,
    projected,
    with_class_head,
    with_class_mask,
)
from ganapp.models.conditions.generator import (
    batch_normalised,
    generator_concatenated,
    generator_embedded,
    with_class_column,
)

GENERATOR_CONDITIONS = {
    "concatenation": generator_concatenated,
    "embedding": generator_embedded,
    "batch_norm": batch_normalised,
}
DISCRIMINATOR_CONDITIONS = {
    "concatenation": concatenated,
    "embedding": embedded,
    "projection": projected,
}

__all__ = [
    "DISCRIMINATOR_CONDITIONS",
    "GENERATOR_CONDITIONS",
    "LABEL",
    "with_class_column",
    "with_class_head",
    "with_class_mask",
]
