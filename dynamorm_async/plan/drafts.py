"""Writes that change unique fields: planned by what is stored, and anew where that was something else.

Takes drafts, which know what a write takes and frees once it is known what is stored; gives plans
whose calls follow each other until what was assumed is what is stored. A refusal holds the stored
item, so that most writes read nothing. Pure: the token is an argument, and those of further rounds
are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec.structs import replace

from dynamorm_async.codecs import canonical, stored_texts
from dynamorm_async.errors import (
    ConditionFailed,
    DynamormError,
    InvalidRequest,
    ServiceError,
    TransactionConflict,
    TransactionFailed,
)
from dynamorm_async.model import FieldSpec
from dynamorm_async.plan.claims import Claim, ClaimVerb, claims_table, name_of_value, owner_of, settled
from dynamorm_async.plan.delivery import delivered
from dynamorm_async.plan.keys import KeyParts
from dynamorm_async.plan.plan import Plan, Stepwise
from dynamorm_async.plan.reasons import UNMET
from dynamorm_async.plan.refusals import shown
from dynamorm_async.plan.single import find
from dynamorm_async.plan.target import Target
from dynamorm_async.plan.transact import (
    Operation,
    Verb,
    item_bodies,
    refused_alone,
    transact,
    transact_get,
)
from dynamorm_async.wire import Reply

R = TypeVar("R")

Held = tuple[str, str]
"""The name of a value, and an item that seems to have the value without the claim, which another item has."""

# Each round is lost to another writer who changed a unique field of the same item meanwhile. The first
# of them is no contest: it was only assumed what is stored.
MOST_ROUNDS = 10
_WAIT_BASE = 0.025
_WAIT_LONGEST = 1.0


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored before a write, as it is assumed or known.

    Attributes:
        is_there: Whether there is an item.
        values: Name of a unique field to its canonical tagged text, for those that are stored.
        item: Attribute name to JSON text of the whole item, where it was read.
    """

    is_there: bool = True
    values: Mapping[str, str] = {}
    item: Mapping[str, str] = {}


ABSENT = Before(is_there=False)


class Draft(Plan[R], Generic[R], frozen=True, kw_only=True):
    """A write that changes unique fields, before it is known what is stored; it is not sent as it is.

    Attributes:
        verb: What it does.
        target: The table handle's.
        key: The key, or an instance, as it was handed in.
        parts: The key.
        touched: The unique fields that it changes.
        after: Name of a unique field to its canonical text after the write, for those that are stored.
        before: What is assumed to be stored, or None where it must be read first.
        build: Makes the write of what is stored; its second argument says whether it is sent without
            claims, so that it returns values.
        told: What the write gives where it was sent with claims; None where its own plan says it.
        demands_item: Whether an absent item is an error.
        is_fixed: Whether nothing but an absent item is assumed, and the write demands that anyway.
    """

    verb: Verb
    target: Target[Any]
    key: object
    parts: KeyParts
    touched: tuple[FieldSpec, ...]
    after: Mapping[str, str]
    before: Before | None
    build: Callable[[Before, bool], Plan[R]]
    told: Callable[[Before], R] | None = None
    demands_item: bool = False
    is_fixed: bool = False


class _How(msgspec.Struct, frozen=True):
    """How a write is delivered: its token, whether it must have one, whether it may count twice."""

    token: str
    is_idempotent: bool
    retry_ambiguous: bool


def carried(
    draft: Draft[R], *, token: str, idempotent: bool = False, retry_ambiguous: bool = False
) -> Plan[R]:
    """Return the plan of one write, of which further calls may follow.

    Args:
        draft: The write.
        token: A text of at most 36 characters that no other write has.
        idempotent: Whether a write that needs no claims is sent under the token, too.
        retry_ambiguous: Whether such a write may be sent again although it may then be applied twice.
    """
    how = _How(token, idempotent, retry_ambiguous)
    if draft.before is not None:
        return _written(draft, draft.before, how)

    def then(outcome: Reply | ServiceError) -> Plan[R] | None:
        return _written(draft, _read(draft, outcome.body), how) if isinstance(outcome, Reply) else None

    reading: Plan[Any] = find(draft.target, draft.key, consistent=True)
    return Stepwise(**members(reading), then=then)


