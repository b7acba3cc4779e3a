"""Random programs of verbs against a dictionary that says what they mean, on every engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Literal
from uuid import uuid4

import attrs
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamorm_async import (
    UNSET,
    Attr,
    Client,
    Condition,
    ConditionFailed,
    ItemNotFound,
    Table,
    VersionConflict,
    attribute,
    evolve,
    model,
    partition_key,
    version,
)
from dynamorm_async.testing import Engine


@model(table="counters")
class Counter:
    id: Attr[str] = partition_key()
    n: Attr[int] = attribute(default=0)
    text: Attr[str | None] = attribute(default=None)
    tags: Attr[set[str]] = attribute(factory=set[str])
    revision: Attr[int] = version()


Verb = Literal["create", "put", "save", "upsert", "update", "update held", "delete", "delete held", "get"]
Plain = dict[str, Any]
Test = Callable[[Plain | None], bool]


@attrs.frozen
class When:
    """A condition, and what it means of a stored item or of none."""

    condition: Condition[Counter]
    test: Test


def n_below(limit: int) -> When:
    return When(Counter.n < limit, lambda item: item is not None and item["n"] < limit)


def text_is(text: str) -> When:
    return When(Counter.text == text, lambda item: item is not None and item["text"] == text)


def tagged(tag: str) -> When:
    return When(Counter.tags.contains(tag), lambda item: item is not None and tag in item["tags"])


NO_TEXT = When(Counter.text.not_exists(), lambda item: item is None or item["text"] is None)


def negated(when: When) -> When:
    return When(~when.condition, lambda item: not when.test(item))


def either(one: When, other: When) -> When:
    return When(one.condition | other.condition, lambda item: one.test(item) or other.test(item))


def together(one: When, other: When) -> When:
    return When(one.condition & other.condition, lambda item: one.test(item) and other.test(item))


TAGS = st.sampled_from(["x", "y"])
TEXTS = st.sampled_from(["a", "b"])
simple = st.one_of(st.integers(0, 6).map(n_below), TEXTS.map(text_is), TAGS.map(tagged), st.just(NO_TEXT))
conditions = st.recursive(
    simple,
    lambda inner: st.one_of(
        inner.map(negated), st.builds(either, inner, inner), st.builds(together, inner, inner)
    ),
    max_leaves=4,
)


@attrs.frozen
class Step:
    """One verb of a program; `fresh` makes an instance anew, otherwise the last one seen is used."""

    verb: Verb
    id: str
    n: int
    text: str | None
    tags: frozenset[str]
    fresh: bool
    when: When | None


VERBS: list[Verb] = [
    "create",
    "put",
    "save",
    "upsert",
    "update",
    "update held",
    "delete",
    "delete held",
    "get",
]
steps = st.builds(
    Step,
    verb=st.sampled_from(VERBS),
    id=st.sampled_from(["one", "two"]),
    n=st.integers(0, 5),
    text=st.none() | TEXTS,
    tags=st.frozensets(TAGS),
    fresh=st.booleans(),
    when=st.none() | st.none() | conditions,
)


class Conflict(Exception):
    """What the dictionary answers where the table says VersionConflict."""


class Unmet(Exception):
    """What the dictionary answers where the table says ConditionFailed."""


class Absent(Exception):
    """What the dictionary answers where the table says ItemNotFound."""


@attrs.define
class Meaning:
    """The verbs over a dictionary: what they do, with no table and no expression."""

    items: dict[str, Plain] = attrs.field(factory=dict[str, Plain])

    def apply(self, step: Step, held: int | None) -> Plain | None:
        stored = self.items.get(step.id)
        self._demand(step, stored, held)
        match step.verb:
            case "get":
                return stored
            case "delete" | "delete held":
                self.items.pop(step.id, None)
                return None
            case "update" | "update held" if stored is not None:
                changed = {"n": stored["n"] + step.n, "text": step.text, "tags": stored["tags"] | step.tags}
                new = {**changed, "revision": stored["revision"] + 1}
            case _:
                new = {"n": step.n, "text": step.text, "tags": set(step.tags), "revision": 0}
                new["revision"] = self._next(step.verb, stored, held)
        self.items[step.id] = new
        return new

    def _demand(self, step: Step, stored: Plain | None, held: int | None) -> None:
        checks_version = step.verb in ("put", "save", "update held", "delete held", "upsert")
        if checks_version and held is not None:
            is_lost = stored["revision"] != held if stored is not None else step.verb != "upsert"
            if is_lost:
                raise Conflict
        met = step.when is None or step.verb == "get" or step.when.test(stored)
        if step.verb == "get" and stored is None:
            raise Absent
        if step.verb == "create":
            met = met and stored is None
        if step.verb in ("save", "update", "update held"):
            met = met and stored is not None
        if step.verb == "save" and held is None:
            met = False  # every stored item has a version
        if not met:
            raise Unmet

    def _next(self, verb: Verb, stored: Plain | None, held: int | None) -> int:
        if verb == "create":
            return 0
        if verb == "upsert":
            return 0 if stored is None else stored["revision"] + 1
        return 0 if held is None else held + 1


def plain(item: Counter | None) -> Plain | None:
    if item is None:
        return None
    return {"n": item.n, "text": item.text, "tags": item.tags, "revision": item.revision}


@attrs.define
class Program:
    """The same steps on a table and on the dictionary."""

    table: Table[Counter]
    meaning: Meaning = attrs.field(factory=Meaning)
    seen: dict[str, Counter] = attrs.field(factory=dict[str, Counter])

    async def run(self, step: Step) -> None:
        item = self._item(step)
        before = evolve(item)
        held = None if item.revision is UNSET else item.revision
        expected = self._expected(step, held)

        found: Any = await self._outcome(step, item)

        assert found == expected, step
        assert item == before, step
        stored = await self.table.find(step.id, consistent=True)
        assert plain(stored) == self.meaning.items.get(step.id), step
        if stored is not None and step.n % 2:
            self.seen[step.id] = stored

    def _item(self, step: Step) -> Counter:
        last = None if step.fresh else self.seen.get(step.id)
        values: Plain = {"n": step.n, "text": step.text, "tags": set(step.tags)}
        return Counter(id=step.id, **values) if last is None else evolve(last, **values)

    def _expected(self, step: Step, held: int | None) -> object:
        try:
            return self.meaning.apply(step, held)
        except (Conflict, Unmet, Absent) as error:
            return type(error)

    async def _outcome(self, step: Step, item: Counter) -> object:
        try:
            return plain(await self._verb(step, item))
        except VersionConflict:
            return Conflict
        except ConditionFailed:
            return Unmet
        except ItemNotFound:
            return Absent

    def _verb(self, step: Step, item: Counter) -> Awaitable[Counter | None]:
        when = None if step.when is None else step.when.condition
        changes = [Counter.n.add(step.n), Counter.text.set(step.text)]
        if step.tags:
            changes.append(Counter.tags.add(step.tags))
        match step.verb:
            case "get":
                return self.table.get(step.id, consistent=True)
            case "create":
                return self.table.create(item, when=when)
            case "put":
                return self.table.put(item, when=when)
            case "save":
                return self.table.save(item, when=when)
            case "upsert":
                return self.table.upsert(item, when=when)
            case "update":
                return self.table.update(step.id, *changes, when=when, returning="ALL_NEW")
            case "update held":
                return self.table.update(item, *changes, when=when, returning="ALL_NEW")
            case "delete":
                return self.table.delete(step.id, when=when)
            case "delete held":
                return self.table.delete(item, when=when)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def counters(shared_client: Client) -> AsyncGenerator[Table[Counter]]:
    name = f"test-{uuid4().hex}"
    await shared_client.admin.create_table(Counter, name=name)
    yield shared_client.table(Counter, name=name)
    await shared_client.admin.delete_table(Counter, name=name)


@settings(max_examples=30, deadline=None, database=None)
@given(program=st.lists(steps, min_size=4, max_size=25))
async def test_random_programs_mean_what_the_dictionary_says(
    counters: Table[Counter], engine: Engine, program: list[Step]
) -> None:
    for id in ("one", "two"):
        await counters.delete(id)
    running = Program(counters)

    for step in program if engine.name == "memory" else program[:10]:
        await running.run(step)
