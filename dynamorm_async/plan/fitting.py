"""Fit the terms of a query to one access: its key condition, and the filter that is left.

Takes an access and terms; gives a `Fit`, or the reason why the access cannot answer them. Terms
that no item can meet are refused. Pure: values are encoded here to be compared, nothing is priced.

Source: DynamoDB API reference, Query: every partition attribute by `=`, sort attributes from left to
right with one range at the end, no key attribute of the queried index in the filter.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Container, Iterable, Mapping, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NoReturn

import msgspec

from dynamorm_async.codecs import Record
from dynamorm_async.errors import InvalidExpression, InvalidKey, quoted
from dynamorm_async.expressions import Condition, Place, Role, conjuncts, places_in, readable
from dynamorm_async.model import FieldSpec, Template
from dynamorm_async.plan.access import Access
from dynamorm_async.plan.terms import RANGES, Term

KEY_UNSAID = "no key condition can say what is asked of its key"


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds that BETWEEN includes and the query does not, so that their items are dropped.

    Attributes:
        attribute: The sort key's attribute.
        low: The tagged text of the lower bound that is excluded, or None.
        high: The same of the upper one.
    """

    attribute: str
    low: str | None
    high: str | None

    def drops(self, text: str) -> bool:
        """Tell whether an item is left out whose sort key is this tagged text."""
        return self.drops_value(json.loads(text))

    def drops_value(self, tagged: Mapping[str, str]) -> bool:
        """Tell the same of a tagged value."""
        value = _rank(tagged)
        return any(bound is not None and ordered(bound) == value for bound in (self.low, self.high))


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """What a key condition demands of a sort key, where that is no single value.

    Attributes:
        attribute: The sort key's attribute.
        operator: One of `RANGES`.
        bounds: Tagged texts of its one or two values.
    """

    attribute: str
    operator: str
    bounds: tuple[str, ...]

    def holds(self, tagged: Mapping[str, str]) -> bool:
        """Tell whether a value is in the range, the ends of "between" included."""
        value, bounds = _rank(tagged), [ordered(text) for text in self.bounds]
        match self.operator:
            case "<":
                return bool(value < bounds[0])
            case "<=":
                return bool(value <= bounds[0])
            case ">":
                return bool(value > bounds[0])
            case ">=":
                return bool(value >= bounds[0])
            case "begins_with":
                return isinstance(value, bytes) and value.startswith(bounds[0])
            case _:
                return bool(bounds[0] <= value <= bounds[-1])

    def ends_at(self, tagged: Mapping[str, str], *, descending: bool) -> bool:
        """Tell whether a value is the last one that is in the range, on the way up or down."""
        if self.operator not in (("between", ">=") if descending else ("between", "<=")):
            return False
        return bool(_rank(tagged) == ordered(self.bounds[0 if descending else -1]))


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How one access answers a query.

    Attributes:
        used: The terms that the key condition says, in its order where it is direct.
        key: The key condition; it begins with the partition's fields, one value each.
        filters: The terms that are tested after reading.
        bound: How many sort fields the key condition names.
        operator: "=" or a range: what it says of the last of them; None where it names none.
        ends: Bounds to drop, or None.
        is_direct: Whether every value of the key condition is one of the terms', untouched and
            unchecked, so that other values fit in the same way.
    """

    access: Access
    used: tuple[Term, ...]
    key: Condition[Any]
    filters: tuple[Term, ...]
    bound: int
    operator: str | None
    ends: Ends | None
    is_direct: bool

    @property
    def is_one_item(self) -> bool:
        """Whether the whole key is given, so that one item at most is found."""
        return (
            self.access.kind == "table"
            and self.bound == len(self.access.sort)
            and self.operator in (None, "=")
        )

    @property
    def equal(self) -> frozenset[str]:
        """The key fields that have one value each in the whole answer."""
        bound = self.bound if self.operator in (None, "=") else self.bound - 1
        return frozenset(field.name for field in (*self.access.partition, *self.access.sort[:bound]))

    @property
    def order(self) -> tuple[str, ...]:
        """The fields that items are ordered by: the sort fields that are not equal to something."""
        return tuple(field.name for field in self.access.sort if field.name not in self.equal)


def fit(access: Access, terms: Sequence[Term], record: Record[Any], *, scoped: bool = True) -> Fit | str:
    """Return how an access answers the terms, or why it cannot.

    Args:
        access: The access.
        terms: What every item must meet.
        record: The model's.
        scoped: Whether the template of a sort key keeps items of other models out; else it is taken
            for a plain text.

    Raises:
        InvalidExpression: No item can meet two of the terms.
        InvalidValue: A value cannot be a key.
    """
    used: list[Term] = []
    parts: list[Condition[Any]] = []
    for field in access.partition:
        found = _equal(field, terms, record)
        if found is None:
            return f"needs {_wanted(field)} == …"
        value, those = found
        used += those
        parts.append(_equals(record, field, value))
    bound = 0
    operator: str | None = None
    ends: Ends | None = None
    for field in access.sort:
        found = _equal(field, terms, record, templated=scoped)
        if found is not None:
            value, those = found
            parts.append(_equals(record, field, value))
            bound, operator, used = bound + 1, "=", used + those
            continue
        ranged = _range(field, terms, record, scoped=scoped)
        if isinstance(ranged, str):
            return ranged
        if ranged is not None:
            part, operator, those, ends = ranged
            parts.append(part)
            bound, used = bound + 1, used + those
        break
    names = {field.name for field in access.keys if field.template is None}
    left = [term for term in terms if not any(term is other for other in used)]
    filters = _filters(access, left)
    if isinstance(filters, str):
        return filters
    return Fit(
        access=access,
        used=tuple(used),
        key=all_of(parts),
        filters=filters,
        bound=bound,
        operator=operator,
        ends=ends,
        is_direct=len(used) == len(parts)
        and operator != "between"
        and all(term.field in names for term in used),
    )


def depends_on_values(accesses: Iterable[Access], terms: Sequence[Term]) -> bool:
    """Tell whether other values in the same terms might contradict each other, or fit in another way.

    Then a choice that was made for some values says nothing of others: of two bounds of a key, of
    whichever access, or of a template's fields.
    """
    compared = [term for term in terms if term.operator == "=" or term.operator in RANGES]
    for field in {field for access in accesses for field in access.keys}:
        direct = [term for term in compared if term.field == field.name]
        if len(direct) > 1 or any(term.operator == "between" for term in direct):
            return True
        parts = field.template.fields if field.template is not None else ()
        if any(term.field in parts for term in compared):
            return True
    return False


def ends_by_values(accesses: Iterable[Access], terms: Sequence[Term]) -> bool:
    """Tell whether other values in the same terms might imply a key's condition, or imply it no more."""
    decisive = {name for access in accesses for field in access.keys for name in field.decided_by}
    return any(decisive & term.mentioned for term in terms)


