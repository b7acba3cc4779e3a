"""Transactions: several writes, or several reads, that happen together or not at all.

Takes the plans of single verbs; gives one plan of TransactWriteItems or TransactGetItems, and of a
cancellation the error of the operations that stopped it. Pure: the token is an argument.

Source: API reference, TransactWriteItems and TransactGetItems: at most 100 operations and 4 MB, one
operation for an item, a token of 1 to 36 characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

import attrs
import msgspec

from dynamorm_async.codecs import decoded, quote
from dynamorm_async.errors import (
    CancellationReason,
    ConditionFailed,
    DynamormError,
    InvalidExpression,
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    ProtocolError,
    ServiceError,
    TransactionConditionFailed,
    TransactionConflict,
    TransactionFailed,
    TransactionUniqueViolation,
    TransactionVersionConflict,
    UniqueViolation,
    VersionConflict,
    quoted,
)
from dynamorm_async.expressions import Condition, Request
from dynamorm_async.plan.changes import both, exists, held_version, version_is
from dynamorm_async.plan.claims import Claim, settled
from dynamorm_async.plan.keys import KeyParts, key_parts
from dynamorm_async.plan.plan import Estimate, Plan
from dynamorm_async.plan.reasons import UNMET, error_alone
from dynamorm_async.plan.refusals import Demand, refusal, shown
from dynamorm_async.plan.single import find
from dynamorm_async.plan.target import Target
from dynamorm_async.wire import LIMITS, Call, Repeat, Reply, item_size, write_units

M = TypeVar("M")

Verb = Literal["create", "put", "save", "update", "upsert", "delete", "check", "get"]

_MEMBERS = {
    "PutItem": "Put",
    "UpdateItem": "Update",
    "DeleteItem": "Delete",
    "ConditionCheck": "ConditionCheck",
}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One write, or one read, of a transaction.

    Attributes:
        verb: What it does.
        model: Name of the model.
        item: What it is about: table and key, as texts.
        plan: Its plan, as if it were sent alone.
        parts: The key.
        claims: The values of unique fields that it takes and frees.
    """

    verb: Verb
    model: str
    item: tuple[str, str]
    plan: Plan[Any]
    parts: KeyParts
    claims: tuple[Claim, ...] = ()

    def __repr__(self) -> str:
        return f"Operation({self.verb} {self.model})"


def operation(verb: Verb, target: Target[Any], key: object, plan: Plan[Any]) -> Operation:
    """Return one write of a transaction.

    Args:
        verb: What it does.
        target: Of its model and table.
        key: The key, or an instance.
        plan: What the verb sends alone; it returns no values.
    """
    parts = key_parts(target.record, key)
    return Operation(
        verb=verb, model=target.spec.name, item=(target.table, parts.text), plan=plan, parts=parts
    )


def check(target: Target[M], key: object, condition: Condition[M] | None) -> Plan[None]:
    """Return the plan of a test of an item that is not written; it is no request of its own.

    An instance as key demands the version that it holds. Without either, the item must be there.
    """
    parts = key_parts(target.record, key)
    held = None if parts.item is None else held_version(target, parts.item)
    own = version_is(target, held) if held is not None else None
    wanted = both(own, condition, what="check(...): ")
    demand = Demand(
        condition=exists(target) if wanted is None else wanted,
        held=held,
        absent="refused" if wanted is None or held is not None else "fine",
    )
    return tested(target, parts, demand)


def tested(target: Target[Any], parts: KeyParts, demand: Demand) -> Plan[None]:
    """Return the plan of a test of an item that is not written, which demands something."""
    members = {"Key": parts.text, "ReturnValuesOnConditionCheckFailure": '"ALL_OLD"'}
    body = target.body(members, Request(condition=demand.condition))
    call = Call(operation="ConditionCheck", body=body, tables=target.tables, keys=(parts.values,))
    return Plan(first=call, read=_nothing, refused=refusal(target, parts, demand), demanded=demand.condition)