def together(operations: Sequence[Operation], token: str, *, is_given: bool) -> Plan[list[Any]]:
    """Return the plan of one transaction, which is planned anew where its unique fields were others.

    Args:
        operations: Some of their plans may be drafts.
        token: The idempotency token.
        is_given: Whether the caller chose the token, to send the same transaction again.

    Raises:
        InvalidRequest: As `transact` does; or the caller chose the token, and what is sent depends on
            what is stored.
    """
    whole = transact(operations, token)  # what is wrong whatever is stored is refused here
    drafts = {number: each.plan for number, each in enumerate(operations) if isinstance(each.plan, Draft)}
    if not drafts:
        return whole
    if is_given and not all(draft.is_fixed for draft in drafts.values()):
        raise InvalidRequest(
            "a transaction with a token of your own changes or frees unique values",
            why="which values it frees depends on what is stored, so that it would be another one next time",
            fix="leave token= out, or keep create(...) only",
            code="plan.unique-token",
        )
    unknown = [number for number, draft in drafts.items() if draft.before is None]
    assumed = {number: draft.before for number, draft in drafts.items() if draft.before is not None}
    if not unknown:
        return _written_together(operations, assumed, token)

    def then(outcome: Reply | ServiceError) -> Plan[list[Any]] | None:
        if not isinstance(outcome, Reply):
            return None
        bodies = item_bodies(outcome.body, len(unknown))
        read = {number: _read(drafts[number], body) for number, body in zip(unknown, bodies, strict=True)}
        return _written_together(operations, {**assumed, **read}, token)

    reading: Plan[Any] = transact_get([(drafts[number].target, drafts[number].key) for number in unknown])
    return Stepwise(**members(reading), then=then)


def _written(
    draft: Draft[R], before: Before, how: _How, round_: int = 0, foreign: frozenset[Held] = frozenset()
) -> Plan[R]:
    token = _token(how.token, round_)
    parts = draft.parts
    claims = settled(_claims(draft, before, 0, foreign))
    if claims:
        alone = _built(draft, before, round_, is_alone=False)
        write = Operation(
            verb=draft.verb,
            model=draft.target.spec.name,
            item=(draft.target.table, parts.text),
            plan=alone,
            parts=parts,
            claims=tuple(claims),
        )
        whole = transact([write], token)
        told = draft.told
        plan: Plan[R] = Plan(
            first=whole.first,
            read=(lambda reply: whole.read(reply)[0]) if told is None else (lambda _: told(before)),
            refused=refused_alone(write, claims),
            price=whole.price,
            demanded=alone.demanded,
        )
    else:
        plan = delivered(
            _built(draft, before, round_, is_alone=True),
            retry_ambiguous=how.retry_ambiguous,
            token=token if how.is_idempotent else None,
        )

    def then(outcome: Reply | ServiceError) -> Plan[R] | None:
        learned = _learned(outcome, {0: draft}, {0: before}, claims, foreign, 1)
        if learned is None or round_ == MOST_ROUNDS:
            return None
        found, theirs = learned
        return _written(draft, found[0], how, round_ + 1, theirs)

    return Stepwise(**members(plan), then=then, wait=_wait(round_))


def _written_together(
    operations: Sequence[Operation],
    befores: Mapping[int, Before],
    token: str,
    round_: int = 0,
    foreign: frozenset[Held] = frozenset(),
) -> Plan[list[Any]]:
    drafts = {number: cast("Draft[Any]", operations[number].plan) for number in befores}
    settled_operations = [
        replace(
            each,
            plan=_built(drafts[number], befores[number], round_, is_alone=False),
            claims=tuple(_claims(drafts[number], befores[number], number, foreign)),
        )
        if number in drafts
        else each
        for number, each in enumerate(operations)
    ]
    plan = transact(settled_operations, _token(token, round_))
    claims = settled(claim for each in settled_operations for claim in each.claims)

    def then(outcome: Reply | ServiceError) -> Plan[list[Any]] | None:
        learned = _learned(outcome, drafts, befores, claims, foreign, len(operations))
        if learned is None or round_ == MOST_ROUNDS:
            return None
        found, theirs = learned
        return _written_together(operations, {**befores, **found}, token, round_ + 1, theirs)

    return Stepwise(**members(plan), then=then, wait=_wait(round_))


def _wait(round_: int) -> float:
    return 0.0 if round_ < 2 else min(_WAIT_LONGEST, _WAIT_BASE * 2.0 ** (round_ - 1))