def demands_of(
    key: Condition[Any], access: Access, record: Record[Any]
) -> tuple[dict[str, str], Range | None]:
    """Return what a key condition demands: attribute name to tagged text of its one value, and a range."""
    fixed: dict[str, str] = {}
    fields = {field.name: field for field in access.keys}
    for part in conjuncts(key):
        kind, operator, *_ = part.form
        place = next(places_in(part.form))
        field = fields[str(place.steps[0])]
        if kind == "compare" and operator == "=":
            fixed[field.attribute] = encoded_key(field, part.values[0], record)
        else:
            named = "between" if kind == "between" else str(operator)
            return fixed, _range_of(field, named, part.values, record)
    return fixed, None


def all_of(conditions: Sequence[Condition[Any]]) -> Condition[Any]:
    """Return what demands all of these conditions, of which there is one at least."""
    whole, *others = conditions
    for other in others:
        whole &= other
    return whole


def ordered(text: str) -> Any:
    """Return what a tagged text is ordered by in a sort key: numbers by value, the rest by bytes."""
    return _rank(json.loads(text))


def _rank(tagged: Mapping[str, str]) -> Any:
    ((tag, value),) = tagged.items()
    if tag == "N":
        return Decimal(value)
    return b64decode(value) if tag == "B" else value.encode()


def _wanted(field: FieldSpec) -> str:
    names = field.template.fields if field.template is not None else (field.name,)
    return " and ".join(names)


