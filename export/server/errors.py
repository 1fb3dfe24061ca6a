"""What the server refuses, each with the HTTP status that says so."""


class ServerError(Exception):
    """A request that is not answered; its sentence goes to the client.

    Args:
        sentence: what was expected, what came and what to do, for the client to read.
        status: HTTP status, 400 to 599; that of the class unless given.
    """

    status = 500

    def __init__(self, sentence: str, *, status: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status or self.status


class InvalidArgument(ServerError):
    """The request cannot be understood or asks for what the model does not give (400)."""

    status = 400


class NotFound(ServerError):
    """There is no such model, version, label, signature or page (404)."""

    status = 404


class Overloaded(ServerError):
    """The queue is full (429); `retry_after` seconds later another try makes sense."""

    status = 429

    def __init__(self, sentence: str, *, retry_after: int = 1) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Unavailable(ServerError):
    """The model is being loaded, or the server is stopping (503)."""

    status = 503


class DeadlineExceeded(ServerError):
    """The answer was not ready in time (504)."""

    status = 504


class StartError(Exception):
    """The server cannot be started; the message is one sentence for the user."""
