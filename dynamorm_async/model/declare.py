"""`@model`: from a class body to an attrs class with slots, paths and a spec.

Everything that can be known from the declaration alone is checked here, so that a mistake shows
when the module is imported.
"""

from __future__ import annotations

import inspect
import re
import sys
from abc import ABCMeta
from collections.abc import Callable, Iterator
from functools import partial
from types import CellType, FunctionType, MemberDescriptorType
from typing import Any, Literal, TypeVar, dataclass_transform

import attrs

from dynamorm_async.errors import InvalidModel, quoted
from dynamorm_async.expressions import Path, Place
from dynamorm_async.model.attributes import (
    Declaration,
    attribute,
    created_at,
    partition_key,
    sort_key,
    ttl,
    updated_at,
    version,
)
from dynamorm_async.model.checks import check_fields, check_indexes, check_table_name
from dynamorm_async.model.indexes import GlobalIndex, LocalIndex
from dynamorm_async.model.registry import SPEC, register_model
from dynamorm_async.model.spec import FieldSpec, IndexSpec, ModelSpec, Role, Template
from dynamorm_async.model.states import UNSET, Stored
from dynamorm_async.model.types import NAMESPACE, declared_type, is_class_variable

C = TypeVar("C")

_PATHS = "__dynamorm_paths__"
_OPTIONS = {
    Role.PLAIN: frozenset(
        {"name", "default", "factory", "omit_empty", "null", "template", "validator", "converter", "repr"}
    ),
    Role.PARTITION_KEY: frozenset({"name", "template"}),
    Role.SORT_KEY: frozenset({"name", "template"}),
    Role.TTL: frozenset({"name", "default"}),
}
_SPECIAL = frozenset({"name"})


class ModelMeta(ABCMeta):
    """The class of every model class: reading a field on the class gives its path.

    One class for all models and a subclass of ABCMeta, so that models mix with each other and
    with abstract base classes. Reads on instances never come here.
    """

    def __getattribute__(cls, name: str) -> Any:
        value = super().__getattribute__(name)
        if type(value) is MemberDescriptorType:
            return super().__getattribute__("__dict__").get(_PATHS, {}).get(name, value)
        return value


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(attribute, partition_key, sort_key, created_at, updated_at, version, ttl),
)
def model(
    *,
    table: str | None = None,
    entity: str | None = None,
    unknown: Literal["drop", "keep", "refuse"] = "drop",
    frozen: bool = False,
) -> Callable[[type[C]], type[C]]:
    """Turn a class with typed fields into a model: an attrs class mapped to a table.

    Args:
        table: The table's name or ARN; by default that of the base model, or the class's name in
            snake_case.
        entity: A text stored with each item (attribute `_entity`) that tells this kind from others
            in the same table.
        unknown: What becomes of stored attributes without a field: "drop" them on reading, "keep"
            them and write them back, or "refuse" to read the item.
        frozen: Whether instances refuse changes.

    Raises:
        InvalidModel: The class cannot be a model; the text names class and field.
    """

    def decorate(cls: type[C]) -> type[C]:
        if "__attrs_attrs__" in cls.__dict__:
            raise InvalidModel(
                f"{cls.__name__} is an attrs class already",
                fix="take attrs.define away; @model makes the class an attrs class",
                code="model.attrs-class",
            )
        if unknown not in ("drop", "keep", "refuse"):
            raise InvalidModel(
                f"{cls.__name__}: unknown={quoted(unknown)}", fix="use 'drop', 'keep' or 'refuse'"
            )
        namespace = sys._getframe(1).f_locals if "<locals>" in cls.__qualname__ else {}  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        return _made(
            cls, table=table, entity=entity, unknown=unknown, frozen=frozen, namespace=dict(namespace)
        )

    return decorate


def _made(
    cls: type[C],
    *,
    table: str | None,
    entity: str | None,
    unknown: Literal["drop", "keep", "refuse"],
    frozen: bool,
    namespace: dict[str, Any],
) -> type[C]:
    base = next((parent.__dict__[SPEC] for parent in cls.__mro__[1:] if SPEC in parent.__dict__), None)
    declared = dict(_declarations(cls))
    prepared = _prepared(cls, declared, namespace)
    made: type[Any] = attrs.define(
        prepared, slots=True, kw_only=True, frozen=frozen, getstate_setstate=False, field_transformer=_typed
    )
    fields: dict[str, FieldSpec] = {}
    for field in attrs.fields(made):
        if field.name in declared:
            fields[field.name] = _field_spec(cls, field.name, declared[field.name], made)
        elif base is not None and field.name in base.fields:
            fields[field.name] = base.fields[field.name]
        else:
            raise InvalidModel(
                f"{cls.__name__}.{field.name} comes from an attrs class that is no model",
                fix="make the base a model, or a plain class without fields",
                code="model.foreign-field",
            )
    indexes = dict(base.indexes) if base is not None else {}
    indexes.update(_indexes(cls, fields))
    for index in indexes.values():
        for name in (*index.partition_key, *index.sort_key):
            if name in fields:
                fields[name] = attrs.evolve(fields[name], in_index=True)
    spec = ModelSpec(
        cls=made,
        table=table if table is not None else base.table if base is not None else _snake(cls.__name__),
        entity=entity if entity is not None else base.entity if base is not None else None,
        unknown=unknown,
        fields=fields,
        indexes=indexes,
    )
    check_table_name(spec.table, owner=cls.__name__)
    check_fields(spec)
    check_indexes(spec)
    setattr(made, SPEC, spec)
    setattr(made, _PATHS, {name: Path[Any, Any](Place(made, (name,))) for name in fields})
    register_model(made)
    return made


