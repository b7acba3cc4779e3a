"""The operations of the service's API that the library tells apart, and how long an answer may be."""

MEGABYTE = 1024 * 1024

DATA_OPERATIONS = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    }
)

# An item's bytes can swell about seven times in JSON: 16 MB of NULLs is 112 MB.
_CAPS = {"BatchGetItem": 160 * MEGABYTE}
_DEFAULT_CAP = 32 * MEGABYTE


def response_cap(operation: str) -> int:
    """Return the most bytes that an honest answer to `operation` can have."""
    return _CAPS.get(operation, _DEFAULT_CAP)
