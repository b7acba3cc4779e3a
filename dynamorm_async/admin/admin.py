"""Create, ensure, describe and delete tables, and wait until they are what was asked for."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar, cast

import anyio

from dynamorm_async.admin.shapes import (
    TableShape,
    create_request,
    described,
    differences,
    sizes,
    wanted,
    wanted_claims,
)
from dynamorm_async.errors import (
    AccessDenied,
    CallTimeout,
    InvalidModel,
    RequestRefused,
    TableInUse,
    TableMismatch,
    TableNotFound,
)
from dynamorm_async.plan import Statistics, Target, claims_table
from dynamorm_async.wire import Call, Repeat, Send

M = TypeVar("M")

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 5.0


class _Targets(Protocol):
    def __call__(self, model: type[M], name: str | None) -> Target[M]: ...


class Admin:
    """The tables of a client; `db.admin`.

    Every verb takes `timeout=`, in seconds for everything including the wait; it raises CallTimeout
    when a table does not become what was asked for in that time, and goes on where it stopped when
    it is called again.
    """

    def __init__(
        self,
        send: Send,
        *,
        target: _Targets,
        learn: Callable[[str, Statistics], None] | None = None,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._send = send
        self._target = target
        self._learn = learn
        self._sleep = sleep
        self._clock = clock

    async def create_table(
        self, *models: type[Any], name: str | None = None, timeout: float = 300.0
    ) -> TableShape:
        """Create the table of one or more models and wait until it is active.

        Keys, indexes and projections are the models'; billing is on demand; time-to-live is turned
        on where a model has a ttl field. Where one has unique fields, the table of claims on their
        values, `<table>-unique`, is made as well, here, in `ensure_table` and in `delete_table`.

        Args:
            models: Models that share one table.
            name: The table's name, instead of the models' own.
            timeout: Seconds.

        Raises:
            TableInUse: A table of this name exists.
            InvalidModel: The models disagree, or are of different tables.
        """
        shapes = self._wanted(models, name)
        deadline = self._clock() + timeout
        for want in shapes:
            await self._call("CreateTable", create_request(want), want.name, deadline, repeat=Repeat.GUARDED)
            await self._until_active(want.name, deadline)
            await self._turn_ttl_on(want, deadline)
        return shapes[0]

    async def ensure_table(
        self, *models: type[Any], name: str | None = None, timeout: float = 300.0
    ) -> TableShape:
        """Make sure that the table of one or more models is there, active, and of their shape.

        Creates it where it is missing, after one that is being deleted is gone, and turns
        time-to-live on; changes nothing else. Safe to call from many processes at once.

        Raises:
            TableMismatch: It exists in another shape; the text and `differences` say how.
            InvalidModel: The models disagree, or are of different tables.
        """
        shapes = self._wanted(models, name)
        deadline = self._clock() + timeout
        for want in shapes:
            await self._ensure(want, models, deadline)
        return shapes[0]

    async def _ensure(self, want: TableShape, models: tuple[type[Any], ...], deadline: float) -> None:
        if not await self._is_there(want.name, deadline):
            # Another process was faster, or our own first attempt was: what counts is what is there.
            with suppress(TableInUse):
                await self._call("CreateTable", create_request(want), want.name, deadline)
        table = await self._until_active(want.name, deadline)
        found = differences(want, described(table))
        if found:
            raise TableMismatch(
                f"the table {want.name} is not what {' and '.join(model.__name__ for model in models)} needs",
                differences=found,
                fix="change the model, use another table name, or change the table",
                table=want.name,
            )
        await self._turn_ttl_on(want, deadline)

    async def describe_table(
        self, model: type[Any], *, name: str | None = None, timeout: float = 30.0
    ) -> dict[str, Any]:
        """Return what the service says of a model's table: DescribeTable's `Table`, as JSON data.

        Raises:
            TableNotFound: There is no such table.
        """
        return await self._describe(self._target(model, name).table, self._clock() + timeout)

    async def refresh_statistics(
        self, *models: type[Any], name: str | None = None, timeout: float = 30.0
    ) -> tuple[Statistics | None, ...]:
        """Ask the service how large tables and their indexes are; queries are priced with it from then on.

        One DescribeTable for each model. The service's numbers are up to six hours old. An index that is
        still being built is not chosen until this is called again.

        Args:
            models: The models.
            name: The table's name, instead of the models' own.
            timeout: Seconds.

        Returns:
            What was found, in order; None where the identity may not describe the table, which leaves
            queries as they were.

        Raises:
            TableNotFound: There is no such table.
        """
        deadline = self._clock() + timeout
        found: list[Statistics | None] = []
        for model in models:
            table = self._target(model, name).table
            try:
                statistics = sizes(await self._describe(table, deadline))
            except AccessDenied:
                found.append(None)
                continue
            if self._learn is not None:
                self._learn(table, statistics)
            found.append(statistics)
        return tuple(found)

    async def delete_table(
        self, model: type[Any], *, name: str | None = None, timeout: float = 300.0
    ) -> None:
        """Delete a model's table with everything in it, and wait until it is gone.

        The claims of a model with unique fields are deleted with it.

        Raises:
            TableNotFound: There is no such table.
            TableInUse: It is being created or changed.
        """
        target = self._target(model, name)
        deadline = self._clock() + timeout
        await self._delete(target.table, deadline)
        if target.is_unique:
            with suppress(TableNotFound):
                await self._delete(claims_table(target.table), deadline)

    async def _delete(self, table: str, deadline: float) -> None:
        await self._call("DeleteTable", _named(table), table, deadline, repeat=Repeat.GUARDED)
        await self._until_gone(table, deadline)

    async def _is_there(self, table: str, deadline: float) -> bool:
        try:
            found = await self._describe(table, deadline)
        except TableNotFound:
            return False
        if found["TableStatus"] != "DELETING":
            return True
        await self._until_gone(table, deadline)
        return False

    async def _until_gone(self, table: str, deadline: float) -> None:
        wait = _FIRST_WAIT
        while True:
            try:
                await self._describe(table, deadline)
            except TableNotFound:
                return
            wait = await self._wait(wait, deadline, f"the table {table} is still being deleted")

    def _wanted(self, models: tuple[type[Any], ...], name: str | None) -> list[TableShape]:
        """Return the table of models, and that of the claims on their unique values where they have such."""
        if not models:
            raise InvalidModel("no model was given", fix="name the models of the table")
        targets = [self._target(model, name) for model in models]
        tables = {target.table for target in targets}
        if len(tables) > 1:
            raise InvalidModel(
                f"{' and '.join(model.__name__ for model in models)} are of different tables",
                why=f"they name {', '.join(sorted(tables))}",
                fix="call once for each table, or give name=",
                code="admin.different-tables",
            )
        claims = wanted_claims(targets)
        return [wanted(targets), *([claims] if claims is not None else [])]

    async def _until_active(self, table: str, deadline: float) -> dict[str, Any]:
        wait = _FIRST_WAIT
        while True:
            try:
                found = await self._describe(table, deadline)
            except TableNotFound:
                # The service may not know a new table at once.
                found = {"TableStatus": "not there yet"}
            indexes = cast("list[dict[str, Any]]", found.get("GlobalSecondaryIndexes") or [])
            states = {found["TableStatus"], *(index.get("IndexStatus", "ACTIVE") for index in indexes)}
            if states == {"ACTIVE"}:
                return found
            wait = await self._wait(wait, deadline, f"the table {table} is {found['TableStatus']}")

    async def _wait(self, wait: float, deadline: float, state: str) -> float:
        if self._clock() + wait > deadline:
            raise CallTimeout(
                f"{state}, and the deadline passed",
                fix="call again; it goes on, perhaps with a longer timeout=",
            )
        await self._sleep(wait)
        return min(wait * 1.5, _LONGEST_WAIT)

    async def _turn_ttl_on(self, want: TableShape, deadline: float) -> None:
        if want.ttl is None or await self._is_ttl_on(want, deadline):
            return
        body = {
            "TableName": want.name,
            "TimeToLiveSpecification": {"Enabled": True, "AttributeName": want.ttl},
        }
        try:
            await self._call("UpdateTimeToLive", json.dumps(body).encode(), want.name, deadline)
        except RequestRefused:
            # Of two processes that ensure one table at once, the second is refused.
            if not await self._is_ttl_on(want, deadline):
                raise

    async def _is_ttl_on(self, want: TableShape, deadline: float) -> bool:
        answer = await self._call("DescribeTimeToLive", _named(want.name), want.name, deadline)
        status = cast("dict[str, Any]", answer.get("TimeToLiveDescription") or {})
        if status.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            return False
        if status.get("AttributeName") == want.ttl:
            return True
        raise TableMismatch(
            f"the table {want.name} expires its items by another attribute",
            differences=(f"time-to-live is on {status.get('AttributeName')!r}, wanted {want.ttl!r}",),
            fix="turn it off first; the service allows one change an hour",
            table=want.name,
        )

    async def _describe(self, table: str, deadline: float) -> dict[str, Any]:
        answer = await self._call("DescribeTable", _named(table), table, deadline)
        return cast("dict[str, Any]", answer["Table"])

    async def _call(
        self, operation: str, body: bytes, table: str, deadline: float, *, repeat: Repeat = Repeat.HARMLESS
    ) -> dict[str, Any]:
        left = deadline - self._clock()
        if left <= 0:
            raise CallTimeout(
                f"{operation} on {table}: the deadline passed before it was sent",
                fix="call again; it goes on, perhaps with a longer timeout=",
                operation=operation,
                table=table,
            )
        call = Call(operation=operation, body=body, tables=(table,), repeat=repeat, timeout=left)
        return cast("dict[str, Any]", json.loads((await self._send(call)).body))


def _named(table: str) -> bytes:
    return json.dumps({"TableName": table}).encode()
