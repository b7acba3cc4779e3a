"""Generate the two functions that carry a class over: instance to JSON members, struct to instance.

Takes the members of a class with their codecs; gives compiled functions whose source a debugger
and a traceback can show. The rules of what is left out, what is NULL and what a missing attribute
means are decided here, once, and written into the source.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import count
from types import MemberDescriptorType
from typing import Any

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from dynamorm_async.codecs.base import Codec, Scope, quote
from dynamorm_async.codecs.containers import Maybe, SetOf
from dynamorm_async.codecs.scalars import Integer, Scalar, timestamp_source
from dynamorm_async.codecs.wires import number_of
from dynamorm_async.errors import InvalidModel, InvalidValue
from dynamorm_async.model import is_empty
from dynamorm_async.wire import LIMITS

_numbers = count(1)


@attrs.frozen(kw_only=True)
class Member:
    """One field of a class as it is stored.

    Attributes:
        name: The field's Python name.
        attribute: Its name on the wire.
        codec: Both ways for its type.
        has_default: Whether a missing attribute has a value to take.
        make_default: Gives that value.
        argument: The constructor's name for it, or None where the constructor does not take it.
        omit_empty: Whether every empty value is left out.
        null: Whether NULL is stored where the attribute would be left out.
        never_null: Whether NULL may not be stored: keys of indexes.
        keeps_text: Whether a stored time in another form than ours is kept as text beside the instance.
        stamp: The argument of the encoder that holds its text, for fields that the library fills.
        computed: Gives its text from the instance, or None to leave it out; for templates.
        recovered: Gives its value from the item's struct where the attribute is missing.
    """

    name: str
    attribute: str
    codec: Codec
    has_default: bool
    make_default: Callable[[], Any]
    argument: str | None
    omit_empty: bool = False
    null: bool = False
    never_null: bool = False
    keeps_text: bool = False
    stamp: str | None = None
    computed: Callable[[Any], str | None] | None = None
    recovered: Callable[[Any], Any] | None = None

    def is_left_out(self, value: Any) -> bool:
        """Tell whether a value of the field is not stored at all."""
        if self.omit_empty:
            return is_empty(value)
        if value is None and self.computed is not None:
            return True
        if value is None:
            return self.codec.can_be_none and (self.never_null or (not self.null and self._default_is_none()))
        return self.codec.is_empty_collection(value) and not self.null and self._default_is_empty()

    def _default_is_none(self) -> bool:
        return not self.has_default or self.make_default() is None

    def _default_is_empty(self) -> bool:
        return not self.has_default or not self.make_default()


def item_struct(name: str, members: Sequence[Member], *, extra: Mapping[str, Any], strict: bool) -> Any:
    """Return the msgspec struct that reads the members of one item or map, and `extra` attributes."""
    fields: list[Any] = [(member.name, member.codec.wire | UnsetType, UNSET) for member in members]
    fields += [(attribute, wire | UnsetType, UNSET) for attribute, wire in extra.items()]
    names = {member.name: member.attribute for member in members}
    try:
        return msgspec.defstruct(name, fields, rename=names, forbid_unknown_fields=strict, gc=False)
    except ValueError as error:
        raise InvalidModel(
            f"{name}: an attribute's name holds a quotation mark, a backslash or a control character",
            why="the JSON reader cannot look for such a name",
            fix="use other characters",
            code="codecs.attribute-name",
        ) from error


def encoder(owner: str, members: Sequence[Member], *, stamps: Sequence[str]) -> Callable[..., list[str]]:
    """Return a function of an instance (and stamps) that gives its JSON members: `'"id":{"S":"x"}'`."""
    scope = Scope()
    arguments = "".join(f", {stamp}=None" for stamp in stamps)
    lines = [f"def encode_{_safe(owner)}(o{arguments}):", "    p = []", "    at = ''", "    try:"]
    for index, member in enumerate(members):
        lines += (f"        {line}" for line in _encode_lines(index, member, scope))
    lines += ["        pass"] if not members else []
    codecs = {member.name: member.codec for member in members}
    again = scope.name(partial(_encode_again, codecs), "again")
    lines += [
        "    except InvalidValue as error:",
        f"        raise {again}(o, at, error) from error.__cause__",
    ]
    lines += ["    return p"]
    function: Callable[..., list[str]] = _compiled(f"encode_{_safe(owner)}", lines, scope)
    return function


def key_encoder(owner: str, members: Sequence[Member]) -> Callable[..., str]:
    """Return a function of the key's values that gives the key as JSON text, `{"id":{"S":"x"}}`.

    What it raises for a value that cannot be a key does not tell which one it was.
    """
    scope = Scope()
    names = [f"v{index}" for index in range(len(members))]
    pieces = [
        f"{quote(member.attribute) + ':'!r} + {member.codec.encode_source(name, scope)}"
        for name, member in zip(names, members, strict=True)
    ]
    text = " + ',' + ".join(pieces)
    lines = [f"def encode_key_of_{_safe(owner)}({', '.join(names)}):", f"    return '{{' + {text} + '}}'"]
    function: Callable[..., str] = _compiled(f"encode_key_of_{_safe(owner)}", lines, scope)
    return function


def plain_key_texts(owner: str, members: Sequence[Member]) -> Callable[[Sequence[Sequence[str]]], list[str]]:
    """Return a function of many keys, of texts that need no escape, that gives each as JSON text."""
    names = [f"v{index}" for index in range(len(members))]
    pieces: list[str] = []
    opening = "{"
    for name, member in zip(names, members, strict=True):
        pieces += [repr(f'{opening}{quote(member.attribute)}:{{"S":"'), name]
        opening = '"},'
    text = " + ".join([*pieces, repr('"}}')])
    lines = [f"return [{text} for {', '.join(names)}, in i]"]
    return _function(f"encode_keys_of_{_safe(owner)}", lines, Scope())


def key_namer(owner: str, parts: Sequence[tuple[str, str]]) -> Callable[[Any], Hashable]:
    """Return a function of a struct that gives the same name for two keys of the same value.

    The name is the key's value, or a tuple of its two; numbers are equal by value, however they are
    written: `1000` and `1e3`.

    Args:
        owner: As in `encoder`.
        parts: Member of the struct and tag under it, for each part of the key.
    """
    scope = Scope()
    sources: list[str] = []
    for index, (name, tag) in enumerate(parts):
        source = f"i.{name}.{tag}"
        if tag == "N":
            is_plain = f"(x{index} := {source}).isdecimal() and x{index}.isascii()"
            is_short = f"len(x{index}) <= {LIMITS.number_digits}"
            otherwise = f"{scope.name(number_of, 'number_of')}(x{index})"
            # An int and a Decimal of one value are equal and have one hash.
            source = f"(int(x{index}) if {is_plain} and {is_short} else {otherwise})"
        sources.append(source)
    return _function(f"name_key_of_{_safe(owner)}", [f"return {', '.join(sources)}"], scope)


def decoder(
    owner: str, cls: type[Any], members: Sequence[Member], *, frozen: bool, plain: bool
) -> Callable[[Any], Any]:
    """Return a function of an item's struct that gives an instance of `cls`, or says what is wrong.

    Args:
        owner: The class's name, for the source.
        cls: The class.
        members: Its fields.
        frozen: Whether instances refuse plain assignment.
        plain: Whether the class has no validators, converters or hooks of its own that must run,
            so that an instance may be filled without its constructor.
    """
    scope = Scope()
    lines = ["at = ''", "try:"]
    for index, member in enumerate(members):
        fallback = scope.name(_fallback(member), f"read_{index}")
        missing = _missing_source(index, member, scope)
        lines.append(f"    at = {member.name!r}")
        lines.append(f"    v{index} = {missing} if (v := i.{member.name}) is UNSET else {fallback}(v)")
    lines += ["    pass"] if not members else []
    lines += ["except InvalidValue as error:", "    raise error.under(at) from error.__cause__"]
    lines += _filled(cls, [(member, f"v{n}") for n, member in enumerate(members)], scope, frozen, plain)
    return _function(f"decode_{_safe(owner)}", lines, scope)


def exact_decoder(
    owner: str,
    cls: type[Any],
    members: Sequence[Member],
    *,
    frozen: bool,
    plain: bool,
    entity: tuple[str, str] | None = None,
) -> Callable[[Any], Any]:
    """Return the fast way of `decoder`, for a struct of `exact_struct_of`.

    Whatever is not as this library writes it raises a ValueError without a meaning, or never gets
    here because the struct refuses it; whoever calls then reads again with `decoder`.

    Args:
        owner: As in `decoder`.
        cls: As in `decoder`.
        members: As in `decoder`.
        frozen: As in `decoder`.
        plain: As in `decoder`.
        entity: The entity attribute and its text, where there is one.
    """
    scope = Scope()
    lines: list[str] = []
    if entity is not None:
        attribute, text = entity
        lines.append(f"if (v := i.{attribute}) is not UNSET and v.S != {text!r}: inexact()")
    values = [(member, _exact_expression(n, member, scope)) for n, member in enumerate(members)]
    lines += _filled(cls, values, scope, frozen, plain)
    return _function(f"read_{_safe(owner)}", lines, scope)


def exact_struct_of(
    name: str, members: Sequence[Member], *, strict: bool, extra: Mapping[str, Any] | None = None
) -> Any:
    """Return the msgspec struct that reads the members of one item or map as this library writes them."""
    fields: list[Any] = []
    for member in members:
        wire = _exact_codec(member).exact_wire
        fields.append(
            (member.name, wire) if _is_always_there(member) else (member.name, wire | UnsetType, UNSET)
        )
    fields += [(attribute, wire | UnsetType, UNSET) for attribute, wire in (extra or {}).items()]
    names = {member.name: member.attribute for member in members}
    return msgspec.defstruct(name, fields, rename=names, forbid_unknown_fields=strict, gc=False, kw_only=True)


def _filled(
    cls: type[Any],
    values: Sequence[tuple[Member, str]],
    scope: Scope,
    frozen: bool,  # noqa: FBT001 - the callers name them
    plain: bool,  # noqa: FBT001
) -> list[str]:
    """Return the lines that make an instance of the members' expressions and return it."""
    if plain:
        lines = [f"o = new({scope.name(cls, 'cls')})"]
        lines += [_assignment(cls, member.name, value, scope, frozen=frozen) for member, value in values]
        return [*lines, "return o"]
    lines = [f"w{n} = {value}" for n, (_, value) in enumerate(values)]
    given = [f"{member.argument}=w{n}" for n, (member, _) in enumerate(values) if member.argument is not None]
    lines.append(f"o = {scope.name(_constructor(cls), 'make')}({', '.join(given)})")
    for n, (member, _) in enumerate(values):
        if member.argument is None:
            lines.append(_assignment(cls, member.name, f"w{n}", scope, frozen=True))
    return [*lines, "return o"]


