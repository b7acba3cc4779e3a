"""What a client knows of its tables' sizes by now."""

from __future__ import annotations

from typing import Any

from dynamorm_async.plan import Progress, QueryPlan, Statistics

_NOTHING = Statistics()


class Known:
    """Statistics by table name: from `db.admin.refresh_statistics`, and from what answers showed."""

    def __init__(self) -> None:
        self._tables: dict[str, Statistics] = {}

    def of(self, table: str) -> Statistics:
        """Return what is known of a table."""
        return self._tables.get(table, _NOTHING)

    def refresh(self, table: str, statistics: Statistics) -> None:
        """Take the sizes that the service gave in the place of the old ones."""
        self._tables[table] = statistics

    def observe(self, query: QueryPlan[Any], progress: Progress) -> None:
        """Take note of what a query evaluated that was followed to its end."""
        if query.key is None or query.question.limit is not None:
            return
        table = query.target.table
        known = self.of(table)
        found = known.with_observed(query.choice.access.name, query.key.form, progress.scanned)
        if found is not known:
            self._tables[table] = found
