"""What the server refuses, each with the HTTP status that says so."""


class ServerError(Exception):
    """A request that is not answered; its sentence goes to the client.

    Args:
        status: HTTP status, 400 to 599.
        sentence: what was expected, what came and what to do, for the client to read.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class InvalidArgument(ServerError):
    """The request cannot be understood or asks for what the model does not give (400)."""

    def __init__(self, sentence: str) -> None:
        super().__init__(400, sentence)


class NotFound(ServerError):
    """There is no such model, version, label, signature or page (404)."""

    def __init__(self, sentence: str) -> None:
        super().__init__(404, sentence)


class TooLarge(ServerError):
    """The body has more bytes than the server takes (413)."""

    def __init__(self, sentence: str) -> None:
        super().__init__(413, sentence)


class Overloaded(ServerError):
    """The queue is full (429).

    Args:
        sentence: for the client to read.
        retry_after: seconds after which another try makes sense, for the header `Retry-After`.
    """

    def __init__(self, sentence: str, *, retry_after: int = 1) -> None:
        super().__init__(429, sentence)
        self.retry_after = retry_after


class Unavailable(ServerError):
    """The model is being loaded, or the server is stopping (503)."""

    def __init__(self, sentence: str) -> None:
        super().__init__(503, sentence)


class DeadlineExceeded(ServerError):
    """The answer was not ready in time (504)."""

    def __init__(self, sentence: str) -> None:
        super().__init__(504, sentence)


class StartError(Exception):
    """The server cannot be started; the message is one sentence for the user."""
