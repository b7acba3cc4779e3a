"""Transactions: writes to several items that happen together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, cast

import anyio
import anyio.lowlevel
import msgspec

from dynamorm_async.errors import InvalidRequest
from dynamorm_async.executors import check_bounds, steps
from dynamorm_async.expressions import Condition, Path, Update
from dynamorm_async.plan import (
    Key,
    Operation,
    Plan,
    Target,
    check,
    model_of,
    operation,
    refuse_other,
    together,
    verbs_of,
)
from dynamorm_async.wire import Call, Reply, Send

M = TypeVar("M")


class Targets(Protocol):
    """Gives the target of a model, in a table of another name where one is given."""

    def __call__(self, model: type[M], name: str | None) -> Target[M]:
        """Return the target."""
        ...


class TransactionOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one transaction of `db.transact_many`.

    Attributes:
        results: One result for each operation, where it was committed; else None.
        error: Why it was not, or None. OutcomeUnknown: nobody knows.
    """

    results: list[Any] | None = None
    error: Exception | None = None

    @property
    def is_committed(self) -> bool:
        """Whether it was carried out for certain."""
        return self.error is None


class Transaction:
    """Writes that are sent as one TransactWriteItems; from `db.transaction()`.

    The methods take what the verbs of a table take and return the transaction, so that they can be
    chained; nothing is sent before `commit`, or before the end of an `async with` block, which
    sends nothing where the block raises. At most 100 operations and 4 MB, each about an item of its
    own. Versions, times and templates are kept as everywhere. Each operation takes twice the write
    units that it takes alone. Each value of a unique field that is taken or freed is one more of the
    100, of two write units; what bare keys free is read first, by one TransactGetItems.

    A key is `Key(Model, …)` or an instance; `name` is the table's name where it is not the model's
    own.
    """

    def __init__(
        self,
        target: Targets,
        send: Send,
        *,
        now: Callable[[], datetime],
        token: str,
        is_given: bool = False,
        timeout: float | None = None,
    ) -> None:
        self._target = target
        self._send = send
        self._now = now
        self._token = token
        self._is_given = is_given
        self._timeout = timeout
        self._operations: list[Operation] = []
        self._results: list[Any] | None = None
        self._is_sent = False

    def __repr__(self) -> str:
        verbs = ", ".join(f"{each.verb} {each.model}" for each in self._operations)
        return f"<Transaction {verbs or 'of nothing yet'}>"

    def __len__(self) -> int:
        return len(self._operations)

    @property
    def results(self) -> list[Any]:
        """What each operation gave: the stored instance of a create or a put, else None.

        Raises:
            InvalidRequest: The transaction was not committed.
        """
        if self._results is None:
            raise InvalidRequest(
                "a transaction that was not committed has no results",
                fix="await commit(), or leave the block first",
                code="client.no-results",
            )
        return self._results

    def create(self, item: M, *, when: Condition[M] | None = None, name: str | None = None) -> Self:
        """Store a new item, whose key must be free."""
        target = self._of(item, name)
        return self._add(
            "create", target, item, verbs_of(target).create(target, item, now=self._now(), when=when)
        )

    def put(self, item: M, *, when: Condition[M] | None = None, name: str | None = None) -> Self:
        """Store an item over whatever is there; a held version must be the stored one."""
        target = self._of(item, name)
        return self._add("put", target, item, verbs_of(target).put(target, item, now=self._now(), when=when))

    def save(
        self,
        item: M,
        *,
        fields: Sequence[Path[M, Any] | str] | None = None,
        when: Condition[M] | None = None,
        name: str | None = None,
    ) -> Self:
        """Write an instance's fields over the stored ones under the version check."""
        target = self._of(item, name)
        plan = verbs_of(target).save(
            target, item, now=self._now(), fields=fields, when=when, returning="NONE"
        )
        return self._add("save", target, item, plan)

    def upsert(self, item: M, *, when: Condition[M] | None = None, name: str | None = None) -> Self:
        """Create the item or write its fields over the stored ones."""
        target = self._of(item, name)
        plan = verbs_of(target).upsert(target, item, now=self._now(), when=when, returning="NONE")
        return self._add("upsert", target, item, plan)

    def update(
        self,
        key: Key[M] | M,
        *updates: Update[M],
        when: Condition[M] | None = None,
        name: str | None = None,
    ) -> Self:
        """Change an item that must be there."""
        target = self._of(key, name)
        plan = verbs_of(target).update(target, key, updates, now=self._now(), when=when, returning="NONE")
        return self._add("update", target, key, plan)

    def delete(self, key: Key[M] | M, *, when: Condition[M] | None = None, name: str | None = None) -> Self:
        """Delete an item; one that is absent is fine unless something is demanded of it."""
        target = self._of(key, name)
        return self._add("delete", target, key, verbs_of(target).delete(target, key, when=when))

    def check(
        self, key: Key[M] | M, condition: Condition[M] | None = None, *, name: str | None = None
    ) -> Self:
        """Demand something of an item that is not written; without a condition, that it is there.

        An instance demands that its version is the stored one.
        """
        target = self._of(key, name)
        return self._add("check", target, key, check(target, key, condition))

    def plan(self) -> Plan[list[Any]]:
        """Return what would be sent, to look at.

        Raises:
            LimitExceeded: Over 100 operations, or 4 MB.
            InvalidRequest: No operation, two about one item, or tables of two regions.
        """
        return together(self._operations, self._token, is_given=self._is_given)

    async def commit(self, *, timeout: float | None = None) -> list[Any]:
        """Send all operations as one, and return what each gave.

        One TransactWriteItems. It is repeated under its token where its answer is lost, and after
        conflicts with other transactions, so that it is applied once or not at all.

        Args:
            timeout: Seconds; None for those of the transaction, or the client's own.

        Raises:
            TransactionFailed: It was cancelled, and nothing was changed; `reasons` has one entry for
                each operation, `failed` those to blame. Where a condition failed it is a
                ConditionFailed, a VersionConflict where a held version did, and a UniqueViolation
                where only a value was taken.
            InvalidRequest, LimitExceeded: As `plan` does, before anything is sent; or it was sent before.
            IdempotencyMismatch: The token was used for another transaction.
            OutcomeUnknown: It was sent, and no answer came to the end of all attempts.
        """
        self._refuse_sent("a second commit would be another transaction under the same token")
        plan = self.plan()
        self._results = await steps(plan, self._sent, timeout=self._timeout if timeout is None else timeout)
        return self._results

    async def _sent(self, call: Call) -> Reply:
        # Only now: what is refused before it is sent may be mended and committed.
        self._is_sent = self._is_sent or call.operation == "TransactWriteItems"
        return await self._send(call)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None and not self._is_sent:
            # A block that was cancelled at its very end has not been told yet, and must send nothing.
            await anyio.lowlevel.checkpoint()
            await self.commit()

    def _of(self, thing: Any, name: str | None) -> Target[Any]:
        model = model_of(thing)
        if model is None:
            raise refuse_other(thing)
        return self._target(model, name)

    def _refuse_sent(self, why: str) -> None:
        if self._is_sent:
            raise InvalidRequest(
                "this transaction was sent before",
                why=why,
                fix="make another one with db.transaction()",
                code="client.committed-twice",
            )

    def _add(self, verb: Any, target: Target[Any], key: object, plan: Plan[Any]) -> Self:
        self._refuse_sent("what is added now would not be a part of it")
        self._operations.append(operation(verb, target, key, plan))
        return self


