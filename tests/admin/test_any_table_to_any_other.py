"""From any table to any other, against a service that keeps the rules. R88, R89.

The steps end at what is wanted, or nothing is begun; what was done is not done again.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast, get_args

import attrs
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from dynamorm_async import (
    Attr,
    GlobalIndex,
    LocalIndex,
    OnDemand,
    Provisioned,
    RequestRefused,
    TableMismatch,
    TableSettings,
    Throughput,
    WarmThroughput,
    attribute,
    model,
    partition_key,
    sort_key,
    ttl,
)
from dynamorm_async.admin import Admin, FoundTable
from dynamorm_async.admin.steps import Removal
from dynamorm_async.codecs import default_codecs
from dynamorm_async.plan import Target
from tests.admin.modelled_service import HOUR, ModelledService

# CI tries ten times as many examples, which takes half a minute.
pytestmark = pytest.mark.timeout(300)

PYTHON = {"S": str, "N": int, "B": bytes}
LOSSES = {"drop_index", "shorten_recovery"}
ALL: Any = set(get_args(Removal))


@attrs.frozen
class Wish:
    """A table as one model and its settings say it."""

    types: dict[str, str]
    has_sort_key: bool
    indexes: dict[str, GlobalIndex | LocalIndex]
    ttl: str | None
    settings: TableSettings

    @property
    def model(self) -> type[Any]:
        attributes: dict[str, Any] = {name: attribute(default=None) for name in "abc"}
        attributes |= {
            "p": partition_key(),
            "s": sort_key() if self.has_sort_key else attribute(default=None),
        }
        types: dict[str, Any] = {name: Attr[PYTHON[self.types[name]]] for name in attributes}
        if self.ttl is not None:
            attributes[self.ttl], types[self.ttl] = ttl(default=None), Attr[int | None]
        body = {**attributes, **{f"index_{n}": i for n, i in enumerate(self.indexes.values())}}
        return model(table="things")(type("Thing", (), {**body, "__annotations__": types}))


def units() -> st.SearchStrategy[Throughput]:
    return st.builds(Throughput, st.integers(1, 3), st.integers(1, 3))


@st.composite
def settings_for(draw: st.DrawFn, indexes: list[str]) -> TableSettings:
    some_of = st.sampled_from(indexes) if indexes else st.nothing()
    per_index = st.dictionaries(some_of, units())
    some = st.none() | st.integers(1, 3)
    capacity = st.one_of(
        st.none(),
        st.builds(OnDemand, max_read=some, max_write=some, indexes=per_index),
        st.builds(Provisioned, read=st.integers(1, 3), write=st.integers(1, 3), indexes=per_index),
    )
    key = "arn:aws:kms:eu-west-1:123456789012:key/1"
    return TableSettings(
        capacity=draw(capacity),
        warm=draw(
            st.none()
            | st.builds(WarmThroughput, read=st.integers(1, 9), write=st.integers(1, 9), indexes=per_index)
        ),
        stream=cast("Any", draw(st.sampled_from([None, "OFF", "KEYS_ONLY", "NEW_IMAGE"]))),
        encryption=draw(st.sampled_from([None, "AWS_OWNED", "AWS_MANAGED", key])),
        table_class=cast("Any", draw(st.sampled_from([None, "STANDARD", "STANDARD_INFREQUENT_ACCESS"]))),
        deletion_protection=draw(st.sampled_from([None, None, False, True])),
        tags=draw(st.none() | st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"))),
        recovery_days=draw(st.sampled_from([None, 0, 1, 35])),
        time_to_live=cast("Any", draw(st.sampled_from([None, None, "OFF"]))),
        insights=cast("Any", draw(st.sampled_from([None, "OFF", "THROTTLED_KEYS"]))),
        resource_policy=draw(st.sampled_from([None, "OFF", '{"Version":"1"}', '{"Version": "2"}'])),
    )


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    has_sort_key = draw(st.sampled_from([True] * 7 + [False]))
    projection = st.sampled_from(["ALL", "KEYS_ONLY", ["c"], ["a", "b"]])
    indexes: dict[str, GlobalIndex | LocalIndex] = {}
    for name in draw(st.sets(st.sampled_from(["one", "two", "three"]))):
        keys = draw(st.lists(st.sampled_from("pabc"), min_size=1, max_size=2, unique=True))
        indexes[name] = GlobalIndex(
            name,
            partition_key=keys[0],
            sort_key=keys[1:][0] if keys[1:] else None,
            projection=draw(projection),
        )
    own = list(indexes)
    if has_sort_key and draw(st.sampled_from([False] * 7 + [True])):
        indexes["local"] = LocalIndex("local", sort_key=draw(st.sampled_from("ab")))
    return Wish(
        types={
            "p": draw(st.sampled_from("SSSSSSSN")),
            "s": "S",
            **{name: draw(st.sampled_from("SSN")) for name in "abc"},
        },
        has_sort_key=has_sort_key,
        indexes=indexes,
        ttl=draw(st.sampled_from([None, "until", "gone"])),
        settings=draw(settings_for(own)),
    )


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Wish, Wish]:
    """Return two tables that have much in common, as a table and what becomes of it have."""
    was, other = draw(wishes()), draw(wishes())
    has_sort_key = draw(st.sampled_from([was, was, was, other])).has_sort_key
    indexes: dict[str, GlobalIndex | LocalIndex] = {}
    for name in sorted(was.indexes.keys() | other.indexes.keys()):
        there = [wish.indexes[name] for wish in (was, other) if name in wish.indexes]
        chosen = attrs.evolve(
            draw(st.sampled_from(there)), projection=draw(st.sampled_from(there)).projection
        )
        if draw(st.integers(0, 3)) and (isinstance(chosen, GlobalIndex) or has_sort_key):
            indexes[name] = chosen
    own = [name for name, index in indexes.items() if isinstance(index, GlobalIndex)]
    wish = Wish(
        types={name: draw(st.sampled_from([was, was, was, other])).types[name] for name in was.types},
        has_sort_key=has_sort_key,
        indexes=indexes,
        ttl=draw(st.sampled_from([was, other])).ttl,
        settings=draw(settings_for(own)),
    )
    return was, wish


def admin_of(service: ModelledService) -> Admin:
    targets: dict[type[Any], Target[Any]] = {}

    def target(model: type[Any], name: str | None) -> Target[Any]:
        if model not in targets:
            targets[model] = Target(default_codecs().record(model), name or "things")
        return targets[model]

    return Admin(service.send, target=target, sleep=service.sleep, clock=service.clock)


async def ensured(service: ModelledService, admin: Admin, wish: Wish, wished: type[Any]) -> None:
    """Ensure the table with everything allowed; again an hour later where the service wants it so."""
    for _ in range(3):
        try:
            await admin.ensure_table(wished, settings=wish.settings, allow=ALL, timeout=900)
        except RequestRefused as error:
            if "modified multiple times" not in error.message:
                raise
            service.now += HOUR + 1
        else:
            return
    pytest.fail("it needs more than two changes of time-to-live")


def is_reached(wish: Wish, have: FoundTable) -> bool:
    shape, settings, want = have.shape, have.shape.settings, wish.settings
    own = {name: index for name, index in wish.indexes.items() if isinstance(index, GlobalIndex)}
    keys = {
        name: (*((key, "HASH") for key in index.partition_key), *((key, "RANGE") for key in index.sort_key))
        for name, index in own.items()
    }
    claims = [
        {index.name: index.keys for index in shape.global_indexes} == keys,
        all(shape.types[name] == wish.types[name] for key in keys.values() for name, _ in key),
        all(
            shape.indexes[name].projection
            == (index.projection if isinstance(index.projection, str) else tuple(sorted(index.projection)))
            for name, index in own.items()
        ),
        want.stream in (None, settings.stream),
        want.table_class in (None, settings.table_class),
        want.deletion_protection in (None, settings.deletion_protection),
        want.recovery_days in (None, settings.recovery_days),
        want.tags in (None, settings.tags),
        want.insights in (None, settings.insights),
        want.resource_policy in (None, settings.resource_policy),
        want.encryption in (None, settings.encryption)
        or (want.encryption == "AWS_MANAGED" and settings.encryption != "AWS_OWNED"),
        shape.ttl is None if want.time_to_live == "OFF" else wish.ttl in (None, shape.ttl),
    ]
    if want.capacity is not None:
        claims += [
            type(want.capacity) is type(settings.capacity),
            all(want.capacity.of(name) == settings.capacity.of(name) for name in own if settings.capacity),
            str(want.capacity) == str(settings.capacity),
        ]
    if want.warm is not None:
        claims.append(settings.warm is not None and settings.warm.read >= want.warm.read)
    return all(claims)


def is_possible(was: Wish, have: FoundTable, wish: Wish) -> bool:
    """Whether the service can change a table into what is wished, with everything allowed."""
    local = have.shape.local_indexes
    fixed = {name for name, _ in have.shape.keys} | {name for index in local for name in index.attributes}
    wished = {name: index for name, index in wish.indexes.items() if isinstance(index, LocalIndex)}
    used = {"p", *("s" if wish.has_sort_key else "")}
    used |= {name for index in wish.indexes.values() for name in (*wish_keys(index),)}
    return (
        was.has_sort_key == wish.has_sort_key
        and all(wish.types[name] == have.shape.types[name] for name in fixed & used)
        and all(
            any(each.name == name and each.attributes[1] == index.sort_key for each in local)
            for name, index in wished.items()
        )
    )


def wish_keys(index: GlobalIndex | LocalIndex) -> tuple[str, ...]:
    return (index.sort_key,) if isinstance(index, LocalIndex) else (*index.partition_key, *index.sort_key)


@pytest.mark.slow
@given(pairs())
def test_any_table_becomes_any_other_or_nothing_is_begun(pair: tuple[Wish, Wish]) -> None:
    was, wish = pair

    async def run() -> None:
        service, wished = ModelledService(), wish.model
        admin = admin_of(service)
        await admin.create_table(was.model, settings=was.settings)
        start = await admin.inspect_table("things")
        plan = await admin.ensure_table(wished, settings=wish.settings, allow=ALL, dry_run=True)
        service.changes.clear()

        if plan.refused:
            event("refused")
            with pytest.raises(TableMismatch):
                await ensured(service, admin, wish, wished)
            assert service.changes == []
            is_kept = (
                start.shape.settings.deletion_protection and wish.settings.deletion_protection is not False
            )
            is_loss = bool(LOSSES & {step.action for step in plan.refused})
            assert not is_possible(was, start, wish) or (is_kept and is_loss)
            return

        event("changed" if plan.to_do else "nothing to do")
        assert is_possible(was, start, wish)
        await ensured(service, admin, wish, wished)
        assert is_reached(wish, await admin.inspect_table("things"))
        service.changes.clear()
        assert (await admin.ensure_table(wished, settings=wish.settings, allow=ALL)).steps == ()
        assert service.changes == []

    asyncio.run(run())


@given(wishes())
def test_a_table_that_was_created_is_what_was_wanted(wish: Wish) -> None:
    async def run() -> None:
        service, wished = ModelledService(), wish.model
        admin = admin_of(service)
        await ensured(service, admin, wish, wished)
        service.changes.clear()

        assert (await admin.ensure_table(wished, settings=wish.settings)).steps == ()
        assert service.changes == []

    asyncio.run(run())
