"""What a declaration may not say: each rule names class and field and what to do instead.

Takes a `ModelSpec`; raises `InvalidModel`. Only the types of the library's own fields are looked
at; whether a value type can be stored is asked when the table handle is made.

Source of the numbers: DynamoDB developer guide, "Quotas" and "Naming rules".
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast, get_origin

import attrs

from dynamorm_async.errors import InvalidModel, quoted
from dynamorm_async.expressions import Condition, places_in, unevaluable
from dynamorm_async.model.spec import FieldSpec, IndexSpec, ModelSpec, Role
from dynamorm_async.model.types import evaluated, members_of
from dynamorm_async.wire import LIMITS

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_ARN = re.compile(r"arn:aws[a-z0-9-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]+")

ENTITY_ATTRIBUTE = "_entity"


def check_table_name(name: str, *, owner: str) -> None:
    """Refuse what is neither a table name nor a table's ARN."""
    is_name = _NAME.fullmatch(name) and LIMITS.table_name_min <= len(name) <= LIMITS.table_name_max
    is_arn = _ARN.fullmatch(name) and len(name) <= LIMITS.table_arn_max
    if not (is_name or is_arn):
        raise InvalidModel(
            f"{owner}: {quoted(name)} is no table name",
            why="a name has 3 to 255 letters, digits, '_', '-' or '.'",
            fix="give table= such a name, or the table's ARN",
            code="model.table-name",
        )


def check_fields(spec: ModelSpec) -> None:
    """Refuse roles, names, options and templates that contradict each other."""
    _check_roles(spec)
    _check_names(spec)
    for field in spec.fields.values():
        where = f"{spec.name}.{field.name}"
        if field.template is not None:
            _check_template(spec, field, where)
        if field.omit_empty and not (field.has_default and is_empty(field.make_default())):
            raise InvalidModel(
                f"{where}: omit_empty without an empty default",
                why="an empty value is left out, and read back as the default",
                fix="give it an empty default, or take omit_empty away",
                code="model.omit-empty-default",
            )
        _check_type(spec, field, where)
        if field.unique:
            _check_unique(spec, field, where)


def check_indexes(spec: ModelSpec) -> None:
    """Refuse indexes that the service would refuse, with its numbers."""
    for index in spec.indexes.values():
        where = f"{spec.name}, index {index.name!r}"
        if not (
            _NAME.fullmatch(index.name) and LIMITS.table_name_min <= len(index.name) <= LIMITS.table_name_max
        ):
            raise InvalidModel(
                f"{where}: no index name",
                why="a name has 3 to 255 letters, digits, '_', '-' or '.'",
                code="model.index-name",
            )
        keys = (*index.partition_key, *index.sort_key)
        include = index.projection if isinstance(index.projection, tuple) else ()
        # Only what is projected of it tells the entities apart in an index, and no field has its name.
        told = {ENTITY_ATTRIBUTE} if spec.entity is not None else set[str]()
        for name in (*keys, *sorted({*include} - told)):
            if name not in spec.fields:
                raise InvalidModel(
                    f"{where}: {spec.name} has no field {name!r}",
                    fix=f"use one of {', '.join(spec.fields)}",
                    code="model.index-field",
                )
        if len(set(keys)) != len(keys):
            raise InvalidModel(f"{where}: a field stands twice in its key", code="model.index-key")
        for part in (index.partition_key, index.sort_key):
            if len(part) > LIMITS.index_key_attributes:
                raise InvalidModel(
                    f"{where}: {len(part)} fields in one key",
                    why=f"the service takes at most {LIMITS.index_key_attributes}",
                    code="model.index-key",
                )
        if not index.partition_key:
            raise InvalidModel(f"{where}: no partition key", code="model.index-key")
        if index.kind == "local" and spec.sort_key is None:
            raise InvalidModel(
                f"{where}: a local index needs a table with a sort key",
                fix="declare a sort_key(), or use a GlobalIndex",
                code="model.local-index",
            )
    check_index_sums(spec.name, [(each.kind, _included(each)) for each in spec.indexes.values()])


