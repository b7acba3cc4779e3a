"""Conditions, updates and projections as trees over paths, and their text on the wire.

Takes paths and Python values; gives `Condition`, `Update` and, from `compile_request`, the
expression texts with their placeholders and the slots that wait for encoded values; and, from
`holds`, whether a condition holds for what is at hand. May use `wire` and `errors`. Knows no model:
a path names its owner, and whoever compiles says how a path is spelled on the wire and how its
values are encoded. Never sends, never encodes, keeps no state.
"""

from dynamorm_async.expressions.compiler import (
    CompiledRequest,
    Request,
    Resolved,
    Slot,
    bind_names,
    compile_request,
)
from dynamorm_async.expressions.evaluation import holds, unevaluable
from dynamorm_async.expressions.forms import Place, Role
from dynamorm_async.expressions.parts import conjuncts, holds_raw, places_in, raw_names
from dynamorm_async.expressions.paths import Path, Size
from dynamorm_async.expressions.trees import Condition, Raw, Update, raw, readable

__all__ = [
    "CompiledRequest",
    "Condition",
    "Path",
    "Place",
    "Raw",
    "Request",
    "Resolved",
    "Role",
    "Size",
    "Slot",
    "Update",
    "bind_names",
    "compile_request",
    "conjuncts",
    "holds",
    "holds_raw",
    "places_in",
    "raw",
    "raw_names",
    "readable",
    "unevaluable",
]