def transact(operations: Sequence[Operation], token: str) -> Plan[list[Any]]:
    """Return the plan of one TransactWriteItems; its result is what each operation's would be.

    Raises:
        LimitExceeded: It has no operation, over 100, over 4 MB, or the token is too long.
        InvalidRequest: Two operations are about one item, or two tables in two regions.
    """
    claims = settled(claim for each in operations for claim in each.claims)
    _check_count(len(operations), len(claims))
    _check_token(token)
    _check_one_each(operations)
    calls = [each.plan.first for each in operations]
    if claims:
        calls += [claim.call for claim in claims]
    call = written_together(calls, token)
    _check_region(call.tables)
    # JSON is never shorter than what it says, so that most transactions need no closer look.
    if len(call.body) > LIMITS.transaction_bytes:
        _check_size(sum(map(_least_size, calls)))

    def read(reply: Reply) -> list[Any]:
        return [each.plan.read(reply) for each in operations]

    return Plan(
        first=call,
        read=read,
        refused=_told(operations, claims),
        price=partial(_price, operations, claims),
    )


def written_together(calls: Sequence[Call], token: str) -> Call:
    """Return the TransactWriteItems of writes that were compiled to be sent alone."""
    texts = [b'{"%b":%b}' % (_MEMBERS[each.operation].encode(), each.body) for each in calls]
    return Call(
        operation="TransactWriteItems",
        body=b'{"TransactItems":[%b],"ClientRequestToken":%b}' % (b",".join(texts), quote(token).encode()),
        tables=tuple(dict.fromkeys(table for each in calls for table in each.tables)),
        keys=tuple(key for each in calls for key in each.keys),
        repeat=Repeat.ONCE,
        token=token,
    )


def transact_get(keys: Sequence[tuple[Target[Any], object]]) -> Plan[tuple[Any, ...]]:
    """Return the plan of one TransactGetItems; its result has an instance or None for each key.

    Raises:
        LimitExceeded: There is no key, or there are over 100.
        InvalidRequest: Two tables are in two regions.
        InvalidKey: One is no key of its model.
    """
    _check_count(len(keys))
    operations: list[Operation] = []
    places: dict[tuple[str, str], int] = {}
    asked: list[tuple[Target[Any], int]] = []
    for target, key in keys:
        each = operation("get", target, key, find(target, key, consistent=False))
        place = places.setdefault(each.item, len(operations))
        if place == len(operations):
            operations.append(each)
        asked.append((target, place))
    call = Call(
        operation="TransactGetItems",
        body=b'{"TransactItems":[%b]}'
        % b",".join(b'{"Get":%b}' % each.plan.first.body for each in operations),
        tables=tuple(dict.fromkeys(each.item[0] for each in operations)),
        keys=tuple(each.parts.values for each in operations),
    )
    _check_region(call.tables)

    def read(reply: Reply) -> tuple[Any, ...]:
        found = item_bodies(reply.body, len(operations))
        return tuple(_decoded(target, operations[place], found[place]) for target, place in asked)

    price = Estimate(read_units=2.0 * len(operations))
    return Plan(first=call, read=read, refused=_told(operations), price=price)


def _decoded(target: Target[Any], each: Operation, body: bytes) -> Any:
    try:
        return target.record.decode_item(body)
    except InvalidValue as error:
        error.table, error.key = target.table, each.parts.values
        raise


class _Responses(msgspec.Struct):
    Responses: list[msgspec.Raw]


_RESPONSES = msgspec.json.Decoder(_Responses)


def item_bodies(body: bytes, count: int) -> list[bytes]:
    """Return what GetItem would have answered for each key of an answer to TransactGetItems.

    Raises:
        ProtocolError: It is not of the operation's shape, or of other keys.
    """
    answer: _Responses = decoded(_RESPONSES, body, code="plan.protocol")
    found = [bytes(each) for each in answer.Responses]
    if len(found) != count:
        raise ProtocolError(f"{len(found)} answers came for {count} keys", code="plan.protocol")
    return [b"{}" if each.strip() == b"null" else each for each in found]


def _check_count(count: int, claims: int = 0) -> None:
    if not count:
        raise InvalidRequest(
            "a transaction of nothing", fix="add an operation, or send none", code="plan.empty-transaction"
        )
    if count + claims > LIMITS.transaction_items:
        beside = f" and {claims} claims on unique values" if claims else ""
        raise LimitExceeded(
            f"a transaction of {count} operations{beside}",
            why=f"the service takes at most {LIMITS.transaction_items} that happen together",
            fix="put less into one; what need not happen together: db.transact_many or batches",
            code="plan.transaction-count",
        )


