"""The one error of the export room."""


class ExportError(ValueError):
    """What could not be exported and why, as one sentence for the person who asked."""
