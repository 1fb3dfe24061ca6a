"""What leaves: a generator as verified artefacts with a model card, and the server of them."""


class ExportError(ValueError):
    """What could not be exported and why, as one sentence for the person who asked."""
