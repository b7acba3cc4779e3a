"""What answers a query, and for every other way the reason why not or the cost (R12, R49 to R54, N1, N3).

The rules are dynamodb.md, section 6: sound first (1 key, 2 consistency, 3 projection, 4 sparseness,
5 entity, 6 order, 7 status, 8 scan), cheapest next. Costs are read units for a table of assumed size
where a case gives no statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

from dynamorm_async import (
    Attr,
    Condition,
    GlobalIndex,
    InvalidExpression,
    LocalIndex,
    NoUsableIndex,
    attribute,
    created_at,
    model,
    partition_key,
    raw,
    sort_key,
    ttl,
)
from dynamorm_async.expressions import readable
from dynamorm_async.plan import Candidate, QueryPlan, Question, Size, Statistics, prepare
from dynamorm_async.plan.terms import terms_of
from tests.plan.given import target
from tests.shapes import Bookmark, Order, User

DAY = datetime(2024, 5, 6, tzinfo=UTC)
A_DAY = repr(DAY)


@model(table="parts")
class Part:
    """Indexes of every kind; `size` is in every item, `state` and `rank` may be absent, `city` may be old."""

    owner: Attr[str] = partition_key()
    id: Attr[str] = sort_key()
    size: Attr[int]
    weight: Attr[Decimal] = attribute(name="the weight")
    state: Attr[str | None] = attribute(default=None)
    rank: Attr[int | None] = attribute(default=None)
    city: Attr[str] = attribute(default="")
    note: Attr[str] = attribute(default="")
    made: Attr[datetime] = created_at()
    expires: Attr[datetime | None] = ttl(default=None)

    by_state = GlobalIndex("by-state", partition_key="state", sort_key="size")
    by_city = GlobalIndex("by-city", partition_key="city", sort_key="made", projection="KEYS_ONLY")
    by_made = LocalIndex("by-made", sort_key="made", projection=["city"])
    by_rank = LocalIndex("by-rank", sort_key="rank")
    by_size = LocalIndex("by-size", sort_key="size", projection="KEYS_ONLY")


@model(table="files")
class File:
    """No sort key; an index that holds more than enough, and one that turns the keys round."""

    id: Attr[str] = partition_key()
    folder: Attr[str]
    name: Attr[str]
    note: Attr[str] = attribute(default="")

    by_folder = GlobalIndex("by-folder", partition_key="folder", sort_key="name")
    by_name = GlobalIndex("by-name", partition_key="name", sort_key="id", projection=["folder"])


@model(table="kept", unknown="keep")
class Kept:
    """What it has no field for is kept; one of its indexes holds all of its fields, the other whole items."""

    id: Attr[str] = partition_key()
    kind: Attr[str]
    note: Attr[str]

    by_kind = GlobalIndex("by-kind", partition_key="kind", projection=["note"])
    by_note = GlobalIndex("by-note", partition_key="note")


@model(table="games")
class Game:
    """Four and four attributes are the key of its index."""

    id: Attr[str] = partition_key()
    a: Attr[str]
    b: Attr[str]
    c: Attr[int]
    d: Attr[str]
    e: Attr[str]
    f: Attr[int]
    g: Attr[str]
    h: Attr[str | None] = attribute(default=None)

    by_all = GlobalIndex("by-all", partition_key=("a", "b", "c", "d"), sort_key=("e", "f", "g", "h"))
    by_two = GlobalIndex("by-two", partition_key=("a", "b"), sort_key=("c", "e"))


@model(table="crowd", entity="GUEST")
class Guest:
    """One entity of several in its table, and an index that cannot tell them apart."""

    pk: Attr[str] = partition_key(template="GUEST#{id}")
    id: Attr[str]
    city: Attr[str]
    note: Attr[str]

    by_city = GlobalIndex("by-city", partition_key="city", sort_key="note", projection="KEYS_ONLY")


@model(table="org")
class Member:
    """Templates without an entity, in the table's key and in an index's."""

    pk: Attr[str] = partition_key(template="ORG#{org}")
    sk: Attr[str] = sort_key(template="M#{team}#{name}")
    org: Attr[str]
    team: Attr[str]
    name: Attr[str]
    mail: Attr[str | None] = attribute(default=None)
    by_mail_key: Attr[str] = attribute(template="MAIL#{mail}")

    by_mail = GlobalIndex("by-mail", partition_key="by_mail_key", projection="KEYS_ONLY")


@model(table="both")
class Both:
    """The table's key and an index's answer the same, one of them by a template's beginning."""

    pk: Attr[str] = partition_key(template="ORG#{org}")
    sk: Attr[str] = sort_key(template="M#{team}#{name}")
    org: Attr[str]
    team: Attr[str]
    name: Attr[str]

    by_org = GlobalIndex("by-org", partition_key="org", sort_key="team")


@model(table="shop", entity="ticket")
class Ticket:
    """An entity whose indexes hold a part of its items: one of them tells the entity, the others do not."""

    pk: Attr[str] = partition_key(template="DESK#{desk}")
    sk: Attr[int] = sort_key()
    desk: Attr[str]
    state: Attr[str]
    level: Attr[int]
    note: Attr[str] = attribute(default="")

    by_state = GlobalIndex("by-state", partition_key="state", projection=["level", "_entity"])
    by_level = GlobalIndex("by-level", partition_key="level", projection=["state"])
    local = LocalIndex("local", sort_key="level", projection=["_entity"])
    keys = LocalIndex("keys", sort_key="state", projection="KEYS_ONLY")


@model(table="tasks")
class Task:
    """An index that holds open tasks alone, and one more whose condition has two parts."""

    id: Attr[str] = partition_key()
    team: Attr[str]
    state: Attr[str]
    level: Attr[int]
    open_since: Attr[str] = attribute(template="{level}#{id}", when=lambda task: task.state == "open")
    urgent: Attr[str] = attribute(
        template="{team}", when=lambda task: (task.state == "open") & (task.level > 3)
    )

    by_open = GlobalIndex("by-open", partition_key="team", sort_key="open_since")
    by_urgent = GlobalIndex("by-urgent", partition_key="urgent")


@model(table="constant")
class Constant:
    id: Attr[str] = partition_key()
    sk: Attr[str] = sort_key(template="PROFILE")


@model(table="alike")
class Alike:
    """Two indexes that differ in their names alone, and one in its kind."""

    id: Attr[str] = partition_key()
    at: Attr[int] = sort_key()
    kind: Attr[str]
    step: Attr[int]

    z = GlobalIndex("z-kind", partition_key="kind", sort_key="step")
    a = GlobalIndex("a-kind", partition_key="kind", sort_key="step")
    g = GlobalIndex("a-step", partition_key="id", sort_key="step")
    local = LocalIndex("l-step", sort_key="step")


@attrs.frozen
class Cities:
    owner: str
    city: str
    made: datetime


Others = Mapping[str, str | float]


@attrs.frozen(kw_only=True)
class Case:
    """A question and what is expected of it.

    Attributes:
        ask: Its conditions.
        options: Of `Question`.
        statistics: What is known of the table.
        chosen: What answers it.
        cost: Its read units.
        key: The key condition.
        filter: What is tested after reading.
        others: Every other way to its reason, or to its read units where it is only dearer.
    """

    id: str
    ask: tuple[Condition[Any], ...]
    of: type[Any] = Part
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    statistics: Statistics = attrs.field(factory=Statistics)
    chosen: str
    cost: float
    key: str | None
    filter: str | None = None
    others: Others


