"""Codecs of single values: text, numbers, binary, booleans, times, identifiers, enumerations.

Each writes one tag, S, N, B or BOOL. The first three can stand in sets, be keys and fill templates.

Source of the number rules: DynamoDB developer guide, "Data types": 38 significant digits,
magnitudes from 1E-130 to 9.99E+125.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, cast
from uuid import UUID

from msgspec import UNSET

from dynamorm_async.codecs.base import Codec, Scope, quote
from dynamorm_async.codecs.wires import NUMERALS, binary_text, exact_struct, list_of, number_of, wire_struct
from dynamorm_async.errors import InvalidValue, quoted
from dynamorm_async.wire import LIMITS

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SAFE_INT = 10**LIMITS.number_digits


class Scalar(Codec):
    """A codec whose value is one text under one tag."""

    tag: str = "S"
    is_leaf = True

    @property
    def reads(self) -> Mapping[str, Any]:
        return {self.tag: str}

    def to_text(self, value: Any) -> str:
        """Return the text under the tag, unescaped."""
        raise NotImplementedError

    def from_text(self, text: str) -> Any:
        """Return the value of a text under the tag."""
        raise NotImplementedError

    def encode(self, value: Any) -> str:
        return f'{{"{self.tag}":{quote(self.to_text(value))}}}'

    def decode(self, wire: Any) -> Any:
        text = getattr(wire, self.tag)
        if text is UNSET:
            raise self.unreadable(wire)
        return self.from_text(text)

    def encode_source(self, variable: str, scope: Scope) -> str:
        if self.tag == "N":
            return f"""'{{"N":"' + {scope.name(self.to_text, "number_text")}({variable}) + '"}}'"""
        return f"""'{{"S":' + quote({scope.name(self.to_text, "text")}({variable})) + '}}'"""

    @property
    def exact_wire(self) -> Any:
        return exact_struct(self.tag, str)

    def exact_source(self, variable: str, scope: Scope) -> str:
        return f"{scope.name(self.from_text, 'read')}({variable}.{self.tag})"


class Text(Scalar):
    """str."""

    label = "str"
    writes = frozenset({"S"})

    def to_text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.wrong(value)
        return str(value.value) if isinstance(value, Enum) else value

    def from_text(self, text: str) -> Any:
        return text

    def encode_source(self, variable: str, scope: Scope) -> str:
        check = scope.name(self.to_text, "text")
        exact = f"quote({variable} if {variable}.__class__ is str else {check}({variable}))"
        return f"""'{{"S":' + {exact} + '}}'"""

    def exact_source(self, variable: str, scope: Scope) -> str:  # noqa: ARG002
        return f"{variable}.S"

    def element(self) -> Codec:
        return self


class SubText(Text):
    """A subclass of str."""

    def __init__(self, cls: type[str]) -> None:
        self._cls = cls
        self.label = cls.__name__

    def from_text(self, text: str) -> Any:
        return self._cls(text)

    exact_source = Scalar.exact_source


class Integer(Scalar):
    """int, exact to the last digit."""

    label = "int"
    tag = "N"
    writes = frozenset({"N"})

    def to_text(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(value)
        number = int(value)
        if not -_SAFE_INT < number < _SAFE_INT:
            check_number(Decimal(number))
        return str(number)

    def from_text(self, text: str) -> Any:
        if text.isdecimal() and text.isascii() and len(text) <= LIMITS.number_digits:
            return int(text)
        number = number_of(text)
        if number != number.to_integral_value():
            raise InvalidValue(
                f"expected int, found {text[:40]} in the stored item",
                fix="declare the field as Decimal or float",
                code="codecs.not-whole",
            )
        return int(number)

    def encode_source(self, variable: str, scope: Scope) -> str:
        check = scope.name(self.to_text, "whole_text")
        inline = f"{variable}.__class__ is int and -MANY < {variable} < MANY"
        return (
            f"""(f'{{{{"N":"{{{variable}}}"}}}}' if {inline} else '{{"N":"' + {check}({variable}) + '"}}')"""
        )

    def exact_source(self, variable: str, scope: Scope) -> str:
        read = scope.name(self.from_text, "read")
        is_plain = f"(x := {variable}.N).isdecimal() and x.isascii() and len(x) < {LIMITS.number_digits}"
        return f"(int(x) if {is_plain} else {read}(x))"


class Float(Scalar):
    """float, by the shortest text that reads back as the same float; an int is taken too."""

    label = "float"
    tag = "N"
    writes = frozenset({"N"})

    def to_text(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (float, int)):
            raise self.wrong(value)
        try:
            number = float(value)
        except OverflowError as error:
            raise _out_of_range(str(Decimal(value))) from error
        if not isfinite(number):
            raise not_finite(number)
        if number != value:
            raise InvalidValue(
                f"{quoted(value)} has more digits than a float keeps",
                fix="declare the field as int or Decimal",
                code="codecs.not-exact",
            )
        if number and not 1e-130 <= abs(number) < 1e126:
            raise _out_of_range(repr(number))
        # Equal numbers have one text here, too: 1.0 is 1.
        return repr(number).removesuffix(".0") if number else "0"

    def from_text(self, text: str) -> Any:
        if text.strip(NUMERALS):
            return float(number_of(text))
        try:
            number = float(text)
        except ValueError:
            return float(number_of(text))
        return number if isfinite(number) else float(number_of(text))


class Exact(Scalar):
    """Decimal; an int is taken too, a float is not, since its digits are not what was meant."""

    label = "Decimal"
    tag = "N"
    writes = frozenset({"N"})

    def to_text(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = Decimal(int(value))
        if not isinstance(value, Decimal):
            raise self.wrong(value)
        text = str(value)
        # A short text without an exponent is within all limits.
        if len(text) > LIMITS.number_digits or text.strip("0123456789.-"):
            check_number(value)
            text = format(value, "f")
        # Equal numbers have one text, because keys, templates and names of maps are made of it.
        return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"

    def from_text(self, text: str) -> Any:
        return number_of(text)

    def exact_source(self, variable: str, scope: Scope) -> str:
        return f"{scope.name(number_of, 'read')}({variable}.N)"


class Boolean(Codec):
    """bool."""

    label = "bool"
    is_leaf = True
    writes = frozenset({"BOOL"})

    @property
    def reads(self) -> Mapping[str, Any]:
        return {"BOOL": bool}

    def encode(self, value: Any) -> str:
        if not isinstance(value, bool):
            raise self.wrong(value)
        return '{"BOOL":true}' if value else '{"BOOL":false}'

    def decode(self, wire: Any) -> Any:
        if wire.BOOL is UNSET:
            raise self.unreadable(wire)
        return wire.BOOL

    def encode_source(self, variable: str, scope: Scope) -> str:
        slow = scope.name(self.encode, "encode")
        texts = """'{"BOOL":true}' if VARIABLE is True else '{"BOOL":false}' if VARIABLE is False else """
        return f"({texts.replace('VARIABLE', variable)}{slow}({variable}))"

    @property
    def exact_wire(self) -> Any:
        return exact_struct("BOOL", bool)

    def exact_source(self, variable: str, scope: Scope) -> str:  # noqa: ARG002
        return f"{variable}.BOOL"


class Binary(Scalar):
    """bytes; bytearray and memoryview are taken too.

    A list of numbers is read as well: services written in Go store binary data so.
    """

    label = "bytes"
    tag = "B"
    writes = frozenset({"B"})

    @property
    def reads(self) -> Mapping[str, Any]:
        return {"B": bytes, "L": list_of(wire_struct({"N": str}))}

    def to_text(self, value: Any) -> str:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise self.wrong(value)
        return binary_text(bytes(cast("bytes", value)))

    def from_text(self, text: str) -> Any:
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise InvalidValue(
                "expected bytes, found no base64 in the stored item", code="codecs.unreadable"
            ) from error

    def encode(self, value: Any) -> str:
        return f'{{"B":"{self.to_text(value)}"}}'

    encode_source = Codec.encode_source

    @property
    def exact_wire(self) -> Any:
        return exact_struct("B", bytes)

    def exact_source(self, variable: str, scope: Scope) -> str:  # noqa: ARG002
        return f"{variable}.B"

    def decode(self, wire: Any) -> Any:
        if wire.B is not UNSET:
            return wire.B
        numbers = getattr(wire, "L", UNSET)
        if numbers is UNSET:
            raise self.unreadable(wire)
        try:
            return bytes(Integer().from_text(element.N) for element in numbers)
        except (ValueError, AttributeError) as error:
            raise InvalidValue(
                "expected bytes, found a list in the stored item", why=str(error), code="codecs.unreadable"
            ) from error

    def element(self) -> Codec:
        return self


class Timestamp(Scalar):
    """datetime: RFC 3339 in UTC with nine fractional digits and Z; 0 to 9 digits and offsets are read.

    Microseconds are kept; what another service stored beyond them is cut off, never rounded.
    """

    label = "aware datetime"
    writes = frozenset({"S"})

    def to_text(self, value: Any) -> str:
        if not isinstance(value, dt.datetime):
            raise self.wrong(value)
        return timestamp_text(value)

    def from_text(self, text: str) -> Any:
        return read_timestamp(text)

    def exact_source(self, variable: str, scope: Scope) -> str:
        return timestamp_source(variable, f"{scope.name(read_timestamp, 'read')}(x)", scope)


class Expiry(Scalar):
    """When an item expires: whole Unix seconds under N, from a datetime or an int.

    Source: DynamoDB developer guide, "Time to Live": epoch seconds; values in milliseconds, which
    the service would take for the far future, are refused.
    """

    label = "datetime or int seconds"
    tag = "N"
    writes = frozenset({"N"})

    def __init__(self, *, as_int: bool) -> None:
        self.as_int = as_int
        self.label = "int seconds" if as_int else "aware datetime"

    def to_text(self, value: Any) -> str:
        if isinstance(value, dt.datetime) and not self.as_int:
            _refuse_naive(value)
            seconds = int(value.timestamp() // 1)
        elif isinstance(value, int) and not isinstance(value, bool) and self.as_int:
            seconds = int(value)
        else:
            raise self.wrong(value)
        if not 0 <= seconds < 10**11:
            raise InvalidValue(
                f"{quoted(value)} is no expiry",
                why="an expiry is in whole seconds since 1970; larger numbers are milliseconds",
                fix="use an aware datetime, or int(time.time()) + seconds",
                code="codecs.expiry",
            )
        return str(seconds)

    def from_text(self, text: str) -> Any:
        seconds = Integer().from_text(text)
        if self.as_int:
            return seconds
        try:
            return dt.datetime.fromtimestamp(seconds, dt.UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise InvalidValue(
                f"the stored expiry {text[:40]} is out of a datetime's range",
                fix="declare the field as int",
                code="codecs.expiry",
            ) from error


class Parsed(Scalar):
    """A type with one text form: date, time, timedelta, UUID."""

    def __init__(
        self,
        cls: type[Any],
        *,
        write: Callable[[Any], str],
        read: Callable[[str], Any],
        tag: str = "S",
        exact: bool = False,
    ) -> None:
        self._cls, self._write, self._read, self._exact = cls, write, read, exact
        self.label = cls.__name__
        self.tag = tag
        self.writes = frozenset({tag})

    def to_text(self, value: Any) -> str:
        # A datetime is a date to Python, and would lose its time.
        if not isinstance(value, self._cls) or (self._exact and type(value) is not self._cls):
            raise self.wrong(value)
        return self._write(value)

    def from_text(self, text: str) -> Any:
        try:
            return self._read(text)
        except (ValueError, ArithmeticError) as error:
            raise InvalidValue(
                f"expected {self.label}, found {quoted(text)} in the stored item", code="codecs.unreadable"
            ) from error


class Choice(Scalar):
    """Members of an Enum, or of a Literal, by their values: all text, or all whole numbers."""

    def __init__(self, label: str, members: Mapping[Any, Any], tag: str) -> None:
        """Take the value (str or int) to member mapping."""
        self.label = label
        self.tag = tag
        self.writes = frozenset({tag})
        self._by_value = dict(members)
        self._texts = {member: str(value) for value, member in members.items()}

    def to_text(self, value: Any) -> str:
        try:
            text = self._texts.get(value)
        except TypeError:
            text = None
        if text is None or isinstance(value, bool):
            raise self.wrong(value)
        return text

    def from_text(self, text: str) -> Any:
        value: Any = Integer().from_text(text) if self.tag == "N" else text
        try:
            return self._by_value[value]
        except KeyError:
            raise InvalidValue(
                f"expected one of {self.label}, found {quoted(value)} in the stored item",
                code="codecs.unknown-member",
            ) from None


def timestamp_text(value: dt.datetime) -> str:
    """Return an aware datetime as RFC 3339 in UTC with nine fractional digits and Z."""
    if value.tzinfo is not dt.UTC:
        _refuse_naive(value)
        value = _in_utc(value)
    return f"{value.isoformat(timespec='microseconds')[:26]}000Z"


def is_own_timestamp(text: str) -> bool:
    """Tell whether a text is in the form that this library writes."""
    return text[26:] == "000Z" and text[4:20:3] == "--T::."


def timestamp_source(variable: str, otherwise: str, scope: Scope) -> str:
    """Return an expression that reads a timestamp of our own form, and `otherwise` for others."""
    read = scope.name(dt.datetime.fromisoformat, "read_own")
    return f"({read}(x) if (x := {variable}.S)[26:] == '000Z' and x[4:20:3] == '--T::.' else {otherwise})"


def read_timestamp(text: str) -> dt.datetime:
    """Return the datetime, in UTC, of an RFC 3339 text.

    Raises:
        InvalidValue: The text is of another form, or says no offset.
    """
    # Our own form is known by its marks. Not longer fractions: fromisoformat does not look at
    # what stands behind the sixth digit.
    if is_own_timestamp(text):
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            pass
    try:
        # fromisoformat takes more than RFC 3339: weeks, no separators, no offset, any digits.
        value = dt.datetime.fromisoformat(text.upper()) if _RFC_3339.fullmatch(text) else None
    except ValueError:
        value = None
    if value is None:
        raise InvalidValue(
            f"expected an RFC 3339 time with Z or an offset, found {quoted(text)}", code="codecs.bad-time"
        )
    return value if value.tzinfo is dt.UTC else _in_utc(value)


def _in_utc(value: dt.datetime) -> dt.datetime:
    try:
        return value.astimezone(dt.UTC)
    except OverflowError as error:
        raise InvalidValue(
            f"{value!r} is outside the years 1 to 9999 in UTC", code="codecs.bad-time"
        ) from error


def _refuse_naive(value: dt.datetime) -> None:
    if value.utcoffset() is None:
        raise InvalidValue(
            f"{value!r} has no time zone",
            why="nobody could tell which instant it means",
            fix="use datetime.now(UTC), or value.replace(tzinfo=UTC) if it is UTC",
            code="codecs.naive-datetime",
        )


def check_number(value: Decimal) -> None:
    """Refuse what the service cannot store exactly."""
    if not value.is_finite():
        raise not_finite(value)
    if not value:
        return
    digits = len("".join(map(str, value.as_tuple().digits)).strip("0"))
    if digits > LIMITS.number_digits:
        raise InvalidValue(
            f"a number has {digits} significant digits",
            why=f"the service keeps {LIMITS.number_digits}, and nothing is rounded in silence",
            fix="round it yourself, or store it as a text",
            code="codecs.too-many-digits",
        )
    if not LIMITS.number_exponent_min <= value.adjusted() <= LIMITS.number_exponent_max:
        raise _out_of_range(str(value))


def not_finite(value: object) -> InvalidValue:
    """Return the error for NaN and the infinities."""
    return InvalidValue(
        f"{value} is no number the service can store",
        fix="store None, or a text, for NaN and infinity",
        code="codecs.not-finite",
    )


def _out_of_range(text: str) -> InvalidValue:
    return InvalidValue(
        f"{text[:40]} is out of range",
        why="the service stores magnitudes from 1E-130 to 9.99E+125",
        code="codecs.out-of-range",
    )


def _duration_text(value: dt.timedelta) -> str:
    micros = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    whole, fraction = divmod(micros, 1_000_000)
    return f"{sign}{whole}" + (f".{fraction:06d}".rstrip("0") if fraction else "")


def _read_duration(text: str) -> dt.timedelta:
    # Not by Decimal arithmetic, which rounds as the caller's context says.
    numerator, denominator = number_of(text).as_integer_ratio()
    return dt.timedelta(microseconds=numerator * 1_000_000 // denominator)


def plain_scalar(tp: Any) -> Codec | None:
    """Return the codec of a simple type, or None where it is not one."""
    simple: dict[Any, Callable[[], Codec]] = {
        str: Text,
        int: Integer,
        float: Float,
        Decimal: Exact,
        bool: Boolean,
        bytes: Binary,
        dt.datetime: Timestamp,
        dt.date: lambda: Parsed(dt.date, write=dt.date.isoformat, read=dt.date.fromisoformat, exact=True),
        dt.time: lambda: Parsed(dt.time, write=dt.time.isoformat, read=dt.time.fromisoformat),
        dt.timedelta: lambda: Parsed(dt.timedelta, write=_duration_text, read=_read_duration, tag="N"),
        UUID: lambda: Parsed(UUID, write=str, read=UUID),
    }
    make = simple.get(tp)
    if make is not None:
        return make()
    if isinstance(tp, type) and issubclass(tp, str) and not issubclass(tp, Enum):
        return SubText(tp)
    return None