def _built(draft: Draft[R], before: Before, round_: int, *, is_alone: bool) -> Plan[R]:
    """Return the write of what is stored; in the last round, to be overtaken once more is its error."""
    plan = draft.build(before, is_alone)
    if round_ < MOST_ROUNDS or draft.is_fixed:
        return plan

    def refused(error: ServiceError) -> DynamormError:
        meant = plan.refused(error)
        # A lost version, a key that is taken and an item that is gone say more.
        if type(meant) is not ConditionFailed or not _is_news(draft, before, _read(draft, error.body)):
            return meant
        overtaken = TransactionConflict(
            f"{draft.verb} of {draft.target.spec.name} {shown(draft.parts)}: other writers were faster",
            message=f"in each of {MOST_ROUNDS + 1} rounds, unique fields were others than just before",
            service_code=error.service_code,
            status=error.status,
            body=error.body,
            operation=error.operation,
            table=draft.target.table,
            key=draft.parts.values,
            request_id=error.request_id,
            attempts=error.attempts,
        )
        overtaken.elapsed, overtaken.item = error.elapsed, meant.item
        return overtaken

    return replace(plan, refused=refused)


def _claims(draft: Draft[Any], before: Before, number: int, foreign: frozenset[Held]) -> Iterable[Claim]:
    """Yield what a write takes and frees; what another item is said to have claimed is tested and left."""
    spec, owner = draft.target.spec, owner_of(draft.parts)
    for field in draft.touched:
        old = name_of_value(spec, field, before.values.get(field.name))
        new = name_of_value(spec, field, draft.after.get(field.name))
        if old == new:
            continue
        frees: ClaimVerb = "leave" if (old, owner) in foreign else "free"
        verbs: tuple[tuple[str | None, ClaimVerb], ...] = ((old, frees), (new, "take"))
        for name, verb in verbs:
            if name is not None:
                yield Claim(
                    operation=number,
                    field=field.name,
                    table=claims_table(draft.target.table),
                    name=name,
                    owner=owner,
                    verb=verb,
                )


def _learned(
    outcome: Reply | ServiceError,
    drafts: Mapping[int, Draft[Any]],
    befores: Mapping[int, Before],
    claims: Sequence[Claim],
    foreign: frozenset[Held],
    count: int,
) -> tuple[dict[int, Before], frozenset[Held]] | None:
    """Return what a refusal shows to be otherwise than assumed, or None where it shows nothing."""
    if not isinstance(outcome, ServiceError):
        return None
    reasons = outcome.reasons if isinstance(outcome, TransactionFailed) else ()
    bodies = {
        number: b"{}" if reason.item is None else b'{"Item":%b}' % reason.item
        for number, reason in enumerate(reasons[:count])
        if reason.code == UNMET
    }
    if outcome.service_code == "ConditionalCheckFailedException":
        bodies[0] = outcome.body
    found = {
        number: _read(draft, bodies[number])
        for number, draft in drafts.items()
        if number in bodies and not draft.is_fixed
    }
    news = {
        number: before
        for number, before in found.items()
        if _is_news(drafts[number], befores[number], before)
    }
    unmet = [claim for claim, reason in zip(claims, reasons[count:], strict=False) if reason.code == UNMET]
    theirs = {(claim.name, claim.owner) for claim in unmet if claim.verb == "free"}
    mine = {
        (claim.name, each)
        for claim in unmet
        if claim.verb == "leave"
        for each in (claim.owner, *claim.others)
    }
    if news or theirs or mine:
        return {**befores, **news}, foreign - mine | theirs
    return None


def _is_news(draft: Draft[Any], assumed: Before, found: Before) -> bool:
    is_same = (found.is_there, found.values) == (assumed.is_there, assumed.values)
    return (found.is_there or not draft.demands_item) and not is_same


def _token(token: str, round_: int) -> str:
    """Return the token of a round: its request is another one, and a token is for one request."""
    return token if round_ == 0 else f"{token.replace('-', '')[:32]}.{round_}"


def members(plan: Plan[Any]) -> dict[str, Any]:
    """Return what makes a plan, to make another kind of plan of it."""
    return {name: getattr(plan, name) for name in Plan.__struct_fields__}


def _read(draft: Draft[Any], body: bytes) -> Before:
    return before_in(body, draft.touched)


def before_in(body: bytes, fields: Iterable[FieldSpec]) -> Before:
    """Return what an answer's "Item" says to be stored.

    Raises:
        ProtocolError: The answer is not of the operation's shape.
    """
    texts = stored_texts(body)
    if texts is None:
        return ABSENT
    values = {f.name: canonical(texts[f.attribute]) for f in fields if f.attribute in texts}
    return Before(values=values, item=texts)
