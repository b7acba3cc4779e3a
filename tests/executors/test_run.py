"""Plans carried out over scripted replies: one call, pages, deadlines, errors, causes."""

import json
from collections.abc import AsyncGenerator
from typing import Any, cast

import anyio
import attrs
import pytest

from dynamorm_async import (
    Call,
    CallTimeout,
    ConditionFailed,
    InvalidRequest,
    InvalidValue,
    ItemNotFound,
    OutcomeUnknown,
    Plan,
    ProtocolError,
    Reply,
    Throttled,
)
from dynamorm_async.executors import one, pages, steps
from dynamorm_async.plan import Stepwise
from tests.plan.given import condition_failed, notes
from tests.scripted_send import ScriptedSend, refused
from tests.shapes import Note


@attrs.define
class Script(ScriptedSend):
    """A `Send` on whose clock each call takes a second."""

    now: float = 0.0

    async def send(self, call: Call) -> Reply:
        self.now += 1.0
        return await ScriptedSend.send(self, call)

    def clock(self) -> float:
        return self.now

    @property
    def starts(self) -> list[object]:
        return [json.loads(call.body).get("ExclusiveStartKey") for call in self.calls]


def page(*names: str, last: object = None) -> dict[str, Any]:
    found: dict[str, Any] = {"Items": [{"id": {"S": name}} for name in names], "ScannedCount": len(names)}
    return found if last is None else {**found, "LastEvaluatedKey": last}


def key(name: str) -> dict[str, Any]:
    return {"id": {"S": name}}


async def names(script: Script, into: list[str] | None = None, **options: Any) -> list[str]:
    found: list[str] = [] if into is None else into
    async for each, _ in pages(notes.scan(), script.send, clock=script.clock, **options):
        found += [note.id for note in each]
    return found


async def test_one_call_gives_what_its_reply_means() -> None:
    script = Script([{"Item": {"id": {"S": "a"}, "count": {"N": "3"}}}])

    found = await one(notes.get("a"), script.send)

    assert found == Note(id="a", count=3)
    assert script.calls == [notes.get("a").first]


async def test_one_call_carries_the_timeout() -> None:
    script = Script([{}])

    await one(notes.delete("a"), script.send, timeout=2.5)

    assert script.calls[0].timeout == 2.5


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "3"])
async def test_a_timeout_that_is_no_time_is_refused_before_io(timeout: Any) -> None:
    script = Script([{}])

    with pytest.raises(InvalidRequest, match="timeout="):
        await one(notes.delete("a"), script.send, timeout=timeout)
    with pytest.raises(InvalidRequest, match="timeout="):
        await names(script, timeout=timeout)

    assert script.calls == []


async def test_a_refusal_has_the_services_own_error_as_cause() -> None:
    error = condition_failed()

    with pytest.raises(ConditionFailed) as caught:
        await one(notes.update("a", Note.count.add(1)), Script([error]).send)

    assert caught.value.__cause__ is error


async def test_an_error_that_means_nothing_more_stays_itself() -> None:
    error = refused("ThrottlingException", "slow down", operation="Scan")

    with pytest.raises(Throttled) as caught:
        await one(notes.update("a", Note.count.add(1)), Script([error]).send)

    assert caught.value is error
    assert caught.value.__cause__ is None


async def test_an_error_of_reading_carries_the_facts_of_the_call() -> None:
    with pytest.raises(InvalidValue) as caught:
        await one(notes.get("a"), Script([{"Item": {"id": {"S": "a"}, "count": {"S": "x"}}}]).send)

    error = caught.value
    assert (error.operation, error.table, error.key) == ("GetItem", "notes", {"id": "a"})
    assert (error.request_id, error.attempts) == ("R-1", 2)


async def test_an_absent_item_carries_request_id_attempts_and_time() -> None:
    with pytest.raises(ItemNotFound) as caught:
        await one(notes.get("a"), Script([{}]).send)

    assert (caught.value.request_id, caught.value.attempts) == ("R-1", 2)
    assert caught.value.elapsed == 0.5


async def test_an_answer_to_a_write_that_nobody_can_read_is_an_unknown_outcome() -> None:
    plan = notes.update("a", Note.count.add(1), returning="ALL_NEW")

    with pytest.raises(OutcomeUnknown) as caught:
        await one(plan, Script([{"Attributes": 7}]).send)

    assert isinstance(caught.value.__cause__, ProtocolError)
    assert (caught.value.key, caught.value.request_id) == ({"id": "a"}, "R-1")


async def test_pages_are_followed_to_the_end() -> None:
    script = Script([page("a", "b", last=key("b")), page("c", last=key("c")), page("d")])

    assert await names(script) == ["a", "b", "c", "d"]
    assert script.starts == [None, key("b"), key("c")]


async def test_an_empty_page_in_the_middle_does_not_end_the_walk() -> None:
    script = Script([page("a", last=key("a")), page(last=key("m")), page("z")])

    assert await names(script) == ["a", "z"]


@pytest.mark.parametrize("last", [{}, None])
async def test_an_empty_or_absent_last_key_ends_the_walk(last: object) -> None:
    script = Script([{**page("a"), "LastEvaluatedKey": last}])

    assert await names(script) == ["a"]


