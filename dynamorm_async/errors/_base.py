"""The root of the error tree: the facts every error carries and how it prints."""

from collections.abc import Mapping
from typing import Any

QUOTE_LENGTH = 80


def quoted(value: object) -> str:
    """Return `repr(value)`, cut to 80 characters, for use in an error text."""
    text = repr(value)
    return text if len(text) <= QUOTE_LENGTH else f"{text[: QUOTE_LENGTH - 1]}…"


class DynamormError(Exception):
    """Root of every error that this library raises.

    Attributes:
        what: What happened, one line, naming the user's own thing.
        why: The reason, or None where `what` says it all.
        fix: What to do about it, or None where nothing can be done.
        code: Ours, stable, beginning with the room that raised it: `codecs.wrong-type`.
        retryable: Whether the same request may succeed later.
        operation: The operation sent or about to be sent (`"PutItem"`), or None.
        table: The table's name, or None.
        key: Key attribute to value of the item, or None where no single item is meant.
        item: The stored item, decoded, where the service returned it; never part of the text.
        condition: The condition of the write as readable text, or None.
        service_code: The service's own error code, or None where it did not answer.
        request_id: The service's request id, or None.
        attempts: How many times the request was sent; 0 before I/O.
        elapsed: Seconds from handing the call in to its failure, all attempts and waits included;
            None where no call was made.
    """

    code: str = "errors.unspecified"
    retryable: bool = False

    def __init__(
        self,
        what: str,
        *,
        why: str | None = None,
        fix: str | None = None,
        code: str | None = None,
        operation: str | None = None,
        table: str | None = None,
        key: Mapping[str, object] | None = None,
        item: Any = None,
        condition: str | None = None,
        service_code: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        elapsed: float | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        if code is not None:
            self.code = code
        self.operation = operation
        self.table = table
        self.key = key
        self.item = item
        self.condition = condition
        self.service_code = service_code
        self.request_id = request_id
        self.attempts = attempts
        self.elapsed = elapsed

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        lines.append(f"  [{self.code}]{self._context()}")
        return "\n".join(lines)

    def _context(self) -> str:
        facts = {
            "operation": self.operation,
            "table": self.table,
            "service code": self.service_code,
            "request id": self.request_id,
            "attempts": self.attempts or None,
            "elapsed": None if self.elapsed is None else f"{self.elapsed:.3f} s",
        }
        text = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
        return f" {text}" if text else ""

    # Exceptions pickle by calling the class with `args`; ours have keyword facts and subclasses
    # with facts of their own, so the state travels instead.
    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args), self.__dict__


def _restored(cls: type[DynamormError], args: tuple[Any, ...]) -> DynamormError:
    # BaseException.__new__ sets args; the facts come with the state.
    return cls.__new__(cls, *args)


class InvalidRequest(DynamormError, ValueError):
    """The request was refused before anything was sent."""

    code = "client.invalid-request"