def _place(record: Record[Any], field: FieldSpec) -> Place:
    return Place(record.spec.cls, (field.name,))


def _equals(record: Record[Any], field: FieldSpec, value: object) -> Condition[Any]:
    return Condition(("compare", "=", _place(record, field), None, Role.VALUE), (value,))


def _on(name: str, terms: Iterable[Term], operators: Container[str | None]) -> list[Term]:
    return [term for term in terms if term.field == name and term.operator in operators]


def _equal(
    field: FieldSpec, terms: Sequence[Term], record: Record[Any], *, templated: bool = True
) -> tuple[object, list[Term]] | None:
    """Return the value that the terms demand of a key, and which of them say so."""
    direct = _on(field.name, terms, ("=",))
    if direct:
        value = direct[0].value
        text = record.encode_field(field.name, value)
        for other in direct[1:]:
            if record.encode_field(field.name, other.value) != text:
                _contradict(direct[0], other)
        ranges = _on(field.name, terms, RANGES)
        for term in ranges:
            if text is not None and not _meets(text, term, field, record):
                _contradict(direct[0], term)
        return value, [*direct, *ranges]
    if field.template is None or not templated:
        return None
    equal = {name: _on(name, terms, ("=",)) for name in field.template.fields}
    if not all(equal.values()):
        return None
    values = {name: those[0].value for name, those in equal.items()}
    text = record.filled(field.name, SimpleNamespace(**values))
    if text is None:
        return None
    # The key says all of it, for a template is read back as it was written.
    return text, [those[0] for those in equal.values()]


def _meets(text: str, term: Term, field: FieldSpec, record: Record[Any]) -> bool:
    return _range_of(field, str(term.operator), term.condition.values, record).holds(json.loads(text))


def _range_of(field: FieldSpec, operator: str, values: Sequence[object], record: Record[Any]) -> Range:
    bounds = (
        [_prefix_text(values[0])]
        if operator == "begins_with"
        else [encoded_key(field, value, record) for value in values]
    )
    return Range(attribute=field.attribute, operator=operator, bounds=tuple(bounds))


def _prefix_text(prefix: object) -> str:
    if isinstance(prefix, bytes):
        return json.dumps({"B": b64encode(prefix).decode()})
    return json.dumps({"S": prefix if isinstance(prefix, str) else ""})


def _prefix_bytes(prefix: object) -> bytes:
    return prefix.encode() if isinstance(prefix, str) else prefix if isinstance(prefix, bytes) else b""


def encoded_key(field: FieldSpec, value: object, record: Record[Any]) -> str:
    """Return the tagged text of a key's value.

    Raises:
        InvalidKey: Nothing is stored for it.
        InvalidValue: It does not fit the field.
    """
    text = record.encode_field(field.name, value)
    if text is None:
        raise InvalidKey(
            f"{record.spec.name}.{field.name} is compared with {quoted(value)}, which no key can be",
            fix="compare it with a value that is stored",
        )
    return text


_Ranged = tuple[Condition[Any], str, list[Term], Ends | None]


def _range(
    field: FieldSpec, terms: Sequence[Term], record: Record[Any], *, scoped: bool
) -> _Ranged | str | None:
    """Return the one range that the terms demand of a sort key, or why one range can't say it."""
    those = _on(field.name, terms, RANGES)
    if not those:
        return (
            None
            if field.template is None or not scoped
            else _template_prefix(field, field.template, terms, record)
        )
    prefixes = [term for term in those if term.operator == "begins_with"]
    if prefixes and len(prefixes) < len(those):
        return f"a key condition can't say begins_with and another comparison of {field.name} at once"
    if prefixes:
        return _longest_prefix(prefixes)
    if len(those) == 1 and those[0].operator != "between":
        return those[0].condition, str(those[0].operator), those, None
    return _between(field, those, record)


def _longest_prefix(terms: list[Term]) -> _Ranged:
    longest = max(terms, key=lambda term: len(_prefix_bytes(term.value)))
    for term in terms:
        if not _prefix_bytes(longest.value).startswith(_prefix_bytes(term.value)):
            _contradict(longest, term)
    return longest.condition, "begins_with", terms, None