async def commit_all(
    transactions: Iterable[Transaction], *, concurrency: int, timeout: float | None
) -> list[TransactionOutcome]:
    """Commit independent transactions at the same time; see `Client.transact_many`."""
    check_bounds(concurrency, timeout)
    given: Any = transactions
    found: list[Any] = list(cast("Iterable[Any]", given)) if isinstance(given, Iterable) else [None]
    if not all(isinstance(each, Transaction) for each in found):
        raise InvalidRequest(
            "transact_many takes transactions",
            fix="fill them and don't commit: [db.transaction().put(a).delete(b), …]",
            code="client.no-transaction",
        )
    outcomes: dict[int, TransactionOutcome] = {}
    waiting = iter(enumerate(found))

    async def carry() -> None:
        for number, transaction in waiting:
            outcomes[number] = await _outcome(transaction, timeout)

    async with anyio.create_task_group() as tasks:
        for _ in range(min(concurrency, len(found))):
            tasks.start_soon(carry)
    return [outcomes[number] for number in range(len(found))]


async def _outcome(transaction: Transaction, timeout: float | None) -> TransactionOutcome:
    try:
        return TransactionOutcome(results=await transaction.commit(timeout=timeout))
    except Exception as error:  # noqa: BLE001 - a middleware's own error must not stop the others
        return TransactionOutcome(error=error)
