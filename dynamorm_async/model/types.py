"""Annotations resolved: which type each field of a class holds.

Takes a model or any attrs class or dataclass, generic or not; gives field name to type with
strings evaluated and type variables replaced. Raises `InvalidModel` for a name that means nothing.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from dynamorm_async.errors import InvalidModel, quoted
from dynamorm_async.model.attributes import Attr
from dynamorm_async.model.spec import FieldSpec, ModelSpec

NAMESPACE = "__dynamorm_namespace__"
_FACTORY: Any = attrs.Factory  # a class at run time, a function for type checkers


@attrs.frozen
class TypedDeclaration:
    """A field of a nested class: its type and its default."""

    name: str
    type: Any
    has_default: bool
    make_default: Any
    in_init: bool
    alias: str


def is_class_variable(annotation: Any) -> bool:
    """Tell whether an annotation, evaluated or not, says ClassVar."""
    if isinstance(annotation, str):
        return annotation.removeprefix("typing.").removeprefix("t.").startswith("ClassVar")
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def declared_type(annotation: Any) -> Any:
    """Return `T` of `Attr[T]`, and anything else as it is."""
    return get_args(annotation)[0] if get_origin(annotation) is Attr else annotation


def evaluate(cls: type, annotation: Any, *, field: str) -> Any:
    """Return the type that an annotation of `cls` means.

    Raises:
        InvalidModel: A name in it cannot be found, or it is no type.
    """
    module = sys.modules.get(cls.__module__)
    scope: dict[str, Any] = {
        **(vars(module) if module else {}),
        **getattr(cls, NAMESPACE, {}),
        cls.__name__: cls,
    }
    holder = SimpleNamespace(__annotations__={field: annotation})
    try:
        found = get_type_hints(holder, scope, include_extras=True)[field]
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise InvalidModel(
            f"{cls.__name__}.{field}: the annotation {quoted(annotation)} cannot be evaluated",
            why=str(error),
            fix="import the name where the class is defined (not under TYPE_CHECKING)",
            code="model.unknown-annotation",
        ) from error
    return declared_type(found)


def evaluated(spec: ModelSpec, field: FieldSpec) -> Any:
    """Return the type of a model's field, evaluated where it was declared."""
    owner = next(base for base in spec.cls.__mro__ if field.name in inspect.get_annotations(base))
    return substituted(
        evaluate(owner, field.annotation, field=field.name), _type_variables(spec.cls).get(owner, {})
    )


def members_of(tp: Any) -> tuple[tuple[Any, ...], bool]:
    """Return the members of a union without None, and whether None was one; a single type is one member."""
    members = get_args(tp) if get_origin(tp) in (Union, types.UnionType) else (tp,)
    return tuple(member for member in members if member is not types.NoneType), types.NoneType in members


def typed_fields(tp: Any) -> tuple[TypedDeclaration, ...]:
    """Return the fields of an attrs class or dataclass, `Box[int]` included, with resolved types."""
    cls: type[Any] = get_origin(tp) or tp
    meanings = _type_variables(tp)
    found: list[TypedDeclaration] = []
    for declared in _plain_fields(cls):
        bases = (base for base in cls.__mro__ if declared.name in inspect.get_annotations(base))
        # A field may be declared by attr.ib(type=int), without an annotation.
        owner = next(bases, cls)
        annotation = inspect.get_annotations(owner).get(declared.name, declared.type)
        resolved = evaluate(owner, annotation, field=declared.name)
        found.append(attrs.evolve(declared, type=substituted(resolved, meanings.get(owner, {}))))
    return tuple(found)


def substituted(tp: Any, meanings: Mapping[Any, Any]) -> Any:
    """Return a type with its type variables replaced; one without a meaning becomes its bound or Any."""
    if isinstance(tp, TypeVar):
        return meanings.get(tp, tp.__bound__ or Any)
    variables = getattr(tp, "__parameters__", ())
    if not variables or isinstance(tp, type):
        return tp
    return tp[tuple(substituted(variable, meanings) for variable in variables)]


def _type_variables(tp: Any) -> dict[type, dict[Any, Any]]:
    """Return for each class of the hierarchy what its type variables stand for."""
    cls: type[Any] = get_origin(tp) or tp
    own = dict(zip(getattr(cls, "__parameters__", ()), get_args(tp), strict=False))
    meanings: dict[type, dict[Any, Any]] = {cls: own}
    for base in getattr(cls, "__orig_bases__", cls.__bases__):
        if (get_origin(base) or base) not in (object, Generic):
            meanings.update(_type_variables(substituted(base, own) if get_origin(base) else base))
    return meanings


def _plain_fields(cls: type[Any]) -> list[TypedDeclaration]:
    if attrs.has(cls):
        return [
            TypedDeclaration(
                name=field.name,
                type=Any if field.type is None else field.type,
                # One made from the instance cannot be had before there is one.
                has_default=field.default is not attrs.NOTHING and not _takes_self(field.default),
                make_default=_maker(field.default),
                in_init=field.init,
                alias=field.alias or field.name,
            )
            for field in attrs.fields(cls)
        ]
    return [
        TypedDeclaration(
            name=field.name,
            type=None,
            has_default=field.default is not dataclasses.MISSING
            or field.default_factory is not dataclasses.MISSING,
            make_default=field.default_factory
            if field.default_factory is not dataclasses.MISSING
            else partial(_constant, field.default),
            in_init=field.init,
            alias=field.name,
        )
        for field in dataclasses.fields(cls)
    ]


def _takes_self(default: Any) -> bool:
    return isinstance(default, _FACTORY) and default.takes_self


def _maker(default: Any) -> Any:
    if isinstance(default, _FACTORY):
        return default.factory
    return partial(_constant, default)


def _constant(value: Any) -> Any:
    return value