def _function(name: str, lines: Sequence[str], scope: Scope) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = _compiled(
        name, [f"def {name}(i):", *(f"    {line}" for line in lines)], scope
    )
    return function


def _exact_codec(member: Member) -> Codec:
    # Where None is left out, NULL is nothing that this library writes.
    codec = member.codec
    return codec.inner if isinstance(codec, Maybe) and member.is_left_out(None) else codec


def _is_always_there(member: Member) -> bool:
    can_be_missing = member.has_default or member.recovered is not None or member.codec.can_be_none
    return not can_be_missing and not isinstance(member.codec, SetOf)


def _exact_expression(index: int, member: Member, scope: Scope) -> str:
    codec = _exact_codec(member)
    variable = f"i.{member.name}" if _is_always_there(member) else "v"
    if member.keeps_text:
        present = timestamp_source(variable, "inexact()", scope)
    else:
        present = codec.exact_source(variable, scope)
    if variable != "v":
        return present
    return f"({_missing_source(index, member, scope)} if (v := i.{member.name}) is UNSET else {present})"


def _inexact() -> Any:
    raise InvalidValue("not as this library writes it")


def _assignment(cls: type[Any], name: str, value: str, scope: Scope, *, frozen: bool) -> str:
    if not frozen:
        return f"o.{name} = {value}"
    slot = inspect.getattr_static(cls, name, None)
    # The slot's own setter is nearly twice as fast, and asks no __setattr__ either.
    if isinstance(slot, MemberDescriptorType):
        return f"{scope.name(slot.__set__, 'set')}(o, {value})"
    return f"setattr_(o, {name!r}, {value})"