@attrs.frozen(kw_only=True)
class Refusal:
    """A question that nothing answers, with the reason for every way."""

    id: str
    ask: tuple[Condition[Any], ...]
    of: type[Any] = Part
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    statistics: Statistics = attrs.field(factory=Statistics)
    code: str = "plan.no-usable-index"
    reasons: Others


def asked(case: Case | Refusal) -> QueryPlan[Any]:
    # A target of its own: what was planned before must not matter.
    question = Question(conditions=case.ask, **case.options)
    return prepare(target(case.of, "any"), question, statistics=case.statistics, now=DAY)


P, G, M, F, K, A = Part, Game, Member, File, Kept, Alike
OWN = Part.owner == "ana"
WHERE_OWNER = "needs owner == …"
WHERE_STATE = "needs state == …"
WHERE_CITY = "needs city == …"
BESIDE_CITY = {
    "table": WHERE_OWNER,
    "by-state": WHERE_STATE,
    "by-made": WHERE_OWNER,
    "by-rank": WHERE_OWNER,
    "by-size": WHERE_OWNER,
}
NO_KEY_ID = "no key condition can say what is asked of its key id, and no filter may"
NO_WHOLE_PART = "it does not hold expires, note, rank, size, state, weight; hydrate() fetches the rest"
NO_STATE = (
    "it lacks the items without state, and nothing says that all have it "
    "(ask for them alone: Part.state.exists())"
)
NO_RANK = (
    "it lacks the items without rank, and nothing says that all have it "
    "(ask for them alone: Part.rank.exists())"
)


NO_ENTITY = (
    "it does not hold _entity, which tells the entities apart (an index may: projection=[…, '_entity'])"
)


NOT_OPEN = (
    "it holds only the items where state = 'open', and nothing says that all are meant to be such "
    "(ask for them alone: Task.open_since.exists())"
)
NOT_URGENT = (
    "it holds only the items where state = 'open' AND level > 3, and nothing says that all are meant to "
    "be such (ask for them alone: Task.urgent.exists())"
)


