"""The service's limits, in one object, so that an engine with other numbers can replace them.

Source: DynamoDB developer guide, "Quotas" and "Constraints"; sizes are bytes of UTF-8.
"""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request may hold. Sizes in bytes, the rest are counts."""

    item_bytes: int = 409_600
    partition_key_bytes: int = 2048
    sort_key_bytes: int = 1024
    number_digits: int = 38
    number_exponent_max: int = 125
    number_exponent_min: int = -130
    nesting: int = 31
    attribute_name_bytes: int = 65_535
    key_name_bytes: int = 255
    table_name_min: int = 3
    table_name_max: int = 255
    table_arn_max: int = 1024
    expression_bytes: int = 4096
    expression_operators: int = 300
    in_operands: int = 100
    local_indexes: int = 5
    global_indexes: int = 20
    index_key_attributes: int = 4
    projected_attributes: int = 100
    batch_keys: int = 100
    batch_writes: int = 25
    batch_bytes: int = 16 * 1024 * 1024


LIMITS = Limits()
