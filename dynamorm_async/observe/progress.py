"""Tell a log how far a batch is: for `on_progress=`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from dynamorm_async.errors import InvalidRequest, quoted


class LogProgress:
    """Log how many keys or items are dealt with: `batch_put(marks, on_progress=LogProgress())`.

    One line at most in so many seconds, and the last one: "bookmarks: 500 of 5000 after 3.1 s". One
    of them is for one batch.

    Args:
        logger: Where to; None is the logger `dynamorm_async.progress`.
        every: Seconds between two lines, at least.
        description: What is counted.
        level: The level of the lines.
        clock: Seconds that only grow.

    Raises:
        InvalidRequest: `every` is no number of seconds.
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        *,
        every: float = 1.0,
        description: str = "batch",
        level: int = logging.INFO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_seconds(every)
        self._logger = logger or logging.getLogger("dynamorm_async.progress")
        self._every = every
        self._description = description
        self._level = level
        self._clock = clock
        self._begun = clock()
        self._last = self._begun
        self._total: int | None = None

    def __call__(self, done: int, total: int) -> None:
        """Log a line, unless the last one was just now and this is not the end."""
        now = self._clock()
        # Of a stream of unknown length, all is what was taken by now: that grows, and is no end.
        is_over = done == total and self._total in (None, total)
        self._total = total
        if is_over or now - self._last >= self._every:
            self._last = now
            self._logger.log(
                self._level, "%s: %d of %d after %.1f s", self._description, done, total, now - self._begun
            )


def _check_seconds(every: object) -> None:
    if not isinstance(every, (int, float)) or not every >= 0:  # false for NaN as well
        raise InvalidRequest(
            f"LogProgress(every={quoted(every)})",
            fix="give seconds, not below 0",
            code="observe.log-progress",
        )