def check_index_sums(owner: str, indexes: Sequence[tuple[str, int]]) -> None:
    """Refuse more indexes, or more attributes that they name, than the service takes for one table.

    Args:
        owner: The model, or the models that share the table.
        indexes: For each, "global" or "local" and how many attributes it projects by name.
    """
    for kind, most in (("global", LIMITS.global_indexes), ("local", LIMITS.local_indexes)):
        count = sum(each == kind for each, _ in indexes)
        if count > most:
            raise InvalidModel(
                f"{owner} has {count} {kind} indexes",
                why=f"the service takes {most}",
                code="model.index-count",
            )
    projected = sum(included for _, included in indexes)
    if projected > LIMITS.projected_attributes:
        raise InvalidModel(
            f"{owner} has indexes that project {projected} fields by name",
            why=f"the service takes {LIMITS.projected_attributes} over all indexes",
            fix='use projection="ALL" for one of them',
            code="model.projected-fields",
        )


def _included(index: IndexSpec) -> int:
    return len(index.projection) if isinstance(index.projection, tuple) else 0


def _check_roles(spec: ModelSpec) -> None:
    for role in Role:
        holders = [field.name for field in spec.fields.values() if field.role is role]
        if role is not Role.PLAIN and len(holders) > 1:
            raise InvalidModel(
                f"{spec.name}: {' and '.join(holders)} are both declared {role.value}()",
                fix="keep one of them",
                code="model.duplicate-role",
            )
        if role is Role.PARTITION_KEY and not holders:
            raise InvalidModel(
                f"{spec.name} has no partition key",
                fix="declare one field as partition_key(): id: Attr[str] = partition_key()",
                code="model.no-partition-key",
            )


def _check_names(spec: ModelSpec) -> None:
    seen: dict[str, str] = {ENTITY_ATTRIBUTE: "the entity attribute"} if spec.entity is not None else {}
    for field in spec.fields.values():
        size = len(field.attribute.encode("utf-8", "surrogatepass"))
        is_short = field.is_key or field.in_index or field.role is Role.TTL
        most = LIMITS.key_name_bytes if is_short else LIMITS.attribute_name_bytes
        if not 1 <= size <= most or not _encodes(field.attribute):
            raise InvalidModel(
                f"{spec.name}.{field.name}: {quoted(field.attribute)} is no attribute name",
                why=f"a name has 1 to {most} bytes of UTF-8",
                code="model.attribute-name",
            )
        if field.attribute in seen:
            raise InvalidModel(
                f"{spec.name}: {seen[field.attribute]} and {field.name} share {field.attribute!r}",
                why="two fields cannot be stored in one attribute",
                fix="give one of them another name=",
                code="model.duplicate-attribute",
            )
        seen[field.attribute] = field.name


def _check_template(spec: ModelSpec, field: FieldSpec, where: str) -> None:
    if field.template is None:
        return
    for name in field.template.fields:
        other = spec.fields.get(name)
        if other is None or other.template is not None:
            raise InvalidModel(
                f"{where}: its template names {quoted(name)}",
                why="a template is made of fields of the model that are no templates themselves",
                fix=f"use names out of {', '.join(n for n, f in spec.fields.items() if f.template is None)}",
                code="model.template-field",
            )
        if not other.in_init:
            raise InvalidModel(
                f"{where}: its template names {name}, which the library fills", code="model.template-field"
            )
    literals = re.split(r"\{[^{}]*\}", field.template.text)
    if any("{" in literal or "}" in literal for literal in literals):
        raise InvalidModel(
            f"{where}: a brace is not closed in {quoted(field.template.text)}", code="model.template"
        )
    if "" in literals[1:-1]:
        raise InvalidModel(
            f"{where}: two fields touch in {quoted(field.template.text)}",
            why="nobody could tell where one ends, so different items would share a key",
            fix="put a text between them: {first}#{second}",
            code="model.template",
        )
    if field.role is Role.PARTITION_KEY and not field.template.fields:
        raise InvalidModel(f"{where}: a partition key template names no field", code="model.template")


