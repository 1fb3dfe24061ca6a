"""The user's mistakes: one sentence, exit code 2, no traceback."""


class UserError(Exception):
    """Something the user can mend; its text is the sentence to print."""


class InUseError(UserError):
    """A run directory that belongs to another run or process."""
