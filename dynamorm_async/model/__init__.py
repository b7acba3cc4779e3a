"""Typed classes as models: fields, keys, indexes, special fields, key templates, the registry.

Takes a class decorated with `@model`; gives an attrs class with slots whose fields are read in no
Python call, whose class attributes are paths, and a `ModelSpec` that says all the other rooms need
to know. May use `expressions`, `wire` and `errors`. Never converts a value and never sends.
"""

from dynamorm_async.model.attributes import (
    Attr,
    attribute,
    created_at,
    partition_key,
    sort_key,
    ttl,
    updated_at,
    version,
)
from dynamorm_async.model.checks import ENTITY_ATTRIBUTE, check_index_sums, check_table_name, is_empty
from dynamorm_async.model.declare import model
from dynamorm_async.model.indexes import GlobalIndex, LocalIndex
from dynamorm_async.model.instances import evolve, with_version
from dynamorm_async.model.registry import condition, path_of, registered_models, spec_of
from dynamorm_async.model.spec import FieldSpec, IndexSpec, ModelSpec, Role, Template
from dynamorm_async.model.states import KEPT, UNSET, Kept, Stored, Unset
from dynamorm_async.model.types import TypedDeclaration, evaluated, members_of, typed_fields

__all__ = [
    "ENTITY_ATTRIBUTE",
    "KEPT",
    "UNSET",
    "Attr",
    "FieldSpec",
    "GlobalIndex",
    "IndexSpec",
    "Kept",
    "LocalIndex",
    "ModelSpec",
    "Role",
    "Stored",
    "Template",
    "TypedDeclaration",
    "Unset",
    "attribute",
    "check_index_sums",
    "check_table_name",
    "condition",
    "created_at",
    "evaluated",
    "evolve",
    "is_empty",
    "members_of",
    "model",
    "partition_key",
    "path_of",
    "registered_models",
    "sort_key",
    "spec_of",
    "ttl",
    "typed_fields",
    "updated_at",
    "version",
    "with_version",
]
