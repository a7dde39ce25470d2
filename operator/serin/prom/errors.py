"""Why samples could not be read.

`PrometheusError`, whose text a person can read, is one of
    Unreachable   no answer: connection, time-out, 5xx, too many requests, a body that is none of Prometheus'
    Refused       an answer that says no: bad query, forbidden, too many samples
    NotLetIn      a kind of Refused: whatever is asked
    TooLarge      a kind of Refused: with less asked for at once there may be an answer
"""


class PrometheusError(Exception):
    """Samples could not be read."""


class Unreachable(PrometheusError):
    """There was no answer, or none of Prometheus'.

    Attributes:
        retry_after: Seconds for which the server wants to be left alone; None if it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(PrometheusError):
    """Prometheus answered that it will not."""


class NotLetIn(Refused):
    """The credentials are wrong, or nothing of Prometheus' is at the address."""


class TooLarge(Refused):
    """The question or its answer is larger than somebody on the way allows."""
