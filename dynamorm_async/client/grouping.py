"""Numbers over the items of a query, worked out here while they stream by."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Sequence
from typing import Any, Self

from dynamorm_async.errors import InvalidRequest
from dynamorm_async.plan import Aggregate, Group, Groups, Kind, Target, field_name


class Grouping:
    """A query whose items are told apart by some fields; `aggregate` says what to work out."""

    def __init__(
        self,
        target: Target[Any],
        by: Sequence[str],
        items: Callable[[tuple[str, ...], float | None], AsyncIterator[dict[str, Any]]],
    ) -> None:
        self._target = target
        self._by = tuple(by)
        self._items = items

    def aggregate(self, **aggregates: Aggregate) -> Aggregation:
        """Return what gives these numbers for each group: `aggregate(n=count(), hits=sum_(Model.visits))`.

        Raises:
            InvalidRequest: There is none, a name is taken by a field of the group, or a field is none.
        """
        wanted: dict[str, tuple[Kind, str | None]] = {}
        for name, each in aggregates.items():
            if not isinstance(each, Aggregate):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidRequest(
                    f"aggregate({name}=…)", fix="use count(), sum_(), avg(), min_() or max_()"
                )
            if name in self._by:
                raise InvalidRequest(
                    f"aggregate({name}=…): groups have a field of this name", fix="use another name"
                )
            field = None if each.path is None else field_name(self._target, each.path, what=f"{each.kind}")
            wanted[name] = (each.kind, field)
        if not wanted:
            raise InvalidRequest("aggregate() of nothing", fix="name a number: aggregate(n=count())")
        return Aggregation(self._by, wanted, self._items)


class Aggregation:
    """Numbers for each group; awaiting it sends the query and gives the rows as `Group`s.

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
        """Keep only the groups for which the function is true: `having(lambda g: g.n > 1)`."""
        return type(self)(self._by, self._wanted, self._items, (*self._having, test))

    def __await__(self) -> Generator[Any, Any, list[Group]]:
        return self.rows().__await__()

    async def rows(self, *, timeout: float | None = None) -> list[Group]:
        """Send the query and return a row for each group, in the order in which they were met.

        Args:
            timeout: Seconds for all requests together.
        """
        fields = dict.fromkeys((*self._by, *(field for _, field in self._wanted.values() if field)))
        groups = Groups(self._by, self._wanted)
        async for item in self._items(tuple(fields), timeout):
            groups.add(item)
        return groups.rows(self._having)
