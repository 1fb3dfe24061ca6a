"""What data and evaluation have to say while they work, on standard error."""

import logging
import sys

from rich.console import Console


class Notices(logging.Handler):
    """Prints the records of the logger `ganapp` as sentences."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one."""
        console = Console(stderr=True, markup=False, highlight=False)
        style, name = ("yellow", "Warning: ") if record.levelno >= logging.WARNING else ("dim", "")
        console.print(f"{name}{record.getMessage()}", style=style, soft_wrap=True)


class OfOthers(logging.Handler):
    """Prints what libraries warn of, as Python does where no handler is set.

    Where none is, absl sets one as soon as anything is logged, which would print ours once more.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one unless it is ours."""
        if record.name != "ganapp":
            print(self.format(record), file=sys.stderr)


def announce() -> None:
    """Has them printed, each once however often this is called."""
    logger, root = logging.getLogger("ganapp"), logging.getLogger()
    if not root.handlers:
        root.addHandler(OfOthers(logging.WARNING))
    if not any(isinstance(handler, Notices) for handler in logger.handlers):
        logger.addHandler(Notices(logging.INFO))
        logger.setLevel(logging.INFO)