CASES = [
    Case(
        id="a partition alone",
        ask=(OWN,),
        chosen="table",
        cost=5.0,
        key="owner = 'ana'",
        others={
            "by-made": 52.0,
            "by-size": 52.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="a whole key is one item",
        ask=(
            OWN,
            P.id == "x",
        ),
        chosen="table",
        cost=0.5,
        key="owner = 'ana' AND id = 'x'",
        others={
            "by-made": 52.0,
            "by-size": 52.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="another partition key",
        ask=(P.state == "new",),
        chosen="by-state",
        cost=5.0,
        key="state = 'new'",
        others={
            "table": WHERE_OWNER,
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Case(
        id="order of writing does not matter",
        ask=(
            P.note == "x",
            P.id.begins_with("a"),
            OWN,
        ),
        chosen="table",
        cost=0.5,
        key="owner = 'ana' AND begins_with(id, 'a')",
        filter="note = 'x'",
        others={
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold note",
            "by-rank": NO_RANK,
            "by-size": "it does not hold note",
        },
    ),
    Case(
        id="one condition that is an AND",
        ask=((P.id > "a") & OWN & (P.note == "x"),),
        chosen="table",
        cost=2.5,
        key="owner = 'ana' AND id > 'a'",
        filter="note = 'x'",
        others={
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold note",
            "by-rank": NO_RANK,
            "by-size": "it does not hold note",
        },
    ),
    Case(
        id="two bounds become BETWEEN",
        ask=(
            OWN,
            P.id >= "a",
            P.id <= "m",
        ),
        chosen="table",
        cost=1.5,
        key="owner = 'ana' AND id BETWEEN 'a' AND 'm'",
        others={
            "by-made": 52.0,
            "by-size": 52.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="excluded bounds become BETWEEN",
        ask=(
            OWN,
            P.id > "a",
            P.id < "m",
        ),
        chosen="table",
        cost=1.5,
        key="owner = 'ana' AND id BETWEEN 'a' AND 'm'",
        others={
            "by-made": 52.0,
            "by-size": 52.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="the narrower of two bounds",
        ask=(
            OWN,
            P.id > "a",
            P.id > "b",
            P.id <= "m",
        ),
        chosen="table",
        cost=1.5,
        key="owner = 'ana' AND id BETWEEN 'b' AND 'm'",
        others={
            "by-made": 52.0,
            "by-size": 52.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="a range within an equality is said by it",
        ask=(
            OWN,
            P.id == "b",
            P.id > "a",
        ),
        chosen="table",
        cost=0.5,
        key="owner = 'ana' AND id = 'b'",
        others={
            "by-made": 52.0,
            "by-size": 52.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="the longer of two prefixes",
        ask=(
            OWN,
            P.id.begins_with("a"),
            P.id.begins_with("ab"),
        ),
        chosen="table",
        cost=0.5,
        key="owner = 'ana' AND begins_with(id, 'ab')",
        others={
            "by-made": 52.0,
            "by-size": 52.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="an OR on a sort key is a filter elsewhere",
        ask=(
            OWN,
            (P.id == "a") | (P.id == "b"),
            P.size > 3,
        ),
        chosen="by-size",
        cost=26.0,
        key="owner = 'ana' AND size > 3",
        filter="id = 'a' OR id = 'b'",
        others={
            "table": NO_KEY_ID,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold size",
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="a filter may name the table's key in an index",
        ask=(
            P.state == "new",
            OWN,
            P.id == "x",
        ),
        options={"using": "by-state"},
        chosen="by-state",
        cost=5.0,
        key="state = 'new'",
        filter="owner = 'ana' AND id = 'x'",
        others={
            "table": "using('by-state') asks for another",
            "by-city": "using('by-state') asks for another",
            "by-made": "using('by-state') asks for another",
            "by-rank": "using('by-state') asks for another",
            "by-size": "using('by-state') asks for another",
        },
    ),
    Case(
        id="contains on a sort key",
        ask=(
            OWN,
            P.id.contains("x"),
            P.size > 3,
        ),
        chosen="by-size",
        cost=26.0,
        key="owner = 'ana' AND size > 3",
        filter="contains(id, 'x')",
        others={
            "table": NO_KEY_ID,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold size",
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="equality with another field is a filter",
        ask=(
            OWN,
            P.note == P.city,
        ),
        chosen="table",
        cost=5.0,
        key="owner = 'ana'",
        filter="note = city",
        others={
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold note",
            "by-rank": NO_RANK,
            "by-size": "it does not hold city, note",
        },
    ),
    Case(
        id="a part of a field is a filter",
        of=File,
        ask=(
            F.id == "x",
            F.note.size() > 3,
        ),
        chosen="table",
        cost=0.5,
        key="id = 'x'",
        filter="size(note) > 3",
        others={"by-folder": "needs folder == …", "by-name": "needs name == …"},
    ),
    Case(
        id="a negated equality binds no key",
        ask=(
            OWN,
            ~(P.id == "x"),
            P.size == 3,
        ),
        chosen="by-size",
        cost=1.0,
        key="owner = 'ana' AND size = 3",
        filter="NOT id = 'x'",
        others={
            "table": NO_KEY_ID,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold size",
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="consistent by the table",
        ask=(
            OWN,
            P.size > 3,
        ),
        options={"consistent": True, "select": ("owner", "id")},
        chosen="by-size",
        cost=2.0,
        key="owner = 'ana' AND size > 3",
        others={
            "table": 10.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold size",
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="consistent never by a global index",
        of=Alike,
        ask=(
            A.id == "x",
            A.step > 3,
        ),
        options={"consistent": True},
        chosen="l-step",
        cost=5.0,
        key="id = 'x' AND step > 3",
        others={
            "table": 10.0,
            "z-kind": "needs kind == …",
            "a-kind": "needs kind == …",
            "a-step": "a global index can't be read consistently",
        },
    ),
    Case(
        id="keys only answers a view of keys",
        ask=(P.city == "Rome",),
        options={"select": ("owner", "id")},
        chosen="by-city",
        cost=2.0,
        key="city = 'Rome'",
        others={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Case(
        id="keys only answers a view class of keys",
        ask=(P.city == "Rome",),
        options={"select": Cities},
        chosen="by-city",
        cost=2.0,
        key="city = 'Rome'",
        others={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Case(
        id="a local index fetches what it lacks",
        ask=(
            OWN,
            P.size == 3,
        ),
        options={"using": "by-size"},
        chosen="by-size",
        cost=1.0,
        key="owner = 'ana' AND size = 3",
        others={
            "table": "using('by-size') asks for another",
            "by-state": "using('by-size') asks for another",
            "by-city": "using('by-size') asks for another",
            "by-made": "using('by-size') asks for another",
            "by-rank": "using('by-size') asks for another",
        },
    ),
    Case(
        id="a local index filters only what it holds",
        ask=(
            OWN,
            P.made > DAY,
            P.city == "Rome",
        ),
        options={"using": "by-made"},
        chosen="by-made",
        cost=26.0,
        key=f"owner = 'ana' AND made > {A_DAY}",
        filter="city = 'Rome'",
        others={
            "table": "using('by-made') asks for another",
            "by-state": "using('by-made') asks for another",
            "by-city": "using('by-made') asks for another",
            "by-rank": "using('by-made') asks for another",
            "by-size": "using('by-made') asks for another",
        },
    ),
    Case(
        id="a view that the local index holds",
        ask=(
            OWN,
            P.made > DAY,
        ),
        options={"select": Cities},
        chosen="by-made",
        cost=1.0,
        key=f"owner = 'ana' AND made > {A_DAY}",
        others={
            "table": 5.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
            "by-size": "it does not hold made",
        },
    ),
    Case(
        id="an included field is enough",
        of=File,
        ask=(F.name == "x",),
        options={"select": ("id", "folder")},
        chosen="by-name",
        cost=2.0,
        key="name = 'x'",
        others={"table": "needs id == …", "by-folder": "needs folder == …"},
    ),
    Case(
        id="hand-written text on a whole index",
        of=File,
        ask=(
            F.folder == "x",
            raw("size(note) > :n", values={":n": 3}),
        ),
        chosen="by-folder",
        cost=5.0,
        key="folder = 'x'",
        filter="size(note) > 3",
        others={"table": "needs id == …", "by-name": "needs name == …"},
    ),
    Case(
        id="unknown attributes are in whole indexes",
        of=Kept,
        ask=(K.note == "x",),
        chosen="by-note",
        cost=5.0,
        key="note = 'x'",
        others={"table": "needs id == …", "by-kind": "needs kind == …"},
    ),
    Case(
        id="a view does not need unknown attributes",
        of=Kept,
        ask=(K.kind == "x",),
        options={"select": ("note",)},
        chosen="by-kind",
        cost=2.0,
        key="kind = 'x'",
        others={"table": "needs id == …", "by-note": "needs note == …"},
    ),
    Case(
        id="sparse, and the condition says it exists",
        ask=(
            OWN,
            P.rank.exists(),
        ),
        options={"order_by": "rank"},
        chosen="by-rank",
        cost=5.0,
        key="owner = 'ana'",
        others={
            "table": "its items come by id, not by rank",
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold rank",
            "by-size": "it does not hold rank",
        },
    ),
    Case(
        id="sparse, and a comparison says it exists",
        ask=(
            OWN,
            P.rank > 3,
        ),
        chosen="by-rank",
        cost=2.5,
        key="owner = 'ana' AND rank > 3",
        others={
            "table": 5.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold rank",
            "by-size": "it does not hold rank",
        },
    ),
    Case(
        id="sparse, and both sides of OR say it exists",
        ask=(
            OWN,
            (P.rank.is_in([1, 2]) & (P.note == "a")) | (P.rank > 5),
        ),
        chosen="table",
        cost=5.0,
        key="owner = 'ana'",
        filter="rank IN (1, 2) AND note = 'a' OR rank > 5",
        others={
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold note, rank",
            "by-rank": "no key condition can say what is asked of its key rank, and no filter may",
            "by-size": "it does not hold note, rank",
        },
    ),
    Case(
        id="a global sort key that is always stored",
        ask=(
            P.state == "new",
            P.size > 3,
        ),
        chosen="by-state",
        cost=2.5,
        key="state = 'new' AND size > 3",
        others={
            "table": WHERE_OWNER,
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Case(
        id="a default may never have been stored",
        ask=(
            P.city == "Rome",
            P.made > DAY,
        ),
        options={"select": ("id",)},
        chosen="by-city",
        cost=1.0,
        key=f"city = 'Rome' AND made > {A_DAY}",
        others={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Case(
        id="stamped fields are in every item",
        ask=(OWN,),
        options={"order_by": "made"},
        chosen="by-made",
        cost=52.0,
        key="owner = 'ana'",
        others={
            "table": "its items come by id, not by made",
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
            "by-size": "its items come by size, not by made",
        },
    ),
    Case(
        id="required fields are in every item",
        ask=(OWN,),
        options={"order_by": "size", "select": ("id",)},
        chosen="by-size",
        cost=2.0,
        key="owner = 'ana'",
        others={
            "table": "its items come by id, not by size",
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "its items come by made, not by size",
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="templates are filled",
        of=Member,
        ask=(
            M.org == "x",
            M.team == "a",
            M.name == "b",
        ),
        chosen="table",
        cost=0.5,
        key="pk = 'ORG#x' AND sk = 'M#a#b'",
        others={"by-mail": "needs mail == …"},
    ),
    Case(
        id="a template's beginning is a prefix",
        of=Member,
        ask=(
            M.org == "x",
            M.team == "a",
        ),
        chosen="table",
        cost=0.5,
        key="pk = 'ORG#x' AND begins_with(sk, 'M#a#')",
        others={"by-mail": "needs mail == …"},
    ),
    Case(
        id="a prefix of a template's last field",
        of=Member,
        ask=(
            M.org == "x",
            M.team == "a",
            M.name.begins_with("b"),
        ),
        chosen="table",
        cost=0.5,
        key="pk = 'ORG#x' AND begins_with(sk, 'M#a#b')",
        others={"by-mail": "needs mail == …"},
    ),
    Case(
        id="a prefix of a template's first field",
        of=Member,
        ask=(
            M.org == "x",
            M.team.begins_with("a"),
        ),
        chosen="table",
        cost=0.5,
        key="pk = 'ORG#x' AND begins_with(sk, 'M#a')",
        others={"by-mail": "needs mail == …"},
    ),
    Case(
        id="a prefix that holds what ends the field",
        of=Member,
        ask=(
            M.org == "x",
            M.team.begins_with("a#"),
        ),
        chosen="table",
        cost=0.5,
        key="pk = 'ORG#x' AND begins_with(sk, 'M#')",
        filter="begins_with(team, 'a#')",
        others={"by-mail": "needs mail == …"},
    ),
    Case(
        id="a value that holds what ends the field",
        of=Member,
        ask=(
            M.org == "x",
            M.team == "a#b",
        ),
        chosen="table",
        cost=0.5,
        key="pk = 'ORG#x' AND begins_with(sk, 'M#')",
        filter="team = 'a#b'",
        others={"by-mail": "needs mail == …"},
    ),
    Case(
        id="a range of a template's field",
        of=Member,
        ask=(
            M.org == "x",
            M.team == "a",
            M.name > "b",
        ),
        chosen="table",
        cost=0.5,
        key="pk = 'ORG#x' AND begins_with(sk, 'M#a#')",
        filter="name > 'b'",
        others={"by-mail": "needs mail == …"},
    ),
    Case(
        id="nothing of the sort template",
        of=Member,
        ask=(M.org == "x",),
        chosen="table",
        cost=0.5,
        key="pk = 'ORG#x' AND begins_with(sk, 'M#')",
        others={"by-mail": "needs mail == …"},
    ),
    Case(
        id="the template itself",
        of=Member,
        ask=(
            M.pk == "ORG#x",
            M.sk.begins_with("M#a"),
        ),
        chosen="table",
        cost=0.5,
        key="pk = 'ORG#x' AND begins_with(sk, 'M#a')",
        others={"by-mail": "needs mail == …"},
    ),
    Case(
        id="an entity filters others out",
        of=Order,
        ask=(Order.user == "ana",),
        chosen="table",
        cost=0.5,
        key="pk = 'USER#ana' AND begins_with(sk, 'ORDER#')",
        others={"by-status": "needs status and city == …"},
    ),
    Case(
        id="an entity with a constant sort key",
        of=User,
        ask=(User.user == "ana",),
        chosen="table",
        cost=0.5,
        key="pk = 'USER#ana' AND sk = 'PROFILE'",
        others={},
    ),
    Case(
        id="an entity's index template",
        of=Order,
        ask=(
            Order.status == "new",
            Order.city == "Rome",
            Order.user.exists(),
        ),
        chosen="by-status",
        cost=5.0,
        key="by_state = 'new#Rome'",
        filter="attribute_exists(user)",
        others={"table": "needs user == …"},
    ),
    Case(
        id="an entity's index with both",
        of=Order,
        ask=(
            Order.status == "new",
            Order.city == "Rome",
            Order.user == "ana",
        ),
        chosen="by-status",
        cost=0.5,
        key="by_state = 'new#Rome' AND by_user = 'ana#new'",
        others={"table": 0.5},
    ),
    Case(
        id="an entity that a part of an index tells",
        of=Ticket,
        ask=(
            Ticket.state == "new",
            Ticket.level == 3,
        ),
        options={"select": ("sk",)},
        chosen="by-state",
        cost=2.0,
        key="state = 'new'",
        filter="level = 3",
        others={
            "table": "needs desk == …",
            "by-level": f"{NO_ENTITY}; hydrate() fetches the rest",
            "local": "needs desk == …",
            "keys": "needs desk == …",
        },
    ),
    Case(
        id="an entity that a local index tells",
        of=Ticket,
        ask=(
            Ticket.desk == "a",
            Ticket.level == 3,
        ),
        options={"order_by": "level", "using": "local"},
        chosen="local",
        cost=1.0,
        key="pk = 'DESK#a' AND level = 3",
        others={
            "table": "using('local') asks for another",
            "by-state": "using('local') asks for another",
            "by-level": "using('local') asks for another",
            "keys": "using('local') asks for another",
        },
    ),
    Case(
        id="the condition of a key is demanded",
        of=Task,
        ask=(
            Task.team == "a",
            Task.state == "open",
        ),
        chosen="by-open",
        cost=5.0,
        key="team = 'a'",
        filter="state = 'open'",
        others={"table": "needs id == …", "by-urgent": NOT_URGENT},
    ),
    Case(
        id="both parts of the condition of a key are demanded",
        of=Task,
        ask=(
            Task.team == "a",
            (Task.level > 3) & (Task.state == "open"),
        ),
        options={"using": "by-urgent"},
        chosen="by-urgent",
        cost=5.0,
        key="urgent = 'a'",
        filter="level > 3 AND state = 'open'",
        others={
            "table": "using('by-urgent') asks for another",
            "by-open": "using('by-urgent') asks for another",
        },
    ),
    Case(
        id="what a conditional key holds is asked for",
        of=Task,
        ask=(
            Task.team == "a",
            Task.open_since.exists(),
        ),
        chosen="by-open",
        cost=5.0,
        key="team = 'a'",
        others={"table": "needs id == …", "by-urgent": NOT_URGENT},
    ),
    Case(
        id="a range of a conditional key",
        of=Task,
        ask=(
            Task.team == "a",
            Task.open_since > "5",
        ),
        chosen="by-open",
        cost=2.5,
        key="team = 'a' AND open_since > '5'",
        others={"table": "needs id == …", "by-urgent": NOT_URGENT},
    ),
    Case(
        id="a scan of what a condition holds",
        of=Task,
        ask=(Task.state == "open",),
        options={"is_scan": True, "using": "by-open"},
        chosen="scan of by-open",
        cost=196.0,
        key=None,
        filter="state = 'open'",
        others={},
    ),
    Case(
        id="two attributes and nothing more",
        of=Game,
        ask=(
            G.a == "1",
            G.b == "2",
        ),
        chosen="by-two",
        cost=5.0,
        key="a = '1' AND b = '2'",
        others={"table": "needs id == …", "by-all": "needs c == …"},
    ),
    Case(
        id="two attributes, one equal, one in a range",
        of=Game,
        ask=(
            G.a == "1",
            G.b == "2",
            G.c == 3,
            G.e > "x",
        ),
        chosen="by-two",
        cost=0.5,
        key="a = '1' AND b = '2' AND c = 3 AND e > 'x'",
        others={"table": "needs id == …", "by-all": "needs d == …"},
    ),
    Case(
        id="four attributes, sparse",
        of=Game,
        ask=(
            G.a == "1",
            G.b == "2",
            G.c == 3,
            G.d == "4",
            G.h.exists(),
        ),
        options={"avoid": ("by-two",)},
        chosen="by-all",
        cost=5.0,
        key="a = '1' AND b = '2' AND c = 3 AND d = '4'",
        others={"table": "needs id == …", "by-two": "avoid(…) names it"},
    ),
    Case(
        id="four and four",
        of=Game,
        ask=(
            G.a == "1",
            G.b == "2",
            G.c == 3,
            G.d == "4",
            G.e == "5",
            G.f == 6,
            G.g == "7",
            G.h > "8",
        ),
        chosen="by-all",
        cost=0.5,
        key="a = '1' AND b = '2' AND c = 3 AND d = '4' AND e = '5' AND f = 6 AND g = '7' AND h > '8'",
        others={"by-two": 0.5, "table": "needs id == …"},
    ),
    Case(
        id="four and a range on the first",
        of=Game,
        ask=(
            G.a == "1",
            G.b == "2",
            G.c == 3,
            G.d == "4",
            G.e.begins_with("5"),
            G.h.exists(),
        ),
        chosen="by-two",
        cost=0.5,
        key="a = '1' AND b = '2' AND c = 3 AND begins_with(e, '5')",
        filter="d = '4' AND attribute_exists(h)",
        others={"by-all": 0.5, "table": "needs id == …"},
    ),
    Case(
        id="a hint wins over cost",
        ask=(
            OWN,
            P.id == "x",
            P.state == "new",
        ),
        options={"using": "by-state"},
        chosen="by-state",
        cost=5.0,
        key="state = 'new'",
        filter="owner = 'ana' AND id = 'x'",
        others={
            "table": "using('by-state') asks for another",
            "by-city": "using('by-state') asks for another",
            "by-made": "using('by-state') asks for another",
            "by-rank": "using('by-state') asks for another",
            "by-size": "using('by-state') asks for another",
        },
    ),
    Case(
        id="the table as a hint",
        ask=(
            OWN,
            P.size > 3,
        ),
        options={"using": ""},
        chosen="table",
        cost=5.0,
        key="owner = 'ana'",
        filter="size > 3",
        others={
            "by-state": "using(None) asks for another",
            "by-city": "using(None) asks for another",
            "by-made": "using(None) asks for another",
            "by-rank": "using(None) asks for another",
            "by-size": "using(None) asks for another",
        },
    ),
    Case(
        id="an index to avoid",
        of=Alike,
        ask=(A.kind == "x",),
        options={"avoid": ("a-kind",)},
        chosen="z-kind",
        cost=5.0,
        key="kind = 'x'",
        others={
            "table": "needs id == …",
            "a-kind": "avoid(…) names it",
            "a-step": "needs id == …",
            "l-step": "needs id == …",
        },
    ),
    Case(
        id="order by what has one value",
        ask=(
            OWN,
            P.id == "x",
        ),
        options={"order_by": "id"},
        chosen="table",
        cost=0.5,
        key="owner = 'ana' AND id = 'x'",
        others={
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "its items come by made, not by id",
            "by-rank": NO_RANK,
            "by-size": "its items come by size, not by id",
        },
    ),
    Case(
        id="order behind an equality",
        of=Game,
        ask=(
            G.a == "1",
            G.b == "2",
            G.c == 3,
        ),
        options={"order_by": "e"},
        chosen="by-two",
        cost=0.5,
        key="a = '1' AND b = '2' AND c = 3",
        others={"table": "needs id == …", "by-all": "needs d == …"},
    ),
    Case(
        id="a tie goes to the local index",
        of=Alike,
        ask=(
            A.id == "x",
            A.step > 3,
        ),
        chosen="l-step",
        cost=2.5,
        key="id = 'x' AND step > 3",
        others={"table": 5.0, "a-step": 2.5, "z-kind": "needs kind == …", "a-kind": "needs kind == …"},
    ),
    Case(
        id="a tie goes by name",
        of=Alike,
        ask=(A.kind == "x",),
        chosen="a-kind",
        cost=5.0,
        key="kind = 'x'",
        others={
            "z-kind": 5.0,
            "table": "needs id == …",
            "a-step": "needs id == …",
            "l-step": "needs id == …",
        },
    ),
    Case(
        id="more bound for the same price",
        ask=(
            OWN,
            P.size == 3,
            P.id == "x",
        ),
        chosen="table",
        cost=0.5,
        key="owner = 'ana' AND id = 'x'",
        filter="size = 3",
        others={
            "by-size": 1.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold size",
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="the whole key wins a tie",
        of=File,
        ask=(
            F.id == "x",
            F.name == "y",
            F.folder == "z",
        ),
        chosen="table",
        cost=0.5,
        key="id = 'x'",
        filter="name = 'y' AND folder = 'z'",
        others={"by-folder": 0.5, "by-name": "it does not hold note; hydrate() fetches the rest"},
    ),
    Case(
        id="a limit makes all alike",
        of=Alike,
        ask=(
            A.id == "x",
            A.step > 3,
        ),
        options={"limit": 3},
        chosen="l-step",
        cost=0.5,
        key="id = 'x' AND step > 3",
        others={"table": 0.5, "a-step": 0.5, "z-kind": "needs kind == …", "a-kind": "needs kind == …"},
    ),
    Case(
        id="sizes change the choice",
        ask=(
            OWN,
            P.state == "new",
        ),
        statistics=Statistics(
            table=Size(items=10**6, bytes=10**9), indexes={"by-state": Size(items=100, bytes=40000)}
        ),
        chosen="by-state",
        cost=0.5,
        key="state = 'new'",
        filter="owner = 'ana'",
        others={
            "table": 122.5,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold state",
            "by-rank": NO_RANK,
            "by-size": "it does not hold state",
        },
    ),
    Case(
        id="sizes the other way",
        ask=(
            OWN,
            P.state == "new",
        ),
        statistics=Statistics(
            table=Size(items=100, bytes=40000), indexes={"by-state": Size(items=10**6, bytes=10**9)}
        ),
        chosen="table",
        cost=0.5,
        key="owner = 'ana'",
        filter="state = 'new'",
        others={
            "by-state": 122.5,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold state",
            "by-rank": NO_RANK,
            "by-size": "it does not hold state",
        },
    ),
    Case(
        id="an index that is being built",
        of=Alike,
        ask=(A.kind == "x",),
        statistics=Statistics(indexes={"a-kind": Size(items=0, bytes=0, is_active=False)}),
        chosen="z-kind",
        cost=5.0,
        key="kind = 'x'",
        others={
            "table": "needs id == …",
            "a-kind": "it is still being built",
            "a-step": "needs id == …",
            "l-step": "needs id == …",
        },
    ),
    Case(
        id="scan allowed",
        ask=(P.note == "x",),
        options={"allow_scan": True},
        chosen="scan of table",
        cost=490.0,
        key=None,
        filter="note = 'x'",
        others={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Case(
        id="scan allowed and not needed",
        ask=(OWN,),
        options={"allow_scan": True},
        chosen="table",
        cost=5.0,
        key="owner = 'ana'",
        others={
            "by-made": 52.0,
            "by-size": 52.0,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-rank": NO_RANK,
        },
    ),
    Case(
        id="a scan as such",
        ask=(P.note == "x",),
        options={"is_scan": True},
        chosen="scan of table",
        cost=490.0,
        key=None,
        filter="note = 'x'",
        others={},
    ),
    Case(
        id="a scan of an index",
        ask=(P.state.exists(),),
        options={"is_scan": True, "using": "by-state"},
        chosen="scan of by-state",
        cost=196.0,
        key=None,
        filter="attribute_exists(state)",
        others={},
    ),
    Case(
        id="not expired",
        ask=(OWN,),
        options={"unexpired": True},
        chosen="table",
        cost=5.0,
        key="owner = 'ana'",
        filter=f"attribute_not_exists(expires) OR expires > {A_DAY}",
        others={
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "it does not hold expires",
            "by-rank": NO_RANK,
            "by-size": "it does not hold expires",
        },
    ),
    Case(
        id="no condition scan",
        of=File,
        ask=(),
        options={"is_scan": True},
        chosen="scan of table",
        cost=490.0,
        key=None,
        others={},
    ),
    Case(
        id="hydrate: whole items of keys only",
        ask=(P.city == "Rome",),
        options={"hydrate": True},
        chosen="by-city",
        cost=52.0,
        key="city = 'Rome'",
        others=BESIDE_CITY,
    ),
    Case(
        id="hydrate consistently costs twice as much",
        ask=(P.city == "Rome",),
        options={"hydrate": True, "fresh": True, "limit": 10},
        chosen="by-city",
        cost=10.5,
        key="city = 'Rome'",
        others=BESIDE_CITY,
    ),
    Case(
        id="hydrate: what the filter leaves out is not fetched",
        ask=(F.name == "x", F.folder != "y"),
        of=File,
        options={"hydrate": True},
        chosen="by-name",
        cost=27.0,
        key="name = 'x'",
        filter="folder <> 'y'",
        others={"table": "needs id == …", "by-folder": "needs folder == …"},
    ),
    Case(
        id="hydrate where the index that holds all is cheaper",
        ask=(F.name == "x", F.folder == "y"),
        of=File,
        options={"hydrate": True},
        chosen="by-folder",
        cost=0.5,
        key="folder = 'y' AND name = 'x'",
        others={"table": "needs id == …", "by-name": 27.0},
    ),
    Case(
        id="hydrate where nothing lacks",
        ask=(P.city == "Rome",),
        options={"hydrate": True, "select": ("id", "made")},
        chosen="by-city",
        cost=2.0,
        key="city = 'Rome'",
        others=BESIDE_CITY,
    ),
    Case(
        id="hydrate tells entities apart when they are fetched",
        of=Guest,
        ask=(Guest.city == "Rome",),
        options={"hydrate": True},
        chosen="by-city",
        cost=52.0,
        key="city = 'Rome'",
        others={"table": "needs id == …"},
    ),
    Case(
        id="hydrate a scan of an index",
        ask=(P.city.exists(),),
        options={"hydrate": True, "is_scan": True, "using": "by-city"},
        chosen="scan of by-city",
        cost=2696.0,
        key=None,
        filter="attribute_exists(city)",
        others={},
    ),
]


REFUSALS = [
    Refusal(
        id="a template of an index",
        of=Member,
        ask=(M.mail == "a@b",),
        options={"select": ("org",)},
        reasons={"table": "needs org == …", "by-mail": "it does not hold org; hydrate() fetches the rest"},
    ),
    Refusal(
        id="nothing binds a partition",
        ask=(P.note == "x",),
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="IN binds no key",
        ask=(P.owner.is_in(["a", "b"]),),
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="a prefix binds no partition",
        ask=(P.owner.begins_with("a"),),
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="OR of partitions",
        ask=((P.owner == "a") | (P.owner == "b"),),
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="contains alone",
        ask=(
            OWN,
            P.id.contains("x"),
        ),
        options={"avoid": ("by-size", "by-made", "by-rank")},
        reasons={
            "table": NO_KEY_ID,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "avoid(…) names it",
            "by-rank": "avoid(…) names it",
            "by-size": "avoid(…) names it",
        },
    ),
    Refusal(
        id="prefix and bound",
        of=File,
        ask=(
            F.folder == "x",
            F.name.begins_with("a"),
            F.name < "b",
        ),
        reasons={
            "table": "needs id == …",
            "by-folder": "a key condition can't say begins_with and another comparison of name at once",
            "by-name": "needs name == …",
        },
    ),
    Refusal(
        id="consistent by global only",
        ask=(P.state == "new",),
        options={"consistent": True},
        reasons={
            "table": WHERE_OWNER,
            "by-state": "a global index can't be read consistently",
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="whole items of keys only",
        ask=(P.city == "Rome",),
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": NO_WHOLE_PART,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="unknown=keep needs whole items",
        of=Kept,
        ask=(K.kind == "x",),
        reasons={
            "table": "needs id == …",
            "by-kind": "it does not hold whole items; hydrate() fetches the rest",
            "by-note": "needs note == …",
        },
    ),
    Refusal(
        id="filter not projected",
        ask=(
            P.city == "Rome",
            P.note == "x",
        ),
        options={"select": ("id",)},
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": "it does not hold note",
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="local filter not projected",
        ask=(
            OWN,
            P.size == 3,
            P.note == "x",
        ),
        options={"using": "by-size"},
        code="plan.unsound-hint",
        reasons={
            "table": "using('by-size') asks for another",
            "by-state": "using('by-size') asks for another",
            "by-city": "using('by-size') asks for another",
            "by-made": "using('by-size') asks for another",
            "by-rank": "using('by-size') asks for another",
            "by-size": "it does not hold note",
        },
    ),
    Refusal(
        id="local raw",
        ask=(
            OWN,
            P.size == 3,
            raw("note = :n", values={":n": "x"}),
        ),
        options={"using": "by-size", "select": ("id",)},
        code="plan.unsound-hint",
        reasons={
            "table": "using('by-size') asks for another",
            "by-state": "using('by-size') asks for another",
            "by-city": "using('by-size') asks for another",
            "by-made": "using('by-size') asks for another",
            "by-rank": "using('by-size') asks for another",
            "by-size": "hand-written text may need what it does not hold",
        },
    ),
    Refusal(
        id="raw on keys only",
        ask=(
            P.city == "Rome",
            raw("#n = :n", names={"#n": "note"}, values={":n": "x"}),
        ),
        options={"select": ("id",)},
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": "hand-written text may need what it does not hold",
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="raw names the key",
        ask=(
            P.state == "new",
            raw("#n > :n", names={"#n": "size"}, values={":n": 1}),
        ),
        reasons={
            "table": WHERE_OWNER,
            "by-state": "no key condition can say what is asked of its key size, and no filter may",
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="order of nothing",
        ask=(OWN,),
        options={"order_by": "note"},
        reasons={
            "table": "its items come by id, not by note",
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "its items come by made, not by note",
            "by-rank": NO_RANK,
            "by-size": "its items come by size, not by note",
        },
    ),
    Refusal(
        id="order by sparse",
        ask=(OWN,),
        options={"order_by": "rank"},
        reasons={
            "table": "its items come by id, not by rank",
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": "its items come by made, not by rank",
            "by-rank": NO_RANK,
            "by-size": "its items come by size, not by rank",
        },
    ),
    Refusal(
        id="order by global's",
        ask=(P.state == "new",),
        options={"order_by": "made"},
        reasons={
            "table": WHERE_OWNER,
            "by-state": "its items come by size, not by made",
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="hint unsound",
        ask=(OWN,),
        options={"using": "by-rank"},
        code="plan.unsound-hint",
        reasons={
            "table": "using('by-rank') asks for another",
            "by-state": "using('by-rank') asks for another",
            "by-city": "using('by-rank') asks for another",
            "by-made": "using('by-rank') asks for another",
            "by-rank": NO_RANK,
            "by-size": "using('by-rank') asks for another",
        },
    ),
    Refusal(
        id="hint keyless",
        ask=(P.note == "x",),
        options={"using": "by-city"},
        code="plan.unsound-hint",
        reasons={
            "table": "using('by-city') asks for another",
            "by-state": "using('by-city') asks for another",
            "by-city": WHERE_CITY,
            "by-made": "using('by-city') asks for another",
            "by-rank": "using('by-city') asks for another",
            "by-size": "using('by-city') asks for another",
        },
    ),
    Refusal(
        id="hint unknown", ask=(OWN,), options={"using": "by-nothing"}, code="plan.unknown-index", reasons={}
    ),
    Refusal(
        id="avoid unknown",
        ask=(OWN,),
        options={"avoid": ("by-nothing",)},
        code="plan.unknown-index",
        reasons={},
    ),
    Refusal(
        id="avoid all",
        of=File,
        ask=(F.folder == "x",),
        options={"avoid": ("by-folder",)},
        reasons={"table": "needs id == …", "by-folder": "avoid(…) names it", "by-name": "needs name == …"},
    ),
    Refusal(
        id="only index being built",
        ask=(P.state == "new",),
        statistics=Statistics(indexes={"by-state": Size(items=0, bytes=0, is_active=False)}),
        reasons={
            "table": WHERE_OWNER,
            "by-state": "it is still being built",
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="multi gap",
        of=Game,
        ask=(
            G.a == "1",
            G.b == "2",
            G.e == "x",
        ),
        reasons={
            "table": "needs id == …",
            "by-all": "needs c == …",
            "by-two": "no key condition can say what is asked of its key e, and no filter may",
        },
    ),
    Refusal(
        id="multi range twice",
        of=Game,
        ask=(
            G.a == "1",
            G.b == "2",
            G.c > 1,
            G.e > "x",
        ),
        reasons={
            "table": "needs id == …",
            "by-all": "needs c == …",
            "by-two": "no key condition can say what is asked of its key e, and no filter may",
        },
    ),
    Refusal(
        id="multi missing partition",
        of=Game,
        ask=(
            G.a == "1",
            G.b == "2",
            G.c == 3,
            G.h.exists(),
        ),
        options={"using": "by-all"},
        code="plan.unsound-hint",
        reasons={
            "table": "using('by-all') asks for another",
            "by-all": "needs d == …",
            "by-two": "using('by-all') asks for another",
        },
    ),
    Refusal(
        id="scan reverse",
        ask=(P.note == "x",),
        options={"allow_scan": True, "reverse": True},
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": WHERE_CITY,
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="scan order",
        ask=(P.note == "x",),
        options={"is_scan": True, "order_by": "id"},
        reasons={"scan of table": "a scan has no order"},
    ),
    Refusal(
        id="scan sparse",
        ask=(),
        options={"is_scan": True, "using": "by-state"},
        code="plan.unsound-hint",
        reasons={"scan of by-state": NO_STATE},
    ),
    Refusal(
        id="scan keys only",
        ask=(),
        options={"is_scan": True, "using": "by-city"},
        code="plan.unsound-hint",
        reasons={"scan of by-city": NO_WHOLE_PART},
    ),
    Refusal(
        id="scan consistent global",
        ask=(P.state.exists(),),
        options={"is_scan": True, "using": "by-state", "consistent": True},
        code="plan.unsound-hint",
        reasons={"scan of by-state": "a global index can't be read consistently"},
    ),
    Refusal(
        id="scan building",
        ask=(P.state.exists(),),
        options={"is_scan": True, "using": "by-state"},
        statistics=Statistics(indexes={"by-state": Size(items=0, bytes=0, is_active=False)}),
        code="plan.unsound-hint",
        reasons={"scan of by-state": "it is still being built"},
    ),
    Refusal(
        id="hydrate and a filter that is not projected",
        ask=(P.city == "Rome", P.note == "x"),
        options={"hydrate": True},
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": "it does not hold note, and that is tested before items are fetched",
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="hydrate and text that nobody reads",
        ask=(P.city == "Rome", raw("size(note) > :n", values={":n": 3})),
        options={"hydrate": True},
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": (
                "hand-written text may need what it does not hold, and that is tested before items are "
                "fetched"
            ),
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="hydrate and consistent",
        ask=(P.city == "Rome",),
        options={"hydrate": True, "consistent": True},
        reasons={
            "table": WHERE_OWNER,
            "by-state": WHERE_STATE,
            "by-city": "a global index can't be read consistently",
            "by-made": WHERE_OWNER,
            "by-rank": WHERE_OWNER,
            "by-size": WHERE_OWNER,
        },
    ),
    Refusal(
        id="hydrate an index that lacks items",
        ask=(),
        options={"hydrate": True, "is_scan": True, "using": "by-city"},
        code="plan.unsound-hint",
        reasons={
            "scan of by-city": (
                "it lacks the items without city, and nothing says that all have it "
                "(ask for them alone: Part.city.exists())"
            )
        },
    ),
    Refusal(
        id="condition of another value",
        of=Task,
        ask=(
            Task.team == "a",
            Task.state == "done",
        ),
        reasons={"table": "needs id == …", "by-open": NOT_OPEN, "by-urgent": NOT_URGENT},
    ),
    Refusal(
        id="condition in one side of OR",
        of=Task,
        ask=(
            Task.team == "a",
            (Task.state == "open") | (Task.level > 3),
        ),
        reasons={"table": "needs id == …", "by-open": NOT_OPEN, "by-urgent": NOT_URGENT},
    ),
    Refusal(
        id="condition not said",
        of=Task,
        ask=(Task.team == "a",),
        options={"using": "by-open"},
        code="plan.unsound-hint",
        reasons={
            "table": "using('by-open') asks for another",
            "by-open": NOT_OPEN,
            "by-urgent": "using('by-open') asks for another",
        },
    ),
    Refusal(
        id="scan of a condition",
        of=Task,
        ask=(Task.state == "done",),
        options={"is_scan": True, "using": "by-open"},
        code="plan.unsound-hint",
        reasons={"scan of by-open": NOT_OPEN},
    ),
    Refusal(
        id="entity not projected",
        of=Ticket,
        ask=(Ticket.level == 3,),
        options={"select": ("state",)},
        reasons={
            "table": "needs desk == …",
            "by-state": "needs state == …",
            "by-level": f"{NO_ENTITY}; hydrate() fetches the rest",
            "local": "needs desk == …",
            "keys": "needs desk == …",
        },
    ),
    Refusal(
        id="entity not held by a local index",
        of=Ticket,
        ask=(
            Ticket.desk == "a",
            Ticket.state == "new",
        ),
        options={"select": ("sk",), "using": "keys"},
        code="plan.unsound-hint",
        reasons={
            "table": "using('keys') asks for another",
            "by-state": "using('keys') asks for another",
            "by-level": "using('keys') asks for another",
            "local": "using('keys') asks for another",
            "keys": NO_ENTITY,
        },
    ),
    Refusal(
        id="entity KEYS",
        of=Member,
        ask=(M.mail.exists(),),
        reasons={"table": "needs org == …", "by-mail": "needs mail == …"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_query_is_answered_by_the_cheapest_way_that_is_sound(case: Case) -> None:
    plan = asked(case)

    others = {each.name: each.reason or _units(each) for each in plan.choice.candidates if not each.is_chosen}
    chosen = [each.name for each in plan.choice.candidates if each.is_chosen]
    assert (chosen, plan.choice.cost.read_units) == ([case.chosen], case.cost)
    assert _text(plan.key) == case.key
    assert _text(plan.filter) == case.filter
    assert others == case.others


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_sound_way_is_cheaper_than_the_chosen_one(case: Case) -> None:
    """R50."""
    plan = asked(case)

    costs = [each.cost.read_units for each in plan.choice.candidates if each.cost is not None]
    assert plan.choice.cost.read_units == min(costs)


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
def test_a_query_that_nothing_answers_is_refused_with_every_reason(case: Refusal) -> None:
    with pytest.raises(NoUsableIndex) as caught:
        asked(case)

    assert caught.value.code == case.code
    assert (caught.value.why or "") == "; ".join(f"{name}: {why}" for name, why in case.reasons.items())
    assert caught.value.fix


SEVERAL: dict[str, tuple[type[Any], tuple[Condition[Any], ...], str]] = {
    "a partition": (Part, (P.owner.is_in(["a", "b"]),), "owner"),
    "a partition beside a sort key": (Part, (P.owner.is_in(["a", "b"]), P.id == "x"), "owner"),
    "a sort key": (Bookmark, (Bookmark.user == "ana", Bookmark.slug.is_in(["a", "b"])), "slug"),
    "a partition of an index": (Part, (P.city.is_in(["Rome"]), P.note == "x"), "city"),
    "a template's field": (Member, (M.org.is_in(["x", "y"]),), "org"),
}


@pytest.mark.parametrize(("of", "ask", "field"), SEVERAL.values(), ids=SEVERAL)
def test_several_values_of_a_key_are_refused_with_what_to_do(
    of: type[Any], ask: tuple[Condition[Any], ...], field: str
) -> None:
    """No query is sent for each of them unasked."""
    with pytest.raises(NoUsableIndex) as caught:
        prepare(target(of, "any"), Question(conditions=ask))

    fix = caught.value.fix or ""
    assert f"a query for each value of {field}, compared with ==" in fix
    assert "batch_get([…])" in fix


def test_several_values_of_another_field_have_another_way_out() -> None:
    with pytest.raises(NoUsableIndex) as caught:
        prepare(target(Part, "any"), Question(conditions=(P.note.is_in(["a", "b"]),)))

    assert "compare a partition key with ==" in (caught.value.fix or "")


def _text(condition: Condition[Any] | None) -> str | None:
    return None if condition is None else readable(condition)


def _units(candidate: Candidate) -> float:
    assert candidate.cost is not None
    return candidate.cost.read_units


NOTHING_MEETS = {
    "two partitions": [P.owner == "ana", P.owner == "bob"],
    "two sort keys": [OWN, P.id == "a", P.id == "b"],
    "bounds the wrong way round": [OWN, P.id > "m", P.id < "a"],
    "bounds that exclude their one value": [OWN, P.id >= "a", P.id < "a"],
    "between the wrong way round": [OWN, P.id.between("m", "a")],
    "an equality out of a range": [OWN, P.id == "a", P.id > "a"],
    "an equality out of between": [OWN, P.id == "a", P.id.between("b", "c")],
    "an equality with another prefix": [OWN, P.id == "a", P.id.begins_with("b")],
    "two prefixes": [OWN, P.id.begins_with("ab"), P.id.begins_with("b")],
    "numbers of an index": [OWN, P.size > 10, P.size <= 9],
    "times of an index": [OWN, P.made > DAY, P.made < DAY],
    "a partition of an index": [P.state == "new", P.state == "old"],
}


@pytest.mark.parametrize("ask", NOTHING_MEETS.values(), ids=NOTHING_MEETS)
def test_conditions_that_no_item_meets_are_refused(ask: list[Condition[Part]]) -> None:
    with pytest.raises(InvalidExpression, match="no item can meet") as caught:
        prepare(target(Part, "any"), Question(conditions=tuple(ask)))

    assert caught.value.code == "plan.contradiction"


MET = {
    "two bounds of an index's key": ([OWN, P.size > 1, P.size <= 9], [OWN, P.size > 10, P.size <= 9]),
    "two equal values": ([P.state == "new", P.state == "new"], [P.state == "new", P.state == "old"]),
    "between": ([OWN, P.size.between(1, 2)], [OWN, P.size.between(2, 1)]),
}


@pytest.mark.parametrize(("met", "unmet"), MET.values(), ids=MET)
def test_what_was_planned_before_does_not_hide_a_contradiction(
    met: list[Condition[Part]], unmet: list[Condition[Part]]
) -> None:
    """What queries of one form have in common is kept; whether their values fit each other is not."""
    parts = target(Part, "any")
    prepare(parts, Question(conditions=tuple(met)))

    with pytest.raises(InvalidExpression, match="no item can meet"):
        prepare(parts, Question(conditions=tuple(unmet)))


@pytest.mark.parametrize(
    "options", [{}, {"is_scan": True, "using": "by-open"}], ids=["a query", "a scan of an index"]
)
def test_what_was_planned_before_implies_no_condition_of_a_key(options: dict[str, Any]) -> None:
    """The index that answers for one value of a condition lacks the items of another."""
    tasks = target(Task, "any")
    team = (Task.team == "a",) if not options else ()
    prepare(tasks, Question(conditions=(*team, Task.state == "open"), **options))

    with pytest.raises(NoUsableIndex):
        prepare(tasks, Question(conditions=(*team, Task.state == "done"), **options))


def test_true_and_one_are_different_conditions() -> None:
    @model(table="flags")
    class Flag:
        id: Attr[str] = partition_key()
        group: Attr[str]
        value: Attr[bool | int]
        on: Attr[str] = attribute(template="{group}", when=lambda flag: flag.value == 1)

        by_on = GlobalIndex("by-on", partition_key="on")

    flags = target(Flag, "any")

    assert prepare(flags, Question(conditions=(Flag.group == "a", Flag.value == 1)))
    with pytest.raises(NoUsableIndex):
        prepare(flags, Question(conditions=(Flag.group == "a", Flag.value == True)))  # noqa: E712


def test_the_choice_does_not_depend_on_what_was_planned_before() -> None:
    """Else a page's cursor would be refused by another process, where other values came first."""
    members = target(Both, "any")
    whole, part = [Both.org == "x", Both.team == "a"], [Both.org == "x", Both.team == "a#b"]
    alone = prepare(target(Both, "any"), Question(conditions=tuple(part)))
    prepare(members, Question(conditions=tuple(whole)))

    plan = prepare(members, Question(conditions=tuple(part)))

    assert (plan.choice, plan.opened) == (alone.choice, alone.opened)


def test_the_values_of_a_known_form_are_bound_to_their_own_conditions() -> None:
    """A key that is a constant template, beside a partition that is named twice."""
    users = target(Constant, "any")

    first, second = (
        prepare(users, Question(conditions=(Constant.id == name, Constant.id == name))) for name in ("a", "b")
    )

    assert _text(first.key) == "id = 'a' AND sk = 'PROFILE'"
    assert _text(second.key) == "id = 'b' AND sk = 'PROFILE'"


def test_what_earlier_queries_read_changes_no_order_that_was_not_asked_for() -> None:
    bookmarks = target(Bookmark, "bookmarks")
    question = Question(conditions=(Bookmark.user == "ana",))
    first = prepare(bookmarks, question)
    assert first.key is not None
    seen = Statistics().with_observed(None, first.key.form, 100_000)

    again = prepare(bookmarks, question, statistics=seen)

    assert (first.choice.access.name, again.choice.access.name) == (None, None)
    assert again.choice.cost.confidence == "observed"


def test_a_size_that_differs_says_nothing_of_being_stored() -> None:
    (term,) = terms_of(target(Bookmark, "bookmarks").spec, [Bookmark.title.size() != 5], verb="where")

    assert term.present == frozenset()
