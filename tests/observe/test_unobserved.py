"""What an observer that is not there costs: one question, and nothing else of the room runs."""

import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from dynamorm_async import connect, observe
from dynamorm_async.wire import Answer
from tests.shapes import Note
from tests.transport.scripted import Recorder, ScriptedTransport

FOUND = Answer(status=200, headers={}, body=b'{"Item":{"id":{"S":"a"}}}')
ROOM = str(Path(observe.__file__).parent)


async def functions_called(*observers: Recorder) -> Counter[str]:
    """Return how often each function ran in a get, those of observers by their whole name."""
    called: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            of_room = frame.f_code.co_filename.startswith(ROOM)
            called[f"observe: {frame.f_code.co_qualname}" if of_room else frame.f_code.co_name] += 1

    async with connect(transport=ScriptedTransport([FOUND]), observers=observers) as db:
        notes = db.table(Note)
        await notes.get("a")  # plans are made once
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            await notes.get("a")
        finally:
            sys.setprofile(before)
    return called


async def test_without_observers_a_call_asks_at_most_once_whether_there_are_any() -> None:
    called = await functions_called()

    of_room = {name: count for name, count in called.items() if name.startswith("observe: ")}
    assert of_room in ({}, {"observe: Observers.__bool__": 1})


async def test_an_observer_is_told_by_functions_that_do_not_run_without_one() -> None:
    recorder = Recorder()
    watched, plain = await functions_called(recorder), await functions_called()

    assert watched["observe: Observers.tell"] == watched["on_event"] == 3
    assert plain["on_event"] == 0
    assert watched.total() > plain.total()
    assert len(recorder.events) == 6  # of two calls