def _check_token(token: object) -> None:
    is_text = isinstance(token, str) and token.isprintable() and token.isascii()
    if not isinstance(token, str) or not is_text or not 1 <= len(token) <= LIMITS.token_characters:
        raise LimitExceeded(
            f"transaction(token={quoted(token)})",
            why=f"a token has 1 to {LIMITS.token_characters} characters of ASCII",
            fix="leave it out, or give a UUID",
            code="plan.transaction-token",
        )


def _check_size(size: int) -> None:
    if size > LIMITS.transaction_bytes:
        raise LimitExceeded(
            f"a transaction of at least {size} bytes",
            why=f"the service takes at most {LIMITS.transaction_bytes}",
            fix="put less into one transaction; what need not happen together can be several",
            code="plan.transaction-size",
        )


def _check_one_each(operations: Iterable[Operation]) -> None:
    seen: dict[tuple[str, str], tuple[int, Operation]] = {}
    for number, each in enumerate(operations):
        first = seen.setdefault(each.item, (number, each))
        if first[0] != number:
            raise InvalidRequest(
                f"operations {first[0]} ({first[1].verb}) and {number} ({each.verb}) are about one item: "
                f"{each.model} {shown(each.parts)}",
                why="the service takes one operation for an item in a transaction",
                fix="say both in one update; a condition goes to when=",
                code="plan.transaction-twice",
            )


def _check_region(tables: Sequence[str]) -> None:
    if len(tables) == 1:
        return
    # arn:aws:dynamodb:eu-west-1:123456789012:table/orders
    regions = {each.split(":")[3]: each for each in tables if each.startswith("arn:") and each.count(":") > 3}
    if len(regions) > 1:
        raise InvalidRequest(
            f"a transaction over tables of {' and '.join(sorted(regions))}",
            why="what happens together happens in one region",
            fix="put the operations of each region into a transaction of their own",
            code="plan.transaction-regions",
        )


_SET_OUTRIGHT = re.compile(r"= (:\w+)")


def _least_size(call: Call) -> int:
    """Return the bytes that an item has for certain: stored whole, or its key and what is set, in full KB."""
    request = json.loads(call.body)
    size = item_size(request.get("Item") or request["Key"])
    values = request.get("ExpressionAttributeValues", {})
    for name in _SET_OUTRIGHT.findall(request.get("UpdateExpression", "")):
        size += item_size({"": values[name]})
    return (int(write_units(size)) - 1) * 1024


def _price(operations: Iterable[Operation], claims: Iterable[Claim]) -> Estimate:
    # Each is prepared and committed; a check is paid for like a write of its item.
    units = sum(max(each.plan.estimate.write_units, 1.0) for each in operations)
    return Estimate(write_units=2 * (units + sum(claim.write_units for claim in claims)))


def _nothing(reply: Reply) -> None:
    del reply


def _told(
    operations: Sequence[Operation], claims: Sequence[Claim] = ()
) -> Callable[[ServiceError], DynamormError]:
    """Return what makes the operations' error of the service's."""

    def refused(error: ServiceError) -> DynamormError:
        if not isinstance(error, TransactionFailed) or len(error.reasons) != len(operations) + len(claims):
            return error
        outcomes = [_outcome(error, each, claims, number) for number, each in enumerate(operations)]
        meant = [found for _, found in outcomes]
        reasons = tuple(map(_reason, range(len(operations)), operations, outcomes))
        blamed = [(number, each) for number, each in enumerate(meant) if each is not None]
        if not blamed:
            error.reasons = reasons
            return error
        return _failed(error, operations, reasons, blamed)

    return refused


def refused_alone(each: Operation, claims: Sequence[Claim]) -> Callable[[ServiceError], DynamormError]:
    """Return what makes of the cancellation of a write and its claims the error of that write alone."""

    def refused(error: ServiceError) -> DynamormError:
        if not isinstance(error, TransactionFailed) or len(error.reasons) != 1 + len(claims):
            return each.plan.refused(error)
        return _outcome(error, each, claims, 0)[1] or error

    return refused


