"""Static credentials, given by hand; their secrets show in no repr."""

from typing import Any

import attrs

from dynamorm_async.errors import InvalidRequest


def _printable(_: object, attribute: "attrs.Attribute[Any]", value: str | None) -> None:
    if value is None:
        return
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise InvalidRequest(
            f"Credentials({attribute.name}=…): empty, or with characters that no key has",
            fix="give the key as it was issued, without white space or line breaks",
            code="transport.credentials",
        )


@attrs.frozen
class Credentials:
    """A key to sign with, for `connect(credentials=…)`. Never refreshed.

    Attributes:
        access_key: The access key id.
        secret_key: The secret access key.
        session_token: The token of temporary credentials, or None.
    """

    access_key: str = attrs.field(validator=_printable)
    secret_key: str = attrs.field(repr=False, validator=_printable)
    session_token: str | None = attrs.field(default=None, repr=False, validator=_printable)