def _declarations(cls: type[Any]) -> Iterator[tuple[str, Declaration]]:
    for name, annotation in inspect.get_annotations(cls).items():
        if is_class_variable(annotation):
            continue
        value = cls.__dict__.get(name, attrs.NOTHING)
        if isinstance(value, Declaration):
            allowed = _OPTIONS.get(value.role, _SPECIAL)
            if extra := sorted(set(value.options) - allowed):
                raise InvalidModel(
                    f"{cls.__name__}.{name}: {value.role.value}() has no option {', '.join(extra)}",
                    fix=f"use {', '.join(sorted(allowed))}",
                    code="model.unknown-option",
                )
            yield name, value
        elif value is attrs.NOTHING:
            yield name, Declaration(role=Role.PLAIN, options={})
        else:
            yield name, Declaration(role=Role.PLAIN, options={"default": value})
    for name, value in cls.__dict__.items():
        if isinstance(value, Declaration) and name not in inspect.get_annotations(cls):
            raise InvalidModel(
                f"{cls.__name__}.{name} has no annotation",
                fix=f"write {name}: Attr[...] = {value.role.value}(...)",
                code="model.no-annotation",
            )


def _prepared(cls: type[Any], declared: dict[str, Declaration], namespace: dict[str, Any]) -> type[Any]:
    """Return the class again under ModelMeta, with attrs fields in the place of declarations."""
    body = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in ("__dict__", "__weakref__") and not isinstance(value, (GlobalIndex, LocalIndex))
    }
    for name, declaration in declared.items():
        body[name] = _attrs_field(declaration)
    body[NAMESPACE] = namespace
    bases = tuple(base for base in cls.__bases__ if base is not object)
    if not any(issubclass(base, Stored) for base in bases):
        bases = (
            *(base for base in bases if base.__name__ != "Generic"),
            Stored,
            *(base for base in bases if base.__name__ == "Generic"),
        )
    made = ModelMeta(cls.__name__, bases, body)
    for value in body.values():
        for cell in _cells(value):
            # super() finds its class through this cell; attrs mends its own copy the same way.
            if cell.cell_contents is cls:
                cell.cell_contents = made
    return made


def _cells(value: Any) -> Iterator[CellType]:
    functions = (
        value,
        getattr(value, "__func__", None),
        getattr(value, "fget", None),
        getattr(value, "fset", None),
    )
    for function in functions:
        if isinstance(function, FunctionType):
            for cell in function.__closure__ or ():
                try:
                    cell.cell_contents  # noqa: B018 - an empty cell raises
                except ValueError:
                    continue
                yield cell


def _attrs_field(declaration: Declaration) -> Any:
    options = declaration.options
    shown = {"repr": options.get("repr", True)}
    if declaration.role in (Role.CREATED, Role.UPDATED, Role.VERSION) or options.get("template") is not None:
        return attrs.field(init=False, default=UNSET, **shown)
    if "default" in options and "factory" not in options:
        shown["default"] = options["default"]
    if "factory" in options:
        shown["factory"] = options["factory"]
    return attrs.field(validator=options.get("validator"), converter=options.get("converter"), **shown)


def _typed(cls: type[Any], fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:  # noqa: ARG001
    """Show attrs, and whoever reads attrs fields, `T` where the annotation says `Attr[T]`."""
    return [field.evolve(type=declared_type(field.type)) for field in fields]


def _field_spec(cls: type[Any], name: str, declaration: Declaration, made: type[Any]) -> FieldSpec:
    options = declaration.options
    if "default" in options and "factory" in options:
        raise InvalidModel(f"{cls.__name__}.{name} has both a default and a factory", fix="keep one")
    if name.startswith("_"):
        raise InvalidModel(
            f"{cls.__name__}.{name} begins with an underscore",
            why="the constructor could not take it under its own name",
            fix=f"call the field {name.lstrip('_')!r} and give name={name!r}",
            code="model.private-field",
        )
    template = options.get("template")
    default = options.get("default", attrs.NOTHING)
    factory = options.get("factory") or (
        partial(_same, default) if default is not attrs.NOTHING else _no_default
    )
    return FieldSpec(
        name=name,
        attribute=options.get("name") or name,
        role=declaration.role,
        annotation=inspect.get_annotations(made)[name],
        has_default="default" in options or "factory" in options,
        make_default=factory,
        omit_empty=options.get("omit_empty", False),
        null=options.get("null", False),
        template=Template(template) if template is not None else None,
    )


def _same(value: Any) -> Any:
    return value


def _no_default() -> Any:
    raise LookupError("the field has no default")


def _indexes(cls: type[Any], fields: dict[str, FieldSpec]) -> dict[str, IndexSpec]:
    found: dict[str, IndexSpec] = {}
    for value in cls.__dict__.values():
        if isinstance(value, GlobalIndex):
            partition, sort, kind = value.partition_key, value.sort_key, "global"
        elif isinstance(value, LocalIndex):
            table_key = next(
                (field.name for field in fields.values() if field.role is Role.PARTITION_KEY), ""
            )
            partition, sort, kind = (table_key,), (value.sort_key,), "local"
        else:
            continue
        if value.name in found:
            raise InvalidModel(
                f"{cls.__name__} has two indexes called {value.name!r}", code="model.duplicate-index"
            )
        found[value.name] = IndexSpec(
            name=value.name,
            kind="global" if kind == "global" else "local",
            partition_key=partition,
            sort_key=sort,
            projection=value.projection,
        )
    return found


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
