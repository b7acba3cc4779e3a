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
from types import FunctionType, MemberDescriptorType
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
from dynamorm_async.model.checks import check_fields, check_indexes, check_table_name, condition_of
from dynamorm_async.model.indexes import GlobalIndex, LocalIndex
from dynamorm_async.model.registry import SPEC, register_model
from dynamorm_async.model.spec import FieldSpec, IndexSpec, ModelSpec, Role, Template
from dynamorm_async.model.states import UNSET, Stored
from dynamorm_async.model.types import NAMESPACE, declared_type, is_class_variable

C = TypeVar("C")

_PATHS = "__dynamorm_paths__"
_OPTIONS = {
    Role.PLAIN: frozenset(
        {
            "name",
            "default",
            "factory",
            "omit_empty",
            "null",
            "unique",
            "template",
            "when",
            "validator",
            "converter",
            "repr",
        }
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

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any) -> ModelMeta:
        """Make the class; a field that is declared again keeps the slot of the base."""
        # attrs takes such slots over by reading them on the base, where a path is shown.
        slots = {
            field: parent.__dict__[field]
            for field, value in body.items()
            if isinstance(value, Path)
            for base in bases
            for parent in base.__mro__
            if type(parent.__dict__.get(field)) is MemberDescriptorType
        }
        return super().__new__(mcs, name, bases, {**body, **slots}, **options)

    def __getattribute__(cls, name: str) -> Any:
        value = super().__getattribute__(name)
        if type(value) is MemberDescriptorType:
            try:
                return super().__getattribute__(_PATHS).get(name, value)
            except AttributeError:  # the class is being made
                return value
        return value


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(attribute, partition_key, sort_key, created_at, updated_at, version, ttl),
)
def model(
    bare: None = None,
    /,
    *,
    table: str | None = None,
    entity: str | None = None,
    unknown: Literal["drop", "keep", "refuse"] | None = None,
    frozen: bool = False,
) -> Callable[[type[C]], type[C]]:
    """Turn a class with typed fields into a model: an attrs class mapped to a table.

    Args:
        bare: Nothing; `@model` needs its parentheses, also with no arguments.
        table: The table's name or ARN; by default that of the base model, or the class's name in
            snake_case.
        entity: A text stored with each item (attribute `_entity`) that tells this kind from others
            in the same table; by default that of the base model.
        unknown: What becomes of stored attributes without a field: "drop" them on reading, "keep"
            them and write them back, or "refuse" to read the item; by default as the base model
            says, and "drop" where there is none.
        frozen: Whether instances refuse changes; a model whose base is frozen is frozen, too.

    Raises:
        InvalidModel: The class cannot be a model; the text names class and field.
    """
    if bare is not None:
        raise InvalidModel(
            f"@model stands without parentheses over {getattr(bare, '__name__', quoted(bare))}",
            fix='write @model() or @model(table="...")',
            code="model.parentheses",
        )

    def decorate(cls: type[C]) -> type[C]:
        if "__attrs_attrs__" in cls.__dict__ or "__dataclass_fields__" in cls.__dict__:
            raise InvalidModel(
                f"{cls.__name__} is an attrs class or a dataclass already",
                fix="take the other decorator away; @model makes the class an attrs class",
                code="model.attrs-class",
            )
        if unknown not in ("drop", "keep", "refuse", None):
            raise InvalidModel(
                f"{cls.__name__}: unknown={quoted(unknown)}",
                fix="use 'drop', 'keep' or 'refuse'",
                code="model.unknown-option",
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
    unknown: Literal["drop", "keep", "refuse"] | None,
    frozen: bool,
    namespace: dict[str, Any],
) -> type[C]:
    base = next((parent.__dict__[SPEC] for parent in cls.__mro__[1:] if SPEC in parent.__dict__), None)
    _refuse_fields_of_mixins(cls)
    declared = dict(_declarations(cls))
    prepared = _prepared(cls, declared, namespace)
    made: type[Any] = attrs.define(
        prepared, slots=True, kw_only=True, frozen=frozen, getstate_setstate=False, field_transformer=_typed
    )
    _mend_super(cls, made)
    fields: dict[str, FieldSpec] = {}
    for field in attrs.fields(made):
        if field.name in declared or base is None:
            fields[field.name] = _field_spec(cls, field.name, declared[field.name], made)
        else:
            fields[field.name] = base.fields[field.name]
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
        unknown=unknown or (base.unknown if base is not None else "drop"),
        fields=fields,
        indexes=indexes,
    )
    hidden = {field.name for field in attrs.fields(made) if not field.repr}
    places = (Place(made, (name,), is_secret=name in hidden) for name in fields)
    setattr(made, _PATHS, {place.steps[0]: Path[Any, Any](place) for place in places})
    setattr(made, SPEC, spec)
    for name, field in fields.items():
        if field.when is not None:
            fields[name] = attrs.evolve(field, condition=condition_of(made, field, fields))
    check_table_name(spec.table, owner=cls.__name__)
    check_fields(spec)
    check_indexes(spec)
    register_model(made)
    return made


