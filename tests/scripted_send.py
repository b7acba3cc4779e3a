"""A `Send` that answers from a list, and the service's refusals as it would raise them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import anyio.lowlevel
import attrs

from dynamorm_async.errors import ServiceError, service_error
from dynamorm_async.wire import Call, Reply


@attrs.define
class ScriptedSend:
    """Answers with the steps in turn, JSON data or errors, the last one for ever."""

    steps: Sequence[object]
    calls: list[Call] = attrs.field(factory=list[Call])

    async def send(self, call: Call) -> Reply:
        step = self.steps[min(len(self.calls), len(self.steps) - 1)]
        self.calls.append(call)
        await anyio.lowlevel.checkpoint()
        if isinstance(step, Exception):
            raise step
        return Reply(
            body=json.dumps(step).encode(), attempts=2, request_id=f"R-{len(self.calls)}", elapsed=0.5
        )

    @property
    def operations(self) -> list[str]:
        return [call.operation for call in self.calls]


def refused(
    code: str, message: str = "", *, item: object = None, operation: str = "UpdateItem", table: str = "notes"
) -> ServiceError:
    """Return the service's refusal, with the stored item in its body where one is given."""
    body = {"__type": f"x#{code}", "message": message, **({} if item is None else {"Item": item})}
    return service_error(
        code,
        message,
        status=400,
        body=json.dumps(body).encode(),
        operation=operation,
        table=table,
        key=None,
        request_id="R-7",
        attempts=1,
    )