_Outcome = tuple[CancellationReason, DynamormError | None]


def _outcome(error: TransactionFailed, each: Operation, claims: Sequence[Claim], number: int) -> _Outcome:
    """Return why an operation or one of its claims stopped the transaction, and the error that this is."""
    own = error.reasons[number]
    stopped = [
        (claim, reason)
        for claim, reason in zip(claims, error.reasons[len(error.reasons) - len(claims) :], strict=True)
        if claim.operation == number and reason.code != "None"
    ]
    taken = tuple(claim.field for claim, reason in stopped if claim.verb == "take" and reason.code == UNMET)
    if taken and own.code != UNMET:
        return attrs.evolve(own, code=UNMET, unique=taken), _violation(error, each, taken)
    reason = stopped[0][1] if stopped and own.code == "None" else own
    if reason.code == "None":
        return reason, None
    return attrs.evolve(reason, unique=taken), each.plan.refused(error_alone(error, reason))


def _violation(error: TransactionFailed, each: Operation, fields: tuple[str, ...]) -> UniqueViolation:
    found = UniqueViolation(
        f"{each.verb} of {each.model} {shown(each.parts)}: its {' and its '.join(fields)} "
        f"{'is' if len(fields) == 1 else 'are'} taken",
        why=f"another item has the same value, and {' and '.join(fields)} must be unique",
        fix="choose another value",
        operation=error.operation,
        table=each.item[0],
        key=each.parts.values,
        service_code=error.service_code,
        request_id=error.request_id,
        attempts=error.attempts,
        elapsed=error.elapsed,
    )
    found.fields = fields
    return found


def _reason(index: int, each: Operation, outcome: _Outcome) -> CancellationReason:
    reason, meant = outcome
    return attrs.evolve(
        reason,
        code="TransactionConflict" if isinstance(meant, TransactionConflict) else reason.code,
        index=index,
        verb=each.verb,
        model=each.model,
        key=each.parts.values,
        condition=each.plan.condition,
        item=None if meant is None else meant.item,
    )


def _failed(
    error: TransactionFailed,
    operations: Sequence[Operation],
    reasons: tuple[CancellationReason, ...],
    blamed: Sequence[tuple[int, DynamormError]],
) -> TransactionFailed:
    # The one that its class is named for, where several are to blame.
    cls, number, first = next(
        (cls, number, each)
        for cls, kind in _NAMED_FOR
        for number, each in blamed
        if isinstance(each, kind) and (cls is not TransactionConditionFailed or type(each) is kind)
    )
    each = operations[number]
    others = f", and {len(blamed) - 1} more" if len(blamed) > 1 else ""
    failed = cls(
        f"operation {number} of {len(operations)}, {each.verb} of {each.model} {shown(each.parts)}, "
        f"stopped the transaction{others}",
        service_code=error.service_code,
        message=error.message,
        status=error.status,
        body=error.body,
        operation=error.operation,
        table=each.item[0],
        key=each.parts.values,
        request_id=error.request_id,
        attempts=error.attempts,
    )
    effect = "read" if each.verb == "get" else "changed"
    failed.why = f"{first.what}{f': {first.why}' if first.why else ''}; nothing was {effect}"
    failed.fix = first.fix or failed.fix
    failed.elapsed = error.elapsed
    failed.reasons = reasons
    failed.retryable = all(each.retryable for _, each in blamed)
    failed.index = number
    failed.item = first.item
    failed.condition = first.condition
    if isinstance(failed, TransactionUniqueViolation):
        failed.fields = reasons[number].unique
    return failed


# A value that is taken counts for less than what an item itself did not meet.
_NAMED_FOR: tuple[tuple[type[TransactionFailed], type[DynamormError]], ...] = (
    (TransactionVersionConflict, VersionConflict),
    (TransactionConditionFailed, ConditionFailed),
    (TransactionUniqueViolation, UniqueViolation),
    (TransactionFailed, DynamormError),
)


def refuse_other(thing: object) -> InvalidExpression:
    """Return the error for what is neither a `Key` nor an instance of a model."""
    return InvalidExpression(
        f"{quoted(thing)} does not say of which model it is",
        fix="use Key(Model, …) or an instance",
        code="plan.no-model",
    )
