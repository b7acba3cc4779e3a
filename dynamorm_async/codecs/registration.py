"""The codecs of one converter, and the converter that everyone shares.

The shared one is the second of the two pieces of module state of the library: `register` changes
what a type means for every client that was not given a converter of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from cattrs import Converter

from dynamorm_async.codecs.build import Types
from dynamorm_async.codecs.records import Record
from dynamorm_async.errors import InvalidModel
from dynamorm_async.model import ModelSpec, spec_of

M = TypeVar("M")
T = TypeVar("T")
Plain = TypeVar("Plain")

_RECORDS = "__dynamorm_records__"


class Codecs:
    """The records of the models under one converter, each generated on first use."""

    def __init__(self, converter: Converter) -> None:
        self.converter = converter
        self._types: dict[bool, Types] = {}
        self._generation = object()

    def record(self, cls: type[M]) -> Record[M]:
        """Return the codec of a model.

        Raises:
            InvalidModel: The class is no model, or a field's type cannot be stored.
        """
        spec = spec_of(cls)
        # Kept on the class, so that a record goes with its class and with these codecs.
        records: WeakKeyDictionary[Codecs, tuple[object, Record[M]]] | None = cls.__dict__.get(_RECORDS)
        if records is None:
            records = WeakKeyDictionary()
            setattr(cls, _RECORDS, records)
        generation, known = records.get(self, (None, None))
        if known is None or generation is not self._generation:
            known = self._made(spec)
            records[self] = (self._generation, known)
        return known

    def _made(self, spec: ModelSpec) -> Record[Any]:
        strict = spec.unknown != "drop"
        types = self._types.get(strict)
        if types is None:
            types = self._types[strict] = Types(self.converter, strict=strict)
        try:
            return Record(spec, types)
        except InvalidModel:
            # The codecs of classes that hold each other may be half made.
            del self._types[strict]
            raise

    def forget(self) -> None:
        """Make every codec anew on next use: the converter's hooks have changed."""
        self._types.clear()
        self._generation = object()


_DEFAULT = Codecs(Converter())


def default_codecs() -> Codecs:
    """Return the codecs of the shared converter."""
    return _DEFAULT


def register(tp: type[T], encode: Callable[[T], Plain], decode: Callable[[Plain], T]) -> None:
    """Say how a type is stored, for every client without a converter of its own.

    It holds in items, keys, conditions and updates. Table handles made before keep the old way.

    Args:
        tp: The type.
        encode: Gives a str, number, bytes, list or dict for a value. Annotate its return type
            (`-> str`) if the type is to be a key or an element of a set.
        decode: Gives the value back.
    """

    def structure(value: Any, _: Any) -> T:
        return decode(value)

    _DEFAULT.converter.register_unstructure_hook(tp, encode)
    _DEFAULT.converter.register_structure_hook(tp, structure)
    _DEFAULT.forget()
