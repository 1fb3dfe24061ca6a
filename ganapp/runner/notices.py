"""What data and evaluation have to say while they work, on standard error."""

import logging

from rich.console import Console


class Notices(logging.Handler):
    """Prints the records of the logger `ganapp` as sentences."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one."""
        console = Console(stderr=True, markup=False, highlight=False)
        style, name = ("yellow", "Warning: ") if record.levelno >= logging.WARNING else ("dim", "")
        console.print(f"{name}{record.getMessage()}", style=style, soft_wrap=True)


def announce() -> None:
    """Has them printed, each once however often this is called."""
    logger = logging.getLogger("ganapp")
    if not any(isinstance(handler, Notices) for handler in logger.handlers):
        logger.addHandler(Notices(logging.INFO))
        logger.setLevel(logging.INFO)
