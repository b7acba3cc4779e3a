"""Numbers over the items of a query, worked out here while they stream by."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Sequence
from typing import Any, Self

from dynamorm_async.errors import InvalidRequest
from dynamorm_async.expressions import Path
from dynamorm_async.plan import Aggregate, Group, Groups, Kind, Target, field_of_aggregate, field_of_group


class Grouping:
    """A query whose items are told apart by some fields; `aggregate` says what to work out."""

    def __init__(
        self,
        target: Target[Any],
        by: Sequence[Path[Any, Any] | str],
        items: Callable[[tuple[str, ...], float | None], AsyncIterator[dict[str, Any]]],
    ) -> None:
        self._target = target
        self._by = tuple(dict.fromkeys(field_of_group(target, field) for field in by))
        self._items = items

    def aggregate(self, **aggregates: Aggregate) -> Aggregation:
        """Return what gives these numbers for each group: `aggregate(n=count(), hits=sum_(Model.visits))`.

        Args:
            aggregates: Name of the result to `count()`, `sum_(field)`, `avg`, `min_` or `max_`.

        Raises:
            InvalidRequest: There is none, a name is taken, a field is none, or its type has no sum or
                no order.
        """
        wanted: dict[str, tuple[Kind, str | None]] = {}
        for name, each in aggregates.items():
            if not isinstance(each, Aggregate):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidRequest(
                    f"aggregate({name}=…) is no aggregate",
                    fix="use count(), sum_(), avg(), min_() or max_()",
                    code="client.no-aggregate",
                )
            if name in self._by or name.startswith("_") or hasattr(Group, name):
                raise InvalidRequest(
                    f"aggregate({name}=…): groups have {name} already",
                    fix="use another name",
                    code="client.aggregate-name",
                )
            wanted[name] = (each.kind, field_of_aggregate(self._target, each))
        if not wanted:
            raise InvalidRequest(
                "aggregate() of nothing",
                fix="name a number: aggregate(n=count())",
                code="client.no-aggregate",
            )
        return Aggregation(self._by, wanted, self._items)


class Aggregation:
    """Numbers for each group; awaiting it sends the query and gives the rows, each a `Group`.

    Only the fields that are needed are read; whole items are paid for all the same. The rows are held
    in memory, the items are not. `budget(...)` on the query stops a runaway.
    """

    def __init__(
        self,
        by: tuple[str, ...],
        wanted: dict[str, tuple[Kind, str | None]],
        items: Callable[[tuple[str, ...], float | None], AsyncIterator[dict[str, Any]]],
        having: tuple[Callable[[Group], object], ...] = (),
    ) -> None:
        self._by = by
        self._wanted = wanted
        self._items = items
        self._having = having

    def having(self, test: Callable[[Group], object]) -> Self:
        """Keep only the groups for which the function is true: `having(lambda g: g.n > 1)`.

        Args:
            test: Gets the whole row; it runs here, when everything is read.
        """
        return type(self)(self._by, self._wanted, self._items, (*self._having, test))

    def __await__(self) -> Generator[Any, Any, list[Group]]:
        return self.rows().__await__()

    async def rows(self, *, timeout: float | None = None) -> list[Group]:
        """Send the query and return a row for each group, in the order in which they were met.

        Args:
            timeout: Seconds for all requests together.

        Raises:
            BudgetSpent: Its cursor leads on from there, but the rows until then are gone.
            InvalidValue: A field whose type allows anything holds what can't be added up or compared.
        """
        fields = dict.fromkeys((*self._by, *(field for _, field in self._wanted.values() if field)))
        groups = Groups(self._by, self._wanted)
        async for item in self._items(tuple(fields), timeout):
            groups.add(item)
        return groups.rows(self._having)
