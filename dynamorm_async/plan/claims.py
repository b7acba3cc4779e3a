"""Claims: the items that say which item has which value of a unique field.

Takes values of unique fields and keys of the items that have them; gives the requests that claim and
free them. They are kept in a table of their own beside the model's, so that they are in no scan, no
count and no index of it, whatever its keys are and whoever reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Literal

import msgspec

from dynamorm_async.codecs import canonical_key, quote
from dynamorm_async.errors import InvalidRequest
from dynamorm_async.model import FieldSpec, ModelSpec
from dynamorm_async.plan.keys import KeyParts
from dynamorm_async.wire import LIMITS, Call, write_units

CLAIMS_SUFFIX = "-unique"
CLAIM_ATTRIBUTE = "unique"
OWNER_ATTRIBUTE = "owner"
ClaimVerb = Literal["take", "free", "leave"]

_OPERATIONS = {"take": "PutItem", "free": "DeleteItem", "leave": "ConditionCheck"}
_COMPARABLE = ('{"S":', '{"N":', '{"B":')


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One value that an operation takes or frees.

    Attributes:
        operation: The operation's position in its transaction.
        field: Name of the unique field.
        table: The table of the claims.
        name: What the value is known by.
        owner: The item that has it, or is to have it.
        verb: "take" and "free" demand that no other item has the claim; "leave", for an item that has a
            value which another item has claimed, demands that it has not the claim itself.
        others: Items for which the same holds as for the owner: they free what it takes.
    """

    operation: int
    field: str
    table: str
    name: str
    owner: str
    verb: ClaimVerb
    others: tuple[str, ...] = ()

    @property
    def call(self) -> Call:
        """The request."""
        key = f'"{CLAIM_ATTRIBUTE}":{{"S":{quote(self.name)}}}'
        item = f'"Key":{{{key}}}'
        if self.verb == "take":
            item = f'"Item":{{{key},"{OWNER_ATTRIBUTE}":{{"S":{quote(self.owner)}}}}}'
        owners = {f":o{number}": owner for number, owner in enumerate((self.owner, *self.others))}
        values = ",".join([f'"{name}":{{"S":{quote(owner)}}}' for name, owner in owners.items()])
        negation = "NOT " if self.verb == "leave" else ""
        body = (
            f'{{"TableName":{quote(self.table)},{item},'
            f'"ConditionExpression":"attribute_not_exists(#n) OR {negation}#o IN ({", ".join(owners)})",'
            f'"ExpressionAttributeNames":{{"#n":"{CLAIM_ATTRIBUTE}","#o":"{OWNER_ATTRIBUTE}"}},'
            f'"ExpressionAttributeValues":{{{values}}}}}'
        )
        return Call(operation=_OPERATIONS[self.verb], body=body.encode(), tables=(self.table,))

    @property
    def write_units(self) -> float:
        """What it costs where it is sent alone."""
        return write_units(
            sum(len(text.encode()) for text in (CLAIM_ATTRIBUTE, self.name, OWNER_ATTRIBUTE, self.owner))
        )


def claims_table(table: str) -> str:
    """Return the name, or the ARN, of the table that holds the claims on values in a table."""
    return f"{table}{CLAIMS_SUFFIX}"


def name_of_value(spec: ModelSpec, field: FieldSpec, value: str | None) -> str | None:
    """Return what a value of a unique field is known by among all claims; None where there is none.

    No two values, of whichever field and entity, are known by one text: each part of it is quoted. A
    long one has the digest in the place of the value.

    Args:
        spec: The model.
        field: The field.
        value: Its tagged JSON text in canonical form, or None where nothing is stored.
    """
    if value is None or not value.startswith(_COMPARABLE):
        return None
    scope = f"{quote(spec.entity or '')},{quote(field.attribute)}"
    name = f"[{scope},{value}]"
    if len(name.encode()) <= LIMITS.partition_key_bytes:
        return name
    return f'[{scope},{{"sha256":"{sha256(value.encode()).hexdigest()}"}}]'


def owner_of(parts: KeyParts) -> str:
    """Return how claims name the item of a key."""
    return canonical_key(parts.text)


def settled(claims: Iterable[Claim]) -> list[Claim]:
    """Return the claims of a transaction, one for each value.

    A value that one operation frees and another takes passes from item to item.

    Raises:
        InvalidRequest: Two operations take one value.
    """
    found: dict[tuple[str, str], Claim] = {}
    for claim in claims:
        first = found.get((claim.table, claim.name))
        found[claim.table, claim.name] = claim if first is None else _joined(first, claim)
    return list(found.values())


def _joined(first: Claim, second: Claim) -> Claim:
    if first.verb == second.verb == "take":
        raise InvalidRequest(
            f"operations {first.operation} and {second.operation} give two items one {second.field}, "
            "which is unique",
            fix="give one of them another value",
            code="plan.unique-twice",
        )
    stronger, weaker = sorted((first, second), key=lambda claim: _STRENGTH[claim.verb])
    if (stronger.verb, weaker.verb) in (("take", "free"), ("leave", "leave")):
        return msgspec.structs.replace(stronger, others=(*stronger.others, weaker.owner))
    # Of two that free a value only one can have it; and where one takes or frees it, a third has it not.
    return stronger


_STRENGTH = {"take": 0, "free": 1, "leave": 2}
