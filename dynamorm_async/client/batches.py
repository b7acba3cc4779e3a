"""Batches step by step, and what the batches of a client over several models have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Generic, TypeVar, cast, overload

import attrs

from dynamorm_async.errors import InvalidKey, InvalidRequest, quoted
from dynamorm_async.executors import BatchStream, OnError, OnProgress, batch_stream
from dynamorm_async.executors import batch as run_batch
from dynamorm_async.expressions import Path
from dynamorm_async.model import spec_of
from dynamorm_async.plan import (
    BatchPlan,
    BatchRetry,
    Delete,
    Put,
    Target,
    batch_get,
    chosen,
    listed,
    model_of,
)
from dynamorm_async.wire import Send

M = TypeVar("M")
R = TypeVar("R")
V = TypeVar("V")

TargetOf = Callable[[type[Any], str | None], Target[Any]]


class Batch(Generic[M, R]):
    """A `batch_get` put together step by step, from `table.batch()`; `execute` or `stream` sends it.

    Each step returns a new one and leaves the old one as it is, so that one may be the beginning of
    several. What is not said is as in `batch_get`.
    """

    def __init__(self, target: Target[M], send: Send) -> None:
        self._target = target
        self._send = send
        self._keys: tuple[object, ...] = ()
        self._reading: dict[str, Any] = {"consistent": False}
        self._options: dict[str, Any] = {}

    def keys(self, keys: Iterable[object]) -> Batch[M, R]:
        """Add keys, in any form."""
        return self._with(_keys=(*self._keys, *listed(keys, "keys")))

    def consistent(self) -> Batch[M, R]:
        """Read what was written last; twice the price."""
        return self._with(_reading={**self._reading, "consistent": True})

    @overload
    def select(self, view: type[V], /) -> Batch[M, V]: ...
    @overload
    def select(self, *fields: Path[M, Any] | str) -> Batch[M, dict[str, Any]]: ...
    def select(self, *wanted: Any) -> Batch[M, Any]:
        """Read only some fields: into a view, or into dicts of field name to value.

        Raises:
            InvalidModel: The view declares what the model does not.
            InvalidRequest: The model has no such field.
        """
        choice = chosen(self._target, *wanted)
        batch_get(self._target, (), consistent=False, select=choice)  # refuses a view that is none
        return self._with(_reading={**self._reading, "select": choice})

    def concurrency(self, concurrency: int) -> Batch[M, R]:
        """Set how many calls may be in flight."""
        return self._option("concurrency", concurrency)

    def retry(self, retry: BatchRetry) -> Batch[M, R]:
        """Set when to ask again for what was left unprocessed."""
        return self._option("retry", retry)

    def timeout(self, timeout: float) -> Batch[M, R]:
        """Set the seconds for everything."""
        return self._option("timeout", timeout)

    def on_progress(self, told: OnProgress) -> Batch[M, R]:
        """Set what is called with how many keys are dealt with, and how many there are."""
        return self._option("on_progress", told)

    def on_error(self, told: OnError) -> Batch[M, R]:
        """Set what is called with each failure; it returns to go on, or raises to stop."""
        return self._option("on_error", told)

    @property
    def plan(self) -> BatchPlan[list[R | None]]:
        """What would be sent. Raises as `batch_get` does for a wrong key."""
        return batch_get(self._target, self._keys, **self._reading)

    async def execute(self) -> list[R | None]:
        """Send the calls and return the items in the order of the keys, None where there is none.

        Raises:
            InvalidKey: One of the keys is none of the model's; nothing was sent.
            PartialBatch: Not everything was read.
            TableNotFound, AccessDenied, CredentialsError: Nothing was read, for this reason.
        """
        return await run_batch(self.plan, self._send, **self._options)

    def stream(self) -> AbstractAsyncContextManager[BatchStream[object, R]]:
        """Return a block in which keys and items are iterated as they come; as `table.batch_stream`.

        Raises:
            InvalidKey: One of the keys is none of the model's; nothing was sent.
            PartialBatch: In the loop, when everything that was read is handed out.
        """
        plan_of = partial(batch_get, self._target, **self._reading)
        return batch_stream(self._keys, plan_of, self._send, **self._options)

    def __repr__(self) -> str:
        return f"<Batch of {len(self._keys)} {self._target.spec.name}>"

    def _option(self, name: str, value: object) -> Batch[M, R]:
        return self._with(_options={**self._options, name: value})

    def _with(self, **facts: Any) -> Batch[M, Any]:
        other = Batch[M, Any](self._target, self._send)
        vars(other).update({**vars(self), **facts})
        return other


def keys_with_targets(
    keys: object, target_of: TargetOf, names: Mapping[type[Any], str] | None, first: int = 0
) -> list[tuple[Target[Any], object]]:
    """Return each key with its target.

    Args:
        keys: Keys that say of which model they are.
        target_of: A model and the name of its table to its target.
        names: Names of tables by model.
        first: The place of the first key among all that there are.

    Raises:
        InvalidKey: One of them does not say of which model it is.
        InvalidModel: One of the names is of no model.
    """
    models = Models(target_of, names)
    return [
        (models.target(key, f"keys[{place}]"), key) for place, key in enumerate(listed(keys, "keys"), first)
    ]


def writes_with_targets(
    writes: object, target_of: TargetOf, names: Mapping[type[Any], str] | None
) -> list[tuple[Target[Any], Put[Any] | Delete]]:
    """Return each put or delete with its target.

    Raises:
        InvalidRequest: One is neither, or does not say of which model it is, or a name is of no model.
    """
    models = Models(target_of, names)
    found: list[tuple[Target[Any], Put[Any] | Delete]] = []
    for place, write in enumerate(listed(writes, "writes")):
        if not isinstance(write, (Put, Delete)):
            raise InvalidRequest(
                f"writes[{place}]: {quoted(write)} is neither Put nor Delete",
                fix="use Put(item) or Delete(key)",
                code="client.batch-write",
            )
        one = cast("Put[Any] | Delete", write)
        meant = one.item if isinstance(one, Put) else one.key
        found.append((models.target(meant, f"writes[{place}]"), one))
    return found


@attrs.define
class Models:
    """The targets of the models of one batch, each looked up once."""

    _target_of: TargetOf
    _names: Mapping[type[Any], str] | None
    _known: dict[type[Any], Target[Any]] = attrs.field(factory=dict[type[Any], Target[Any]], init=False)

    def __attrs_post_init__(self) -> None:
        if self._names is not None:
            _check_names(self._names)

    def target(self, meant: object, where: str) -> Target[Any]:
        """Return the target of a Key's, or an instance's, model."""
        model = model_of(meant)
        if model is None:
            raise InvalidKey(
                f"{where}: {quoted(meant)} does not say of which model it is", fix="use Key(Model, …)"
            )
        target = self._known.get(model)
        if target is None:
            target = self._known[model] = self._target_of(model, (self._names or {}).get(model))
        return target


def _check_names(names: object) -> None:
    """Refuse names of what is no model; a model of which there is no key may be one of the next call."""
    if not isinstance(names, Mapping):
        raise InvalidRequest(
            f"names={quoted(names)}", fix='say of which model: names={Model: "table"}', code="client.names"
        )
    for model in cast("Mapping[type[Any], object]", names):
        spec_of(model)
