"""Hand an event to every observer, and let none of them break a call."""

import logging
from collections.abc import Iterable
from typing import Protocol

from dynamorm_async.observe.events import Event

logger = logging.getLogger("dynamorm_async")


class Observer(Protocol):
    """Something that is told what happens to calls.

    `on_event` runs on the event loop in the middle of the call: it must not block. An exception it
    raises is logged once and goes no further.
    """

    def on_event(self, event: Event) -> None:
        """Take note of one event."""
        ...


class Observers:
    """The observers of one client, told in the order given.

    Args:
        observers: May be empty; then this is false, and whoever would tell it needn't make events.
    """

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)
        self._failed: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._observers)

    def tell(self, event: Event) -> None:
        """Hand the event to each observer; the first failure of each is logged, none is raised."""
        for position, observer in enumerate(self._observers):
            try:
                observer.on_event(event)
            except Exception:  # a call must not fail because somebody watched it
                if position in self._failed:
                    continue
                self._failed.add(position)
                logger.exception(
                    "observer %s failed on %s; its further failures are not logged",
                    type(observer).__qualname__,
                    type(event).__name__,
                )
