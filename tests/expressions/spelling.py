"""How the tests of this room spell a path and a value: the field's own name, and role and value as JSON."""

import json
from typing import Any

from dynamorm_async.expressions import (
    CompiledRequest,
    Condition,
    Path,
    Place,
    Request,
    Resolved,
    Update,
    bind_names,
    compile_request,
)


class Thing:
    """The owner of the paths."""


def field(*steps: str | int) -> Path[Thing, Any]:
    return Path(Place(Thing, steps))


def resolve(place: Place) -> Resolved:
    steps = place.steps if place.owner is Thing else ()
    return Resolved(steps, lambda role: lambda value: json.dumps({role.value: value}, default=str))


def compiled(
    condition: Condition[Any] | None = None,
    *,
    filter: Condition[Any] | None = None,
    updates: tuple[Update[Any], ...] = (),
    projection: tuple[Place, ...] = (),
) -> CompiledRequest:
    request = Request(condition=condition, filter=filter, updates=updates, projection=projection)
    return compile_request(request, resolve)


def condition_text(condition: Condition[Any]) -> str:
    return compiled(condition).texts["ConditionExpression"]


def update_text(*updates: Update[Any]) -> str:
    return compiled(updates=updates).texts["UpdateExpression"]


def members(request: Request) -> dict[str, Any]:
    """Return what stands in the request's body, its values as the tests encode them."""
    text = bind_names(compile_request(request, resolve), request.values())
    return json.loads("{" + text.removeprefix(",") + "}")


def names_and_values(request: Request) -> tuple[list[str], list[Any]]:
    """Return attribute names and bound values, in the order of their placeholders."""
    body = members(request)
    names: dict[str, str] = body.get("ExpressionAttributeNames", {})
    values: dict[str, dict[str, Any]] = body.get("ExpressionAttributeValues", {})
    return list(names.values()), [value for bound in values.values() for value in bound.values()]
