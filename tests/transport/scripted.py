"""A transport that answers from a list, and a clock that moves only when somebody sleeps."""

import json
from collections.abc import Callable, Iterable

import anyio.lowlevel
import attrs

from dynamorm_async.errors import DynamormError
from dynamorm_async.observe import Event
from dynamorm_async.wire import Answer, Call

OK = Answer(status=200, headers={"x-amzn-requestid": "R-OK"}, body=b"{}")


def refusal(code: str, *, status: int = 400, headers: dict[str, str] | None = None) -> Answer:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": f"text of {code}"}
    return Answer(
        status=status,
        headers={"x-amzn-requestid": f"R-{code}", **(headers or {})},
        body=json.dumps(body).encode(),
    )


Step = Answer | DynamormError | Callable[[], DynamormError]


@attrs.define
class ScriptedTransport:
    """Answers with the steps in turn, the last one for ever."""

    steps: Iterable[Step]
    name: str = "scripted"
    timeouts: list[float] = attrs.field(factory=list[float])
    bodies: list[bytes] = attrs.field(factory=list[bytes])
    running: int = 0
    most_running: int = 0
    closed: int = 0
    gate: anyio.Event | None = None

    def __attrs_post_init__(self) -> None:
        self.steps = list(self.steps)

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        steps = list(self.steps)
        step = steps[min(len(self.timeouts), len(steps) - 1)]
        self.timeouts.append(timeout)
        self.bodies.append(call.body)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await anyio.lowlevel.checkpoint()
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.running -= 1
        if isinstance(step, Answer):
            return step
        raise step if isinstance(step, DynamormError) else step()

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def attempts(self) -> int:
        return len(self.timeouts)


@attrs.define
class FakeTime:
    """A clock, and a sleep that moves it."""

    now: float = 1000.0
    slept: list[float] = attrs.field(factory=list[float])

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await anyio.lowlevel.checkpoint()


@attrs.define
class Recorder:
    """An observer that keeps what it was told."""

    events: list[Event] = attrs.field(factory=list[Event])

    def on_event(self, event: Event) -> None:
        self.events.append(event)
