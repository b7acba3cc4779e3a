"""What an instance knows beside its fields: what was never set, and what the store holds besides."""

from __future__ import annotations

from typing import Any, Final, cast, final

import attrs


@final
class Unset:
    """The type of `UNSET`: a field of the library's that was neither read from the table nor written.

    It is false, prints as `<unset>`, equals only itself and stays itself when copied or pickled.
    """

    __slots__ = ()
    _only: Unset | None = None

    def __new__(cls) -> Unset:  # noqa: D102 - the class tells
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "<unset>"

    def __reduce__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final[Any] = Unset()


@attrs.frozen
class Kept:
    """What was read with an item and has no field.

    Attributes:
        unknown: Attribute name to its tagged value as JSON text, for models that keep them.
        texts: Field name to the stored text, of created and of times that are keys, where it is not
            the text that the datetime would be written as.
    """

    unknown: dict[str, str] = attrs.field(factory=dict[str, str])
    texts: dict[str, str] = attrs.field(factory=dict[str, str])


KEPT = "_dynamorm_kept"


class Stored:
    """Base of every model: one slot for what was read with the item and has no field.

    The slot is empty on most instances, so that decoding does not pay for it.
    """

    __slots__ = (KEPT,)

    def __getstate__(self) -> dict[str, Any]:
        names = [field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))]
        state = {name: getattr(self, name) for name in names if hasattr(self, name)}
        kept = getattr(self, KEPT, None)
        if kept is not None:
            state[KEPT] = kept
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