def _encode_again(codecs: Mapping[str, Codec], instance: Any, at: str, error: InvalidValue) -> InvalidValue:
    """Return the error with its path, asking for the index of the element where that is not known."""
    if _forgets_index(codecs[at]) and not error.path:
        try:
            codecs[at].encode(getattr(instance, at))
        except InvalidValue as found:
            return found.under(at)
    return error.under(at)


def _forgets_index(codec: Codec) -> bool:
    return (codec.inner if isinstance(codec, Maybe) else codec).forgets_index


def _encode_lines(index: int, member: Member, scope: Scope) -> list[str]:
    attribute = quote(member.attribute)
    head = [f"at = {member.name!r}"]
    if member.stamp is not None:
        opening, closing = ('{"N":"', '"}') if isinstance(member.codec, Integer) else ('{"S":"', '"}')
        return [
            f"if {member.stamp} is not None:",
            f"    p.append({attribute + ':' + opening!r} + {member.stamp} + {closing!r})",
        ]
    if member.computed is not None:
        computed = scope.name(member.computed, f"computed_{index}")
        encode = member.codec.encode_source("v", scope)
        return [
            *head,
            f"v = {computed}(o)",
            "if v is not None:",
            f"    p.append({attribute + ':'!r} + {encode})",
        ]
    head.append(f"v = o.{member.name}")
    line = f"p.append({attribute + ':'!r} + {member.codec.encode_source('v', scope)})"
    test = _left_out_source(member, scope)
    return [*head, f"if not ({test}):", f"    {line}"] if test else [*head, line]