def _refuse_fields_of_mixins(cls: type[Any]) -> None:
    for parent in cls.__mro__[1:]:
        if SPEC in parent.__dict__:
            return  # a model has looked at its own bases
        fields = [name for name, value in parent.__dict__.items() if isinstance(value, Declaration)]
        fields += [field.name for field in parent.__dict__.get("__attrs_attrs__", ())]
        fields += parent.__dict__.get("__dataclass_fields__", ())
        if fields:
            raise InvalidModel(
                f"{cls.__name__}: its base {parent.__name__} declares {', '.join(fields)} and is no model",
                why="which attributes such fields have, nothing says",
                fix=f"make {parent.__name__} a model, or declare the fields in {cls.__name__}",
                code="model.fields-of-a-mixin",
            )


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
        elif isinstance(value, (GlobalIndex, LocalIndex)):
            raise InvalidModel(
                f"{cls.__name__}.{name} is an index with an annotation",
                why="what has an annotation is a field",
                fix=f"write {name} = {type(value).__name__}(...)",
                code="model.annotated-index",
            )
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
    body = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
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
    return ModelMeta(cls.__name__, bases, body)


def _mend_super(cls: type[Any], made: type[Any]) -> None:
    """Let `super()` in the body's functions mean the class that was made of it."""
    waiting: list[Any] = list(cls.__dict__.values())
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        # Functions in static and class methods, properties, cached properties; then those that a
        # decorator wrapped, which are in the closure of what it gave.
        waiting += (getattr(value, name, None) for name in ("__func__", "fget", "fset", "fdel", "func"))
        for cell in (value.__closure__ or ()) if isinstance(value, FunctionType) else ():
            try:
                content = cell.cell_contents
            except ValueError:  # an empty cell
                continue
            if content is cls:
                cell.cell_contents = made
            elif isinstance(content, (FunctionType, classmethod, staticmethod, property)):
                waiting.append(content)


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
    _check_default(f"{cls.__name__}.{name}", options)
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
        attribute=name if options.get("name") is None else options["name"],
        role=declaration.role,
        annotation=declared_type(inspect.get_annotations(made)[name]),
        has_default="default" in options or "factory" in options,
        make_default=factory,
        omit_empty=options.get("omit_empty", False),
        null=options.get("null", False),
        unique=options.get("unique", False),
        template=Template(template) if template is not None else None,
        when=options.get("when"),
    )


def _check_default(where: str, options: dict[str, Any]) -> None:
    if "default" in options and "factory" in options:
        raise InvalidModel(f"{where} has both a default and a factory", fix="keep one", code="model.default")
    extra = sorted(set(options) - {"name", "template", "when", "unique", "repr"})
    if options.get("template") is not None and extra:
        raise InvalidModel(
            f"{where}: a template together with {', '.join(extra)}",
            why="its value is computed from other fields",
            fix="keep one of them",
            code="model.template",
        )
    if options.get("when") is not None and options.get("template") is None:
        raise InvalidModel(
            f"{where}: when= without a template",
            why="where the condition does not hold, the value itself would be lost",
            fix='keep it, and give the index a field made of it: attribute(template="{name}", when=…)',
            code="model.when-template",
        )
    default = options.get("default")
    if type(default).__module__.partition(".")[0] in ("attr", "attrs"):
        raise InvalidModel(
            f"{where}: attrs' own declarations are not read",
            fix="use attribute(default=...) or attribute(factory=...)",
            code="model.default",
        )
    if type(default).__hash__ is None:
        raise InvalidModel(
            f"{where}: its default is a {type(default).__name__}, which can be changed",
            why="all instances would share it",
            fix="use attribute(factory=...)",
            code="model.shared-default",
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
