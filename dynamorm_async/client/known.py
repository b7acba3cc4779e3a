"""What a client knows of its tables' sizes by now."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from dynamorm_async.plan import Progress, QueryPlan, Statistics

_NOTHING = Statistics()
_MOST_TABLES = 1024


class Known:
    """Statistics by table name: from `db.admin.refresh_statistics`, and from what answers showed."""

    def __init__(self) -> None:
        self._tables: dict[str, Statistics] = {}

    def of(self, table: str) -> Statistics:
        """Return what is known of a table."""
        return self._tables.get(table, _NOTHING)

    def refresh(self, table: str, statistics: Statistics) -> None:
        """Take the sizes that the service gave in the place of the old ones; keep what was observed."""
        self._keep(table, replace(statistics, observed=self.of(table).observed))

    def observe(self, query: QueryPlan[Any], progress: Progress) -> None:
        """Take note of what a query evaluated that was followed to its end."""
        if query.key is None or query.question.limit is not None:
            return
        table = query.target.table
        known = self.of(table)
        found = known.with_observed(query.choice.access.name, query.key.form, progress.scanned)
        if found is not known:
            self._keep(table, found)

    def _keep(self, table: str, statistics: Statistics) -> None:
        # A name for each tenant should not grow without end.
        if table not in self._tables and len(self._tables) >= _MOST_TABLES:
            del self._tables[next(iter(self._tables))]
        self._tables[table] = statistics
