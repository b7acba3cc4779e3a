"""A `Send` that answers scans in segments from lists, as a table would: pages, filters, places."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import anyio.lowlevel
import attrs

from dynamorm_async import Call, Reply
from dynamorm_async.client import Query
from dynamorm_async.client.known import Known
from dynamorm_async.client.query import Asking
from dynamorm_async.plan import Question
from tests.plan.given import target
from tests.shapes import NOW, Note


@attrs.define
class SegmentedSend:
    """Holds names for each segment; those that begin with "-" are evaluated and filtered out."""

    segments: Sequence[Sequence[str]]
    page_size: int = 2
    fails: dict[int, Exception] = attrs.field(factory=dict[int, Exception])
    hangs: frozenset[int] = frozenset()
    calls: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    cancelled: list[int] = attrs.field(factory=list[int])

    async def send(self, call: Call) -> Reply:
        request = json.loads(call.body)
        self.calls.append(request)
        number = request["Segment"]
        await anyio.lowlevel.checkpoint()
        if number in self.hangs:
            try:
                await anyio.sleep_forever()
            finally:
                self.cancelled.append(number)
        if number in self.fails:
            raise self.fails[number]
        return Reply(body=json.dumps(self._answer(request)).encode())

    @property
    def names(self) -> list[str]:
        """Names of all items that a scan gives."""
        found: list[str] = []
        for names in self.segments:
            found += [name for name in names if not name.startswith("-")]
        return sorted(found)

    def of(self, segment: int) -> list[dict[str, Any]]:
        """The requests for one segment."""
        return [call for call in self.calls if call["Segment"] == segment]

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        number: int = request["Segment"]
        names = self.segments[number]
        start = request.get("ExclusiveStartKey")
        begin = 0 if start is None else names.index(start["id"]["S"]) + 1
        end = begin + min(self.page_size, request.get("Limit", self.page_size))
        page = names[begin:end]
        answer: dict[str, Any] = {
            "Items": [{"id": {"S": name}} for name in page if not name.startswith("-")],
            "ScannedCount": len(page),
            "ConsumedCapacity": {"CapacityUnits": 0.5},
        }
        if end < len(names):
            answer["LastEvaluatedKey"] = {"id": {"S": page[-1]}}
        return answer


def scan_of(send: SegmentedSend) -> Query[Note]:
    """Return a scan of notes that asks the fake."""
    asking = Asking(send=send.send, now=lambda: NOW, known=Known(), cursor_keys=())
    return Query(target(Note, "notes"), Question(is_scan=True), asking)


async def settle() -> None:
    """Let every task go on until all of them wait."""
    for _ in range(50):
        await anyio.lowlevel.checkpoint()
