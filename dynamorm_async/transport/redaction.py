"""Keep keys, tokens, items and signatures of our calls out of botocore's log lines.

At DEBUG botocore logs the canonical request with the session token, the whole request with its
authorization header, and the answer's body. The filter replaces what those lines are about, and
only while one of our attempts runs: other users of botocore see their own lines as before.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager

from dynamorm_async.transport.capture import Capture, current

REDACTED = "<redacted by dynamorm_async>"
LOGGERS = (
    "aiobotocore.credentials",
    "aiobotocore.regions",
    "aiobotocore.tokens",
    "aiobotocore.utils",
    "botocore.auth",
    "botocore.client",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.regions",
    "botocore.retryhandler",
    "botocore.retries.special",
    "botocore.retries.standard",
    "botocore.tokens",
    "botocore.utils",
)
_HARMLESS = (int, float, type(None))


class RedactingFilter(logging.Filter):
    """Replace the arguments of a line, but for numbers and the operation, while we run."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True; the record may have been changed."""
        if current.get() is None or not record.args:
            return True
        if isinstance(record.args, tuple):
            record.args = tuple(_safe(argument) for argument in record.args)
        else:
            record.args = dict.fromkeys(record.args, REDACTED)
        return True


def install() -> None:
    """Attach the filter to botocore's loggers, once for the process."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, RedactingFilter) for each in logger.filters):
            logger.addFilter(RedactingFilter())


@contextmanager
def redacting() -> Generator[None]:
    """Redact what botocore logs within, where no attempt of ours does so already."""
    install()
    token = current.set(Capture(cap=0, deadline=float("inf"))) if current.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            current.reset(token)


def _safe(argument: object) -> object:
    if isinstance(argument, _HARMLESS) or type(argument).__name__ == "OperationModel":
        return argument
    return REDACTED
