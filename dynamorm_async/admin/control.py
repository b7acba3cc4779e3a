"""What every verb of the control plane begins with: which table is meant, and until when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import attrs

from dynamorm_async.admin.asking import Asking
from dynamorm_async.admin.bringing import Bringing
from dynamorm_async.admin.settings import TableSettings
from dynamorm_async.admin.shapes import TableShape, wanted_with_claims
from dynamorm_async.admin.waiting import OnTable, Watch
from dynamorm_async.errors import InvalidModel
from dynamorm_async.plan import Target

M = TypeVar("M")


class Targets(Protocol):
    """Gives a model's target, under its own table's name or another."""

    def __call__(self, model: type[M], name: str | None) -> Target[M]:
        """Return it; `name` is the table's name or ARN, or None for the model's own."""
        ...


@attrs.frozen
class ControlPlane:
    """A client's way to the control plane, its models, its clock.

    Attributes:
        ask: Asks it.
        target: Gives a model's target.
        clock: Gives the time, in seconds.
    """

    ask: Asking
    target: Targets
    clock: Callable[[], float]
    _sleep: Callable[[float], Awaitable[object]]

    def wanted(
        self, models: tuple[type[Any], ...], name: str | None, settings: TableSettings | None
    ) -> tuple[TableShape, ...]:
        """Return the table of models, with that of their claims; InvalidModel where it is none or several."""
        if not models:
            raise InvalidModel("no model was given", fix="name the models of the table")
        targets = [self.target(model, name) for model in models]
        tables = {target.table for target in targets}
        if len(tables) > 1:
            raise InvalidModel(
                f"{' and '.join(model.__name__ for model in models)} are of different tables",
                why=f"they name {', '.join(sorted(tables))}",
                fix="call once for each table, or give name=",
                code="admin.different-tables",
            )
        return wanted_with_claims(targets, settings)

    def by_table(self, models: tuple[type[Any], ...]) -> dict[str, list[Target[Any]]]:
        """Return models by the names of their tables."""
        groups: dict[str, list[Target[Any]]] = {}
        for model in models:
            target = self.target(model, None)
            groups.setdefault(target.table, []).append(target)
        return groups

    def named(self, model: type[Any] | str, name: str | None) -> str:
        """Return the name of a model's table; a name is one already."""
        return model if isinstance(model, str) else self.target(model, name).table

    def deadline(self, timeout: float) -> float:
        """Return when so many seconds will have passed."""
        return self.clock() + timeout

    def watch(self, table: str, timeout: float, on_progress: OnTable | None) -> Watch:
        """Return the waiting of one verb."""
        return Watch(table, timeout, self.clock, self._sleep, on_progress)

    def on(self, watch: Watch) -> Bringing:
        """Return the work of one verb on one table."""
        return Bringing(self.ask, watch)
