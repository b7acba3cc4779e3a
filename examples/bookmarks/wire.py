"""What goes to DynamoDB and back, noted by an observer and summed up in a line for each operation."""

from collections.abc import Iterable, Iterator

import attrs

from dynamorm_async import CallFinished, Event


@attrs.define
class WireLog:
    """An observer that keeps the end of every call."""

    calls: list[CallFinished] = attrs.field(factory=list[CallFinished])

    def on_event(self, event: Event) -> None:
        """Keep the event if it ends a call."""
        if isinstance(event, CallFinished):
            self.calls.append(event)

    def since(self, mark: int) -> list[CallFinished]:
        """Return the calls that ended after the first `mark`."""
        return self.calls[mark:]


def lines(calls: Iterable[CallFinished]) -> Iterator[str]:
    """Yield a line for each operation and outcome: how often, bytes, attempts, time."""
    groups: dict[tuple[str, str | None], list[CallFinished]] = {}
    for call in calls:
        groups.setdefault((call.operation, call.service_code or call.error), []).append(call)
    for (operation, refusal), group in groups.items():
        times = sorted(call.seconds for call in group)
        name = operation if len(group) == 1 else f"{operation}, {len(group)} times"
        attempts = sum(call.attempts for call in group)
        took = milliseconds(times[0])
        if len(group) > 1:
            took = f"{took} to {milliseconds(times[-1])} each"
        outcome = f", {refusal}" if refusal else ""
        yield (
            f"{name}: {size(sum(call.bytes_sent for call in group))} out, "
            f"{size(sum(call.bytes_received for call in group))} in, "
            f"{attempts} attempt{'s' if attempts != 1 else ''}, {took}{outcome}"
        )


def milliseconds(seconds: float) -> str:
    """Return a time for people: "4.2 ms", "1.31 s"."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def size(count: int) -> str:
    """Return a number of bytes for people: "412 B", "33.1 kB"."""
    return f"{count} B" if count < 10_000 else f"{count / 1000:.1f} kB"
