"""Fields as users name them: by a path, or by their name."""

from __future__ import annotations

from typing import Any, cast

from dynamorm_async.errors import InvalidRequest, quoted
from dynamorm_async.expressions import Path
from dynamorm_async.plan.target import Target


def field_name(target: Target[Any], given: object, *, what: str) -> str:
    """Return the name of the field that a path or a name means.

    Raises:
        InvalidRequest: The model has no such field, or it is a part of one.
    """
    spec = target.spec
    if isinstance(given, Path):
        place = cast("Path[Any, Any]", given).place
        name = str(place.steps[0]) if len(place.steps) == 1 and issubclass(spec.cls, place.owner) else ""
    else:
        name = given if isinstance(given, str) else ""
    if name not in spec.fields:
        raise InvalidRequest(
            f"{what}({quoted(cast('object', given))}) is no field of {spec.name}",
            fix=f"use one of {', '.join(spec.fields)}",
            code="plan.unknown-field",
        )
    return name