async def test_a_key_that_does_not_advance_ends_in_an_error_and_not_in_a_loop() -> None:
    script = Script([page("a", last=key("a")), page("b", last=key("a"))])

    with pytest.raises(ProtocolError, match="the key that it started from") as caught:
        await names(script)

    assert len(script.calls) == 2
    assert (caught.value.table, caught.value.request_id) == ("notes", "R-2")


async def test_stopping_early_sends_no_further_call() -> None:
    script = Script([page("a", last=key("a")), page("b")])
    walk = cast("AsyncGenerator[Any]", pages(notes.scan(), script.send))

    async for _ in walk:
        break
    await walk.aclose()

    assert len(script.calls) == 1


async def test_nothing_is_sent_before_the_first_page_is_asked_for() -> None:
    script = Script([page("a")])

    walk = cast("AsyncGenerator[Any]", pages(notes.scan(), script.send))
    await walk.aclose()

    assert script.calls == []


async def test_an_error_midway_comes_after_the_pages_before_it() -> None:
    script = Script([page("a", last=key("a")), refused("ThrottlingException", "slow down", operation="Scan")])
    found: list[str] = []

    with pytest.raises(Throttled):
        await names(script, into=found)

    assert found == ["a"]


async def test_the_deadline_spans_all_pages() -> None:
    script = Script([page("a", last=key("a")), page("b", last=key("b")), page("c")])

    with pytest.raises(CallTimeout) as caught:
        await names(script, timeout=2.0)

    assert [call.timeout for call in script.calls] == [2.0, 1.0]
    assert (caught.value.operation, caught.value.table) == ("Scan", "notes")


async def test_the_deadline_does_not_count_what_the_consumer_does() -> None:
    script = Script([page("a", last=key("a")), page("b")])

    async for _ in pages(notes.scan(), script.send, timeout=2.5, clock=script.clock):
        script.now += 100

    assert [call.timeout for call in script.calls] == [2.5, 1.5]


async def test_cancellation_passes_through() -> None:
    async def never(call: Call) -> Reply:
        await anyio.sleep_forever()
        raise AssertionError(call)

    with anyio.move_on_after(0.01) as scope:
        await one(notes.get("a"), never)

    assert scope.cancelled_caught


# Calls that follow from what came of the one before.


def stepwise(*followers: Plan[Any], wait: float = 0.0) -> Stepwise[Any]:
    """Return a plan whose calls are the followers', one after another, whatever comes of them."""
    first, *rest = followers
    members = {name: getattr(first, name) for name in Plan.__struct_fields__}
    return Stepwise(**members, then=lambda _: stepwise(*rest, wait=wait) if rest else None, wait=wait)


async def test_steps_of_one_call_are_that_call() -> None:
    script = Script([{"Item": {"id": {"S": "a"}}}])

    assert await steps(notes.get("a"), script.send) == Note(id="a")
    assert script.calls == [notes.get("a").first]


async def test_steps_give_what_the_last_reply_means() -> None:
    script = Script([condition_failed(), {"Item": {"id": {"S": "a"}}}])

    found = await steps(stepwise(notes.delete("b", when=Note.count < 1), notes.get("a")), script.send)

    assert (found, script.operations) == (Note(id="a"), ["DeleteItem", "GetItem"])


async def test_steps_raise_what_the_last_refusal_means() -> None:
    error = condition_failed()

    with pytest.raises(ConditionFailed) as caught:
        await steps(stepwise(notes.get("a"), notes.update("a", Note.count.add(1))), Script([{}, error]).send)

    assert caught.value.__cause__ is error


async def test_what_is_no_answer_of_the_service_ends_the_steps() -> None:
    script = Script([OutcomeUnknown("who knows")])

    with pytest.raises(OutcomeUnknown):
        await steps(stepwise(notes.delete("a"), notes.get("a")), script.send)

    assert script.operations == ["DeleteItem"]


async def test_the_steps_share_one_timeout() -> None:
    script = Script([{}])

    with pytest.raises(CallTimeout, match="the deadline passed between two calls"):
        await steps(stepwise(*[notes.delete("a")] * 9), script.send, timeout=2.5, clock=script.clock)

    assert [call.timeout for call in script.calls] == [2.5, 1.5, 0.5]


async def test_the_wait_before_a_step_is_drawn_by_lot_and_within_the_timeout() -> None:
    script, waits = Script([{}]), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    plan = stepwise(notes.delete("a"), notes.delete("b"), wait=3.0)
    options: Any = {"clock": script.clock, "sleep": sleep, "jitter": lambda: 0.5}
    await steps(plan, script.send, timeout=9, **options)

    assert [call.timeout for call in script.calls] == [9, 6.5]
    with pytest.raises(CallTimeout, match="between two calls"):
        await steps(plan, script.send, timeout=2, **options)
    assert waits == [1.5, 1.0]


async def test_a_timeout_of_steps_that_is_no_time_is_refused_before_io() -> None:
    script = Script([{}])

    with pytest.raises(InvalidRequest, match="timeout="):
        await steps(notes.delete("a"), script.send, timeout=0)

    assert script.calls == []
