"""The user's mistakes: one sentence, exit code 2, no traceback."""

import contextlib
from collections.abc import Iterator


class UserError(ValueError):
    """Something the user can mend; its text is the sentence to print.

    From Python it is a `ValueError` like those of the layers below.
    """


class InUseError(UserError):
    """A run directory that belongs to another run or process."""


@contextlib.contextmanager
def as_user_errors(source: str) -> Iterator[None]:
    """Turns what the block raises about the data source and settings into a `UserError`."""
    import tensorflow as tf  # what may raise this has loaded it

    try:
        yield
    except ValueError as error:
        raise UserError(str(error).strip()) from error
    except OSError as error:
        raise UserError(
            f"The data source {source!r} cannot be prepared: {error.filename} cannot be read or "
            f"written ({error.strerror})."
        ) from error
    except (tf.errors.OpError, MemoryError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "out of memory"
        raise UserError(
            "The data or the networks do not fit in memory, or the prepared data are damaged "
            f"(delete `data.cache_dir` then): {reason}"
        ) from error
