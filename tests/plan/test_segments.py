"""Work units and positions from outside: what they hold, and what is refused before I/O (R41)."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from dynamorm_async import (
    BudgetSpent,
    InvalidCursor,
    InvalidRequest,
    LimitExceeded,
    Segments,
    Table,
    WorkUnit,
)
from dynamorm_async.client.known import Known
from dynamorm_async.client.query import Asking
from tests.plan.given import target
from tests.segmented_send import SegmentedSend, scan_of
from tests.shapes import NOW, Bookmark, Note

LETTERS = ("abcdef", "ghijkl", "mnopqr")


@attrs.frozen
class Card:
    id: str


def table_of(send: SegmentedSend, model: type[Any] = Note, name: str = "notes") -> Table[Any]:
    asking = Asking(send=send.send, now=lambda: NOW, known=Known(), cursor_keys=())
    return Table(target(model, name), asking)


def unit(send: SegmentedSend | None = None) -> WorkUnit:
    return scan_of(send or SegmentedSend(LETTERS)).filter(Note.text != "x").split(3)[1]


def changed(**members: Any) -> str:
    return json.dumps({**json.loads(unit().to_json()), **members})


def request_with(**members: Any) -> str:
    return changed(request={**json.loads(unit().to_json())["request"], **members})


async def position(send: SegmentedSend) -> str:
    async with scan_of(send).segments(3).stream() as notes:
        async for _ in notes:
            break
        return notes.position


def forged(text: str, change: Callable[[dict[str, Any]], object]) -> str:
    members = json.loads(base64.urlsafe_b64decode(text))
    change(members)
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode()


def with_state(text: str, state: object) -> str:
    return forged(text, lambda members: members["segments"].__setitem__(1, state))


AGAIN: dict[str, Callable[[WorkUnit], WorkUnit]] = {
    "as JSON": lambda made: WorkUnit.from_json(made.to_json()),
    "pickled": lambda made: pickle.loads(pickle.dumps(made)),
}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
def test_a_unit_comes_back_equal(again: Callable[[WorkUnit], WorkUnit]) -> None:
    whole, part = unit(), scan_of(SegmentedSend(LETTERS)).select("id").split(2)[0]

    assert (again(whole), again(part)) == (whole, part)
    assert part.fields == ("id",)


def test_a_unit_does_not_print_its_filters() -> None:
    assert repr(unit()) == "WorkUnit(Note in notes, segment 1 of 3)"


async def test_a_unit_keeps_the_budget_and_goes_on_from_its_cursor() -> None:
    send = SegmentedSend(["abcdef"])
    table, first = table_of(send), scan_of(send).budget(requests=2).split(1)[0]

    with pytest.raises(BudgetSpent) as caught:
        await table.run(WorkUnit.from_json(first.to_json())).list()

    rest = await table.run(first).start(caught.value.cursor).list()
    assert (len(send.calls), [note.id for note in rest]) == (3, ["e", "f"])


async def test_a_cursor_of_one_unit_is_foreign_to_another() -> None:
    send = SegmentedSend(["abcdef"])
    table, first = table_of(send), scan_of(send).budget(requests=1).split(1)[0]
    with pytest.raises(BudgetSpent) as caught:
        await table.run(first).list()
    other = scan_of(send).filter(Note.count > 3).split(1)[0]

    with pytest.raises(InvalidCursor):
        await table.run(other).start(caught.value.cursor).list()

    assert len(send.calls) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(unit().to_json()[:-9], id="cut short"),
        pytest.param("[]", id="a list"),
        pytest.param("7", id="a number"),
        pytest.param("[" * 100_000, id="nested without end"),
        pytest.param(None, id="no text"),
        pytest.param("{}", id="no members"),
        pytest.param(changed(form=2), id="another version"),
        pytest.param(changed(more=1), id="a further member"),
        pytest.param(changed(segment=3), id="a segment that is not there"),
        pytest.param(changed(segment=-1), id="a segment below 0"),
        pytest.param(changed(segment=True), id="a segment that is no number"),
        pytest.param(changed(total=1_000_001), id="too many segments"),
        pytest.param(changed(table=7), id="a table that is no text"),
        pytest.param(changed(fields="id"), id="fields that are a text"),
        pytest.param(changed(fields=[]), id="no fields"),
        pytest.param(changed(fields=[7]), id="a field that is no text"),
        pytest.param(changed(budget={"max_requests": 0}), id="a budget of nothing"),
        pytest.param(changed(budget={"select": 1}), id="a budget of another thing"),
        pytest.param(changed(budget=[]), id="a budget that is a list"),
        pytest.param(changed(request="x"), id="a request that is a text"),
        pytest.param(request_with(TableName="other"), id="a request of another table"),
        pytest.param(request_with(Segment=0), id="a request of another segment"),
        pytest.param(request_with(ExclusiveStartKey={}), id="a request that begins elsewhere"),
        pytest.param(request_with(Limit="9"), id="a page size that is a text"),
        pytest.param(request_with(Limit=0), id="a page size of 0"),
    ],
)
def test_a_text_that_is_no_unit_is_refused(text: Any) -> None:
    with pytest.raises(InvalidRequest, match="no work unit") as caught:
        WorkUnit.from_json(text)

    assert caught.value.code == "plan.work-unit"


@pytest.mark.parametrize(
    ("made", "model", "name"),
    [
        pytest.param(unit(), Bookmark, "notes", id="another model"),
        pytest.param(unit(), Note, "other", id="another table"),
        pytest.param(
            WorkUnit.from_json(changed(fields=["nope"])), Note, "notes", id="a field that is not there"
        ),
        pytest.param(
            WorkUnit.from_json(request_with(IndexName="x")), Note, "notes", id="an index that is not there"
        ),
        pytest.param(replace(unit(), segment=9), Note, "notes", id="made by hand"),
    ],
)
async def test_a_unit_that_does_not_fit_sends_nothing(made: WorkUnit, model: type[Any], name: str) -> None:
    send = SegmentedSend(LETTERS)

    with pytest.raises(InvalidRequest) as caught:
        await table_of(send, model, name).run(made).list()

    assert (caught.value.code, send.calls) == ("plan.work-unit", [])


async def test_a_unit_is_run_as_it_is() -> None:
    send = SegmentedSend(LETTERS)

    with pytest.raises(InvalidRequest, match="run as it is"):
        await table_of(send).run(unit()).filter(Note.count > 3).list()

    assert send.calls == []


BROKEN: dict[str, Callable[[str], Any]] = {
    "cut short": lambda text: text[:-9],
    "other letters": lambda text: f"!{text}",
    "nothing": lambda _: "",
    "a number": lambda _: 7,
    "nested without end": lambda _: base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    "no plan": lambda text: forged(text, lambda m: m.pop("plan")),
    "another plan": lambda text: forged(text, lambda m: m.update(plan="x")),
    "a further member": lambda text: forged(text, lambda m: m.update(more=1)),
    "a segment less": lambda text: forged(text, lambda m: m["segments"].pop()),
    "a segment more": lambda text: forged(text, lambda m: m["segments"].append(None)),
    "a state that is a text": lambda text: with_state(text, "b"),
    "a state that is false": lambda text: with_state(text, False),
    "a key of another table": lambda text: with_state(text, {"user": {"S": "x"}}),
    "a key of another type": lambda text: with_state(text, {"id": {"N": "1"}}),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_position_that_is_none_of_this_scan_is_refused_before_io(
    broken: Callable[[str], Any],
) -> None:
    send = SegmentedSend(LETTERS)
    text = broken(await position(send))
    send.calls.clear()

    with pytest.raises(InvalidCursor):
        scan_of(send).segments(3).start(text).stream()

    assert send.calls == []


OTHER_SCANS: dict[str, Callable[[SegmentedSend], Segments[Note]]] = {
    "another number": lambda s: scan_of(s).segments(4),
    "other filters": lambda s: scan_of(s).filter(Note.count > 3).segments(3),
    "another table": lambda s: table_of(s, name="other").scan().segments(3),
}


@pytest.mark.parametrize("segments", OTHER_SCANS.values(), ids=OTHER_SCANS)
async def test_a_position_of_another_scan_is_refused(
    segments: Callable[[SegmentedSend], Segments[Note]],
) -> None:
    send = SegmentedSend(LETTERS)
    text = await position(send)

    with pytest.raises(InvalidCursor, match="belongs to another scan"):
        segments(send).start(text).stream()


WITHOUT_SEGMENTS: list[tuple[Callable[[Any], object], type[Exception], str]] = [
    (lambda q: q.segments(0), InvalidRequest, r"segments\(0\)"),
    (lambda q: q.segments("3"), InvalidRequest, "segments"),
    (lambda q: q.segments(1_000_001), LimitExceeded, "1000001 segments"),
    (lambda q: q.split(0), InvalidRequest, "whole number"),
    (lambda q: q.split(1_000_001), LimitExceeded, "1000001 segments"),
    (lambda q: q.limit(3).split(2), InvalidRequest, "with a limit"),
    (lambda q: q.offset(3).segments(2), InvalidRequest, "without an offset"),
    (lambda q: q.offset(3).split(2), InvalidRequest, "without an offset"),
    (lambda q: q.select(Card).split(2), InvalidRequest, "views can't be split"),
    (lambda q: q.start("x").segments(2), InvalidRequest, "from their beginning"),
]


@pytest.mark.parametrize(("ask", "error", "match"), WITHOUT_SEGMENTS)
def test_what_has_no_segments_is_refused(
    ask: Callable[[Any], object], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        ask(scan_of(SegmentedSend(LETTERS)))


def test_a_query_by_key_has_no_segments() -> None:
    query = table_of(SegmentedSend(LETTERS)).where(Note.id == "a")

    with pytest.raises(InvalidRequest, match="for scans"):
        query.segments(2)