class _Bound(msgspec.Struct, frozen=True):
    """One end of a range: the value, what it is ordered by, whether it belongs to the range."""

    term: Term
    value: object
    rank: Any
    text: str
    included: bool


def _between(field: FieldSpec, terms: list[Term], record: Record[Any]) -> _Ranged:
    """Return several bounds as one range; contradictions are refused."""
    lows: list[_Bound] = []
    highs: list[_Bound] = []
    for term in terms:
        values = term.condition.values
        if term.operator in (">", ">=", "between"):
            lows.append(_bound(field, term, values[0], record))
        if term.operator in ("<", "<=", "between"):
            highs.append(_bound(field, term, values[-1], record))
    low = max(lows, key=lambda bound: (bound.rank, not bound.included)) if lows else None
    high = min(highs, key=lambda bound: (bound.rank, bound.included)) if highs else None
    place = _place(record, field)
    if low is None or high is None:
        bound = low or high
        assert bound is not None  # noqa: S101 - every term is a bound
        sign = f"{'<' if low is None else '>'}{'=' if bound.included else ''}"
        return Condition(("compare", sign, place, None, Role.VALUE), (bound.value,)), sign, terms, None
    if low.rank > high.rank or (low.rank == high.rank and not (low.included and high.included)):
        _contradict(low.term, high.term)
    excluded = Ends(
        attribute=field.attribute,
        low=None if low.included else low.text,
        high=None if high.included else high.text,
    )
    ends = None if low.included and high.included else excluded
    return Condition(("between", place), (low.value, high.value)), "between", terms, ends


def _bound(field: FieldSpec, term: Term, value: object, record: Record[Any]) -> _Bound:
    text = encoded_key(field, value, record)
    return _Bound(term, value, ordered(text), text, included=term.operator in ("<=", ">=", "between"))


def _template_prefix(
    field: FieldSpec, template: Template, terms: Sequence[Term], record: Record[Any]
) -> _Ranged | None:
    """Return the range of the keys that begin as the template does with what is known of its fields.

    Also where nothing is known: what stands before the first field tells the model's items from
    those of others in the same partition.
    """
    prefix = template.pieces[0]
    used: list[Term] = []
    for name, literal in template.parts:
        equal = _on(name, terms, ("=",))
        if equal:
            text = record.template_text(name, equal[0].value)
            if not literal or f"{text}{literal}".find(literal) != len(text):
                break  # where it ends in the key, nothing says
            prefix += text + literal
            used.append(equal[0])
            continue
        starts = _on(name, terms, ("begins_with",))
        start = starts[0].value if len(starts) == 1 and record.is_text(name) else None
        if isinstance(start, str) and not _may_hold(start, literal):
            prefix += start
            used.append(starts[0])
        break
    if not prefix:
        return None
    form = ("function", "begins_with", _place(record, field), Role.PREFIX)
    return Condition(form, (prefix,)), "begins_with", used, None


def _may_hold(start: str, literal: str) -> bool:
    """Tell whether a literal, or the beginning of one, is in the beginning of a field's text.

    There the key may go on with the literal, and so with the next field.
    """
    return bool(literal) and (
        literal in start or any(start.endswith(literal[:length]) for length in range(1, len(literal)))
    )


def _filters(access: Access, left: Sequence[Term]) -> tuple[Term, ...] | str:
    """Return the terms that a filter can say, or why it can't: it may name no key of the access."""
    names = {field.name for field in access.keys}
    attributes = {field.attribute for field in access.keys}
    kept: list[Term] = []
    for term in left:
        if term.operator == "exists" and term.field in names:
            continue  # an item without its key is not in it
        named = sorted(term.mentioned & names) or sorted(term.attributes & attributes)
        if named:
            return f"{KEY_UNSAID} {named[0]}, and no filter may"
        kept.append(term)
    return tuple(kept)


def _contradict(first: Term, second: Term) -> NoReturn:
    one, other = readable(first.condition), readable(second.condition)
    what = f"no item can meet {one} and {other}" if first is not second else f"no item can meet {one}"
    raise InvalidExpression(
        what,
        why="a key has one value",
        fix="take one of them out; between(low, high) needs low <= high",
        code="plan.contradiction",
    )