def _left_out_source(member: Member, scope: Scope) -> str:
    if member.omit_empty:
        return f"{scope.name(is_empty, 'is_empty')}(v)"
    tests: list[str] = []
    if member.is_left_out(None):
        tests.append("v is None")
    if member.is_left_out(frozenset[Any]()):
        tests.append("(not v and isinstance(v, AbstractSet))")
    return " or ".join(tests)


def _missing_source(index: int, member: Member, scope: Scope) -> str:
    if member.recovered is not None:
        return f"{scope.name(member.recovered, f'recovered_{index}')}(i)"
    if member.has_default:
        # Asked for each time, because a factory may give another value each time.
        return f"{scope.name(member.make_default, f'make_default_{index}')}()"
    return f"{scope.name(_missing(member), f'missing_{index}')}()"


def _missing(member: Member) -> Callable[[], Any]:
    def missing() -> Any:
        if member.codec.can_be_none:
            return None
        if isinstance(member.codec, SetOf):
            return member.codec.make(())
        raise InvalidValue(
            "is missing in the stored item and has no default",
            fix="give the field a default, or declare it with None",
            code="codecs.missing",
        )

    return missing


def _fallback(member: Member) -> Callable[[Any], Any]:
    """Return what reads a wire struct that the fast way is not for: NULL, and wrong tags."""
    codec = member.codec

    def fallback(wire: Any) -> Any:
        is_null = wire.NULL is True
        if is_null and not codec.can_be_none and not isinstance(codec, SetOf) and member.has_default:
            return member.make_default()
        return codec.decode(wire)

    return fallback


def _constructor(cls: type[Any]) -> Callable[..., Any]:
    def make(**values: Any) -> Any:
        try:
            return cls(**values)
        except InvalidValue:
            raise
        except (ValueError, TypeError) as error:
            raise InvalidValue(
                f"{cls.__name__} refused what is stored",
                why=str(error),
                fix="see the validator or hook of the class that raised it",
                code="codecs.validator",
            ) from error

    return make


def _compiled(name: str, lines: Sequence[str], scope: Scope) -> Any:
    source = "\n".join(lines) + "\n"
    filename = f"<dynamorm_async generated {name} {next(_numbers)}>"
    names: dict[str, Any] = {
        "AbstractSet": AbstractSet,
        "InvalidValue": InvalidValue,
        "inexact": _inexact,
        "SEQUENCES": (list, tuple),
        "UNSET": UNSET,
        "MANY": 10**LIMITS.number_digits,
        "new": object.__new__,
        "quote": quote,
        "setattr_": object.__setattr__,
        **scope.names,
    }
    # Where tracebacks and debuggers look for source that is in no file.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), names)  # noqa: S102 - our own source, from names checked as identifiers
    return names[name]


def _safe(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)


def texts_of(codecs: Sequence[tuple[str, Codec]], instance: Any) -> dict[str, str] | None:
    """Return the texts of some fields of an instance, or None where one of them is None."""
    texts: dict[str, str] = {}
    for name, codec in codecs:
        value = getattr(instance, name)
        if value is None:
            return None
        inner = codec.inner if isinstance(codec, Maybe) else codec
        if not isinstance(inner, Scalar):
            raise InvalidValue("a template takes texts and numbers", path=name)
        try:
            texts[name] = inner.to_text(value)
        except InvalidValue as error:
            raise error.under(name) from error.__cause__
    return texts
