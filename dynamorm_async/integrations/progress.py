"""Show how far a batch is as a bar of rich: for `on_progress=`."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from dynamorm_async.errors import InvalidRequest

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class RichProgress:
    """A progress bar: `with RichProgress("bookmarks") as bar: await batch_put(marks, on_progress=bar)`.

    Leaving the block ends the bar, also where the batch fails. Without a block it appears with the
    first call that got something done, and ends when all are. One of them is for one batch.

    Args:
        description: What stands before the bar.
        progress: A `rich.progress.Progress` that the caller starts and stops, to be one bar among
            others; by default, one of its own on the standard output.

    Raises:
        InvalidRequest: rich is not installed: `pip install 'dynamorm-async[rich]'`.
    """

    def __init__(self, description: str = "batch", *, progress: Progress | None = None) -> None:
        self._description = description
        self._own = progress is None
        self._progress = _bar() if progress is None else progress
        self._is_shown = False
        self._is_entered = False
        self._task: TaskID | None = None
        self._total: int | None = None

    def __enter__(self) -> Self:
        self._is_entered = True
        self._show()
        return self

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_entered = False
        self._end()

    def __call__(self, done: int, total: int) -> None:
        """Move the bar."""
        self._show()
        if self._task is None:
            self._task = self._progress.add_task(self._description, total=total)
        self._progress.update(self._task, completed=done, total=total)
        # Of a stream of unknown length, all is what was taken by now: that grows, and is no end.
        is_over = done == total and self._total in (None, total)
        self._total = total
        if is_over and not self._is_entered:
            self._end()

    def _show(self) -> None:
        if self._own and not self._is_shown:
            self._is_shown = True
            self._progress.start()

    def _end(self) -> None:
        if self._is_shown:
            self._is_shown = False
            self._progress.stop()


def _bar() -> Progress:
    try:
        from rich.progress import MofNCompleteColumn, Progress
    except ImportError as error:
        raise InvalidRequest(
            "RichProgress: rich is not installed",
            why=str(error),
            fix="pip install 'dynamorm-async[rich]', or use LogProgress",
            code="integrations.no-rich",
        ) from error
    return Progress(*Progress.get_default_columns(), MofNCompleteColumn())
