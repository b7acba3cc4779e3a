"""From a type to its codec: what cattrs decides first, then the types this library knows.

A hook that a user registered with the converter, for a type or for a union, wins over everything
here. A type that neither knows is refused, so that a model fails when its table handle is made
and not at the first unlucky item.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, MutableSet, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NewType,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs
from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError

from dynamorm_async.codecs.base import Codec
from dynamorm_async.codecs.containers import (
    Anything,
    Hooked,
    HookedScalar,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    SetOf,
    TupleOf,
)
from dynamorm_async.codecs.scalars import Choice, Scalar, plain_scalar
from dynamorm_async.codecs.structures import Structure
from dynamorm_async.errors import InvalidModel

_LISTS = (list, Sequence, MutableSequence, Iterable)
_SETS = (set, AbstractSet, MutableSet)
_MAPS = (dict, Mapping, MutableMapping)


class Types:
    """The codecs of one converter, each made once.

    `for_type` raises InvalidModel for a type that cannot be stored.
    """

    def __init__(self, converter: Converter, *, strict: bool = False) -> None:
        """Take the converter, and whether nested classes refuse attributes without a field."""
        self.converter = converter
        self._strict = strict
        self._pristine = Converter()
        self._made: dict[Any, Codec] = {}
        self.structures: dict[Any, Structure] = {}

    @property
    def nests_freely(self) -> bool:
        """Whether a value of some type made so far can be nested to any depth."""
        is_open = any(isinstance(codec, (Anything, Hooked)) for codec in self._made.values())
        return is_open or any(structure.is_recursive for structure in self.structures.values())

    def for_type(self, tp: Any) -> Codec:
        """Return the codec for a type."""
        try:
            known = self._made.get(tp)
        except TypeError:
            known = None
        if known is None:
            known = self._made[tp] = self._make(tp)
        return known

    def _make(self, tp: Any) -> Codec:
        if isinstance(tp, (TypeVar, str, ForwardRef)):
            raise InvalidModel(f"{tp} is not resolved", code="codecs.unresolved")
        if self._is_hooked(tp):
            return self._hooked(tp)
        origin, arguments = get_origin(tp), get_args(tp)
        if origin is Annotated:
            return self.for_type(arguments[0])
        if isinstance(tp, NewType):
            return self.for_type(tp.__supertype__)
        if hasattr(tp, "__value__"):
            # `type X = ...` of Python 3.12.
            return self.for_type(tp.__value__)
        if tp in (Any, object):
            return Anything()
        if origin in (Union, types.UnionType):
            return self._union(arguments)
        if origin is Literal:
            return self._literal(arguments)
        return (
            plain_scalar(tp) or self._container(tp, origin or tp, arguments) or self._class(tp, origin or tp)
        )

    def _container(self, tp: Any, origin: Any, arguments: tuple[Any, ...]) -> Codec | None:
        if origin in _LISTS:
            return ListOf(self.for_type(arguments[0] if arguments else Any), make=list, label="list")
        if origin is tuple:
            if not arguments or arguments[-1] is Ellipsis:
                inner = self.for_type(arguments[0] if arguments else Any)
                return ListOf(inner, make=tuple, label="tuple")
            return TupleOf([self.for_type(part) for part in arguments])
        if origin in _SETS or origin is frozenset:
            make: Callable[[Iterable[Any]], Any] = frozenset if origin is frozenset else set
            return SetOf(self._scalar(tp, arguments), make=make, label=make.__name__)
        if origin in _MAPS:
            key, value = arguments or (str, Any)
            key_codec = self.for_type(key)
            if not isinstance(key_codec, Scalar) or key_codec.tag == "B":
                raise InvalidModel(
                    f"{tp}: a map's keys are texts",
                    fix="use str, or a type stored as one",
                    code="codecs.map-key",
                )
            return MapOf(key_codec, self.for_type(value))
        return None

    def _scalar(self, tp: Any, arguments: tuple[Any, ...]) -> Scalar:
        if not arguments:
            raise InvalidModel(f"{tp} does not say of what", fix="write set[str]", code="codecs.set-element")
        codec = self.for_type(arguments[0])
        if not isinstance(codec, Scalar):
            raise InvalidModel(
                f"{tp}: {codec.label} cannot be an element of a set",
                why="the service has sets of texts, numbers and binary values only",
                fix="use a list; or say the hook's return type: def encode(value: X) -> str",
                code="codecs.set-element",
            )
        return codec

    def _union(self, arguments: tuple[Any, ...]) -> Codec:
        members = [argument for argument in arguments if argument is not types.NoneType]
        if len(members) == 1:
            inner = self.for_type(members[0])
        else:
            whole = cast("Any", Union[tuple(members)])  # noqa: UP007 - made at run time
            inner = self._hooked(whole) if self._is_hooked(whole) else self._plain_union(members)
        return Maybe(inner) if types.NoneType in arguments else inner

    def _plain_union(self, members: Sequence[Any]) -> Codec:
        made = [self.for_type(member) for member in members]
        # Literal["a", None] beside another type brings its own None.
        codecs = [codec.inner if isinstance(codec, Maybe) else codec for codec in made]
        seen: dict[str, Codec] = {}
        for codec in codecs:
            for tag in codec.writes or ("any tag",):
                if tag in seen or "any tag" in seen or (tag == "any tag" and seen):
                    other = seen.get(tag) or next(iter(seen.values()))
                    raise InvalidModel(
                        f"the union of {' and '.join(member.label for member in codecs)} cannot be read back",
                        why=f"{other.label} and {codec.label} are both stored as {tag}",
                        fix="register hooks for the union (cattrs.strategies.configure_tagged_union), "
                        "or use one of the types",
                        code="codecs.ambiguous-union",
                    )
                seen[tag] = codec
        union = OneOf(codecs)
        return union if codecs == made else Maybe(union)

    def _literal(self, values: tuple[Any, ...]) -> Codec:
        plain = [value for value in values if value is not None]
        members: list[Codec] = []
        for kind, tag in ((str, "S"), (int, "N")):
            chosen = {value: value for value in plain if type(value) is kind}
            if chosen:
                members.append(Choice(f"Literal{list(chosen)}", chosen, tag))
        if sum(len(getattr(member, "_by_value", ())) for member in members) != len(set(plain)) or not members:
            raise InvalidModel(f"Literal{list(values)}: only texts and whole numbers", code="codecs.literal")
        inner = members[0] if len(members) == 1 else OneOf(members)
        return Maybe(inner) if None in values else inner

    def _class(self, tp: Any, origin: Any) -> Codec:
        if isinstance(origin, type) and issubclass(origin, Enum):
            return _enumeration(origin)
        if isinstance(origin, type) and (attrs.has(origin) or dataclasses.is_dataclass(origin)):
            structure = self.structures.get(tp)
            if structure is None:
                structure = self.structures[tp] = Structure(tp, self.for_type, strict=self._strict)
                structure.build()
            return structure
        if self._converts(tp):
            return self._hooked(tp)
        raise InvalidModel(
            f"{getattr(tp, '__name__', tp)} cannot be stored",
            why="neither this library nor the converter knows the type",
            fix=f"register({getattr(tp, '__name__', tp)}, encode, decode), or use another type",
            code="codecs.unknown-type",
        )

    # cattrs says nothing about which hooks are the user's, so they are told from those of a
    # converter on which nothing was registered.
    def _is_hooked(self, tp: Any) -> bool:
        for name in ("get_unstructure_hook", "get_structure_hook"):
            found = _fingerprint(self.converter, name, tp)
            if found != _fingerprint(self._pristine, name, tp) and not _is_of_cattrs(found):
                return True
        return False

    def _converts(self, tp: Any) -> bool:
        return _fingerprint(self.converter, "get_structure_hook", tp) is not None

    def _hooked(self, tp: Any) -> Codec:
        label = getattr(tp, "__name__", str(tp))
        unstructure = self.converter.get_unstructure_hook(tp)
        hook = self.converter.get_structure_hook(tp)

        def structure(value: Any) -> Any:
            return hook(value, tp)

        inner = plain_scalar(_given(unstructure))
        if isinstance(inner, Scalar):
            return HookedScalar(label, inner, unstructure, structure)
        overrides: Mapping[str, Any] = getattr(unstructure, "overrides", {})
        renamed = {name: override.rename for name, override in overrides.items() if override.rename}
        return Hooked(label, unstructure, structure, renamed=renamed)


def _given(hook: Callable[[Any], Any]) -> Any:
    """Return the type that a hook says it gives: `str` itself, or `def encode(value: X) -> str`."""
    if isinstance(hook, type):
        return hook
    try:
        return get_type_hints(hook).get("return")
    except (TypeError, NameError, AttributeError):
        return None


def _fingerprint(converter: Converter, method: str, tp: Any) -> tuple[Any, ...] | None:
    try:
        hook = getattr(converter, method)(tp, cache_result=False)
    # SyntaxError: cattrs 26.2 writes `Box[set[Literal['a']] | None]` into the name of a function.
    except (StructureHandlerNotFoundError, SyntaxError, NameError, TypeError, AttributeError, KeyError):
        return None
    return (
        getattr(hook, "__module__", None),
        getattr(hook, "__qualname__", type(hook).__qualname__),
        bool(getattr(hook, "overrides", None)),
    )


# For a list of a hooked type cattrs makes other functions than for a list of str, but its own.
def _is_of_cattrs(fingerprint: tuple[Any, ...] | None) -> bool:
    if fingerprint is None:
        return True
    module, name, has_overrides = fingerprint
    if module == "builtins":
        return name in ("list", "tuple", "set", "frozenset", "dict")
    is_chosen = str(module).startswith(("cattrs.strategies", "cattrs.preconf")) or has_overrides
    # What cattrs generates for a class is in no module.
    return not is_chosen and (module is None or module.startswith("cattrs."))


def _enumeration(cls: type[Enum]) -> Codec:
    values = [member.value for member in cls]
    for kind, tag in ((str, "S"), (int, "N")):
        if values and all(isinstance(value, kind) and not isinstance(value, bool) for value in values):
            return Choice(cls.__name__, {member.value: member for member in cls}, tag)
    raise InvalidModel(
        f"{cls.__name__}: the members' values are neither all texts nor all whole numbers",
        fix=f"register({cls.__name__}, encode, decode)",
        code="codecs.enum",
    )