def condition_of(cls: type[Any], field: FieldSpec, fields: Mapping[str, FieldSpec]) -> Condition[Any]:
    """Return the condition of a field that is declared with `when=`, or refuse it."""
    where = f"{cls.__name__}.{field.name}"
    found = field.when(cls) if field.when is not None else None
    if not isinstance(found, Condition):
        raise InvalidModel(
            f"{where}: when= gives {quoted(cast('object', found))}, which is no condition",
            fix='give a function of the model: when=lambda order: order.state == "open"',
            code="model.when",
        )
    condition = cast("Condition[Any]", found)
    what = unevaluable(condition.form)
    if what is not None:
        raise InvalidModel(
            f"{where}: when= has {what} in it",
            why="whether it holds must be known before an item is written",
            fix="compare whole fields with given values",
            code="model.when",
        )
    for place in places_in(condition.form):
        other = fields[str(place.steps[0])]
        if not other.in_init:
            raise InvalidModel(
                f"{where}: when= reads {other.name}, which the library fills", code="model.when-field"
            )
    return condition


_TYPES: dict[Role, tuple[type, ...]] = {
    Role.VERSION: (int,),
    Role.CREATED: (datetime,),
    Role.UPDATED: (datetime,),
    Role.TTL: (datetime, int),
}


def _check_type(spec: ModelSpec, field: FieldSpec, where: str) -> None:
    wanted = (str,) if field.template is not None else _TYPES.get(field.role)
    if wanted is None:
        return
    try:
        tp = evaluated(spec, field)
    except InvalidModel:  # a name that is not there yet; asked again when the table handle is made
        return
    members, has_none = members_of(tp)
    # One type: nothing stored would tell a datetime from a number of seconds.
    if len(members) != 1 or members[0] not in wanted or (has_none and field.role is not Role.TTL):
        names = " or ".join(cls.__name__ for cls in wanted)
        what = "template's" if field.template is not None else field.role.value
        raise InvalidModel(
            f"{where}: a {what} field is {names}, not {getattr(tp, '__name__', tp)}",
            fix=f"annotate it Attr[{wanted[0].__name__}]",
            code="model.role-type",
        )


def _check_unique(spec: ModelSpec, field: FieldSpec, where: str) -> None:
    fix = "take unique= away"
    if spec.ttl is not None:
        why = f"the service deletes expired items by {spec.ttl.name} and would not free their values"
        fix = "take ttl() away and delete such items by a verb"
    elif spec.key_arguments == (field.name,):
        why = "the key is made of it alone, so that it is unique already"
    elif _is_shared_default(field):
        why = "a second item with its default would be refused"
        fix = "use default=None, omit_empty=True, or a factory that gives different values"
    elif _holds_no_scalar(spec, field):
        why = "only texts, numbers and binary values are compared as a whole"
    else:
        return
    raise InvalidModel(f"{where} cannot be unique", why=why, fix=fix, code="model.unique")


def _is_shared_default(field: FieldSpec) -> bool:
    if not field.has_default or field.omit_empty:
        return False
    first, second = field.make_default(), field.make_default()
    return first is not None and first == second


def _holds_no_scalar(spec: ModelSpec, field: FieldSpec) -> bool:
    try:
        members, _ = members_of(evaluated(spec, field))
    except InvalidModel:  # a name that is not there yet; asked again when the table handle is made
        return False
    kinds = {get_origin(member) or member for member in members}
    return not kinds.isdisjoint((bool, list, tuple, set, frozenset, dict))


def is_empty(value: Any) -> bool:
    """Tell whether a value counts as empty for `omit_empty`.

    None, "", 0, False, an empty collection, a structure whose fields are all empty, and the zero
    time of Go (year 1), as the services that share the table see it.
    """
    if value is None or (hasattr(value, "__len__") and not len(value)):
        return True
    cls = cast("type[Any]", type(value))
    if attrs.has(cls):
        return all(is_empty(getattr(value, field.name)) for field in attrs.fields(cls))
    if dataclasses.is_dataclass(cls):
        return all(is_empty(getattr(value, field.name)) for field in dataclasses.fields(cls))
    if isinstance(value, (int, float, Decimal)):
        return not value
    return isinstance(value, datetime) and value.replace(tzinfo=UTC) == datetime.min.replace(tzinfo=UTC)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
