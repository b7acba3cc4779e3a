"""Batches of reads: of one model, and of several models and tables at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from dynamorm_async.codecs import BatchCodec, Unreadable, read_answer
from dynamorm_async.errors import InvalidKey, InvalidRequest, InvalidValue, quoted
from dynamorm_async.expressions import Place, Request, bind_names
from dynamorm_async.model import ENTITY_ATTRIBUTE, Stored, spec_of
from dynamorm_async.plan.batch import BatchPlan, Homes, Numbering, at, listed, names_of
from dynamorm_async.plan.keys import Key, KeyParts, key_parts
from dynamorm_async.plan.plan import Estimate
from dynamorm_async.plan.selecting import Chosen, chosen_of, reader_of
from dynamorm_async.plan.target import Target, WithoutField
from dynamorm_async.wire import LIMITS, read_units

M = TypeVar("M")
T = TypeVar("T")

_Parts = tuple[list[str], list[Mapping[str, object]]]
"""The text of each key, and its values by argument name."""


def batch_get(
    target: Target[M], keys: object, *, consistent: bool, select: object = None, first: int = 0
) -> BatchPlan[list[Any]]:
    """Return the plan of reading many items of one model; equal keys are asked for once.

    Args:
        target: The model's.
        keys: In any form.
        consistent: Whether what was written last is read.
        select: A view, or fields; None for whole instances.
        first: The place of the first key among all that there are, for the texts of errors.

    Raises:
        InvalidKey: One of the keys is none of the model's; the text says which.
        InvalidModel, InvalidRequest: What is selected is no view, or no field, of the model.
    """
    choice = None if select is None else chosen_of(target, select)
    batches = _codec(target, choice)
    entries = listed(keys, "keys")
    parts, names = _plain_parts(target, entries) or _any_parts(target, entries, first)
    numbering = Numbering(names)
    numbers = numbering.numbers

    def read(body: bytes, results: list[Any]) -> tuple[Sequence[int], Sequence[Unreadable]]:
        return batches.fill(body, numbers, results)

    return _plan(
        entries,
        parts,
        numbering,
        read=read,
        tables=target.tables,
        frames=(_frame([(target, choice)], consistent=consistent),),
        consistent=consistent,
    )


def name_of_key(target: Target[Any], key: object) -> Hashable:
    """Return what a key is known by: equal for keys of equal value.

    Raises:
        InvalidKey: It is none of the model's.
    """
    return names_of(target, [key_parts(target.record, key).text])[0]


def batch_get_of_several(
    keys: Iterable[tuple[Target[Any], object]],
    *,
    consistent: bool,
    select: Mapping[type[Any], object] | None = None,
    first: int = 0,
) -> BatchPlan[list[Any]]:
    """Return the plan of reading items of several models; equal keys are asked for once.

    Args:
        keys: Each key with its target.
        consistent: As in `batch_get`.
        select: A view, or fields, by model.
        first: As in `batch_get`.

    Raises:
        InvalidKey: A key is none of its model's, or two models mean the same item.
        InvalidModel, InvalidRequest: As in `batch_get`.
    """
    asked = list(keys)
    select = _by_model(select)
    homes = Homes()
    each_parts = [_parts(target, key, place) for place, (target, key) in enumerate(asked, first)]
    parts = ([each.text for each in each_parts], [each.values for each in each_parts])
    home_of = [homes.add(target) for target, _ in asked]
    numbering = Numbering(
        [
            (home, names_of(target, [text])[0])
            for home, (target, _), text in zip(home_of, asked, parts[0], strict=True)
        ]
    )
    numbers = numbering.numbers
    targets = [asked[place][0] for place in numbering.firsts]
    choices = {id(target): _choice(target, select) for target, _ in asked}
    codecs = [_codec(target, choices[id(target)]) for target in targets]
    by_home: dict[int, list[tuple[Target[Any], Chosen | None]]] = {}
    for home, target in {
        (home, id(target)): (home, target) for home, (target, _) in zip(home_of, asked, strict=True)
    }.values():
        by_home.setdefault(home, []).append((target, choices[id(target)]))
    for place, number in enumerate(numbering.of):
        _check_same(targets[number], asked[place][0], asked[place][1])

    def read(body: bytes, results: list[Any]) -> tuple[Sequence[int], Sequence[Unreadable]]:
        items, left = read_answer(body)
        unreadable: list[Unreadable] = []
        for table, raws in items.items():
            for raw in raws:
                number = homes.number_in(table, raw, numbers)
                try:
                    results[number] = codecs[number].instance_of(raw)
                except InvalidValue as error:
                    unreadable.append((number, error))
        again = [homes.number_in(table, raw, numbers) for table, raws in left.items() for raw in raws]
        return again, unreadable

    return _plan(
        [key for _, key in asked],
        parts,
        numbering,
        read=read,
        tables=homes.tables,
        homes=[home_of[place] for place in numbering.firsts],
        frames=[_frame(part, consistent=consistent) for part in by_home.values()],
        consistent=consistent,
    )


def _plan(
    entries: Sequence[Any],
    parts: _Parts,
    numbering: Numbering,
    *,
    consistent: bool,
    **more: Any,
) -> BatchPlan[Any]:
    number_of, firsts = numbering.of, numbering.firsts

    def result(results: list[Any], done: Sequence[int]) -> list[Any]:
        del done  # what is not there and what was not read are None
        return [results[number] for number in number_of]

    return BatchPlan(
        operation="BatchGetItem",
        entries=entries,
        number_of=number_of,
        texts=_of(parts[0], firsts),
        keys=_of(parts[1], firsts),
        most=LIMITS.batch_keys,
        result=result,
        price=Estimate(read_units=read_units(1, consistent=consistent)),
        **more,
    )


def _by_model(select: object) -> Mapping[type[Any], object]:
    if isinstance(select, Mapping):
        by_model = cast("Mapping[type[Any], object]", select)
        for model in by_model:
            spec_of(model)
        return by_model
    if select is None:
        return {}
    raise InvalidRequest(
        f"select={quoted(select)}",
        why="several models are read",
        fix="say of which model: select={Model: View}",
        code="plan.batch-select",
    )


def _choice(target: Target[Any], select: Mapping[type[Any], object]) -> Chosen | None:
    model = target.spec.cls
    return chosen_of(target, select[model]) if model in select else None


def _codec(target: Target[Any], choice: Chosen | None) -> BatchCodec[Any]:
    if choice is None:
        return target.record.batches
    return target.remembered(("batch", choice), lambda: BatchCodec(target.record, reader_of(target, choice)))


def _frame(parts: Sequence[tuple[Target[Any], Chosen | None]], *, consistent: bool) -> tuple[str, str]:
    """Return what stands around the keys of one table.

    Args:
        parts: The models of which keys are in it, each with what is selected.
        consistent: As in `batch_get`.
    """
    consistency = ',"ConsistentRead":true' if consistent else ""
    return '{"Keys":[', f"]{_projection(parts)}{consistency}}}"


def _projection(parts: Sequence[tuple[Target[Any], Chosen | None]]) -> str:
    """Return the members that leave out what no model of a table asks for; none where one wants all."""
    attributes: set[str] = set()
    for target, choice in parts:
        if choice is None:
            return ""
        fields, spec = reader_of(target, choice).fields, target.spec
        # An item is found by its key, and is of the entity that it names.
        attributes |= {spec.fields[name].attribute for name in fields}
        attributes |= {field.attribute for field in spec.key_fields}
        attributes |= {ENTITY_ATTRIBUTE} if spec.entity is not None else set[str]()
    places = tuple(Place(WithoutField, (attribute,)) for attribute in sorted(attributes))
    return bind_names(parts[0][0].compiled(Request(projection=places)), ())


def _of(values: list[T], places: Sequence[int]) -> list[T]:
    return values if len(places) == len(values) else [values[place] for place in places]


def _plain_parts(target: Target[Any], entries: Sequence[Any]) -> tuple[_Parts, Sequence[Hashable]] | None:
    """Return what `_any_parts` does in a quarter of the time, where all keys are of plain texts."""
    arguments = target.spec.key_arguments
    keys = _as_tuples(entries, len(arguments))
    texts = None if keys is None else target.record.batches.plain_texts(keys)
    if keys is None or texts is None:
        return None
    if len(arguments) == 1:
        (one,) = arguments
        return (texts, [{one: key[0]} for key in keys]), [key[0] for key in keys]
    one, other = arguments
    return (texts, [{one: key[0], other: key[1]} for key in keys]), cast("Sequence[Hashable]", keys)


def _as_tuples(entries: Sequence[Any], length: int) -> Sequence[Sequence[Any]] | None:
    types = set(map(type, entries))
    if types == {tuple} and set(map(len, entries)) == {length}:
        return entries
    if length == 1 and not any(issubclass(tp, (tuple, Key, Stored)) for tp in types):
        return [(key,) for key in entries]
    return None


def _any_parts(target: Target[Any], entries: Sequence[Any], first: int) -> tuple[_Parts, Sequence[Hashable]]:
    """Return the parts of each key, and what it is known by."""
    parts = [_parts(target, key, place) for place, key in enumerate(entries, first)]
    texts = [each.text for each in parts]
    return (texts, [each.values for each in parts]), names_of(target, texts)


def _parts(target: Target[Any], key: object, place: int) -> KeyParts:
    try:
        return key_parts(target.record, key)
    except InvalidRequest as error:
        raise at(place, "keys", error) from error.__cause__


def _check_same(first: Target[Any], second: Target[Any], key: object) -> None:
    if first is not second:
        raise InvalidKey(
            f"{quoted(key)} is the key of a {first.spec.name}, too",
            why="an item is asked for once in a batch, and read as one model",
            fix="ask for it in another batch",
            code="plan.batch-two-models",
        )
