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

# The most bytes that an honest answer can have: 4 MB of items, and of a batch 16 MB. An item's bytes
# can swell about seven times in JSON: 16 MB of NULLs is 112 MB.
ANSWER_CAP = 32 * MEGABYTE
BATCH_ANSWER_CAP = 160 * MEGABYTE
