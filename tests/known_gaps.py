"""What an engine is known to do otherwise than DynamoDB: each a strict xfail, with its source.

An engine that is mended turns the build red, and its line goes.
"""

from fnmatch import fnmatchcase

import attrs


@attrs.frozen(kw_only=True)
class Gap:
    """One difference of one engine.

    Attributes:
        test: The test's id with no brackets, `tests/client/test_batches.py::test_two_*`; or the whole id of
            one case, brackets and all, `tests/…::test_numbers[memory-39 digits]`.
        engine: The engine's name.
        why: What it does, and what the service does instead.
        source: Where that is written or how it was seen: a URL, or a version and a date.
    """

    test: str
    engine: str
    why: str
    source: str

    def covers(self, test_id: str, engine: str) -> bool:
        """Whether the test of this id on this engine is expected to fail."""
        if engine != self.engine:
            return False
        if "[" in self.test:
            return test_id == self.test
        return fnmatchcase(test_id.partition("[")[0], self.test)


KNOWN_GAPS: tuple[Gap, ...] = (
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[memory-insights]",
        engine="memory",
        why="UpdateContributorInsights is no operation of it",
        source="moto 5.2.5, seen 2026-11; API reference",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynamodb-local-insights]",
        engine="dynamodb-local",
        why="UpdateContributorInsights is no operation of it",
        source="DynamoDB Local 2.6.1, seen 2026-11; API reference",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynoxide-insights]",
        engine="dynoxide",
        why="UpdateContributorInsights is no operation of it",
        source="dynoxide, seen 2026-11; API reference",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynamodb-local-a resource policy]",
        engine="dynamodb-local",
        why="PutResourcePolicy is no operation of it",
        source="DynamoDB Local 2.6.1, seen 2026-11; API reference",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynoxide-a resource policy]",
        engine="dynoxide",
        why="PutResourcePolicy is no operation of it",
        source="dynoxide, seen 2026-11; API reference",
    ),
    Gap(
        test="tests/admin/test_backups.py::*",
        engine="dynamodb-local",
        why="backups and point-in-time recovery are no operations of it",
        source="DynamoDB Local 2.6.1, seen 2026-11; API reference, CreateBackup, UpdateContinuousBackups",
    ),
    Gap(
        test="tests/admin/test_backups.py::*",
        engine="dynoxide",
        why="backups and point-in-time recovery are no operations of it",
        source="dynoxide, seen 2026-11; API reference, CreateBackup, UpdateContinuousBackups",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[memory-a maximum]",
        engine="memory",
        why="UpdateTable leaves out OnDemandThroughput; DynamoDB bounds the table",
        source="moto 5.2.5, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[memory-a key of KMS]",
        engine="memory",
        why="UpdateTable leaves out SSESpecification; DynamoDB changes the key",
        source="moto 5.2.5, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[memory-a class]",
        engine="memory",
        why="UpdateTable leaves out TableClass; DynamoDB changes it",
        source="moto 5.2.5, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynamodb-local-warm throughput]",
        engine="dynamodb-local",
        why="UpdateTable knows no WarmThroughput (Nothing to update)",
        source="DynamoDB Local 2.6.1, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynamodb-local-a key of KMS]",
        engine="dynamodb-local",
        why="UpdateTable knows no SSESpecification (Nothing to update)",
        source="DynamoDB Local 2.6.1, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynamodb-local-a class]",
        engine="dynamodb-local",
        why="UpdateTable knows no TableClass (Nothing to update)",
        source="DynamoDB Local 2.6.1, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynamodb-local-tags]",
        engine="dynamodb-local",
        why="tagging is no operation of it",
        source="DynamoDB Local 2.6.1, seen 2026-11; API reference, TagResource",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynamodb-local-recovery]",
        engine="dynamodb-local",
        why="DescribeContinuousBackups is no operation of it",
        source="DynamoDB Local 2.6.1, seen 2026-11; API reference, DescribeContinuousBackups",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynoxide-provisioned]",
        engine="dynoxide",
        why="indexes of a provisioned table have no capacity; DynamoDB gives them what was asked for",
        source="dynoxide, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynoxide-an index's capacity]",
        engine="dynoxide",
        why="indexes of a provisioned table have no capacity; DynamoDB gives them what was asked for",
        source="dynoxide, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynoxide-warm throughput]",
        engine="dynoxide",
        why="UpdateTable knows no WarmThroughput",
        source="dynoxide, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynoxide-a key of KMS]",
        engine="dynoxide",
        why="UpdateTable knows no SSESpecification",
        source="dynoxide, seen 2026-11; API reference, UpdateTable",
    ),
    Gap(
        test="tests/admin/test_changed_tables.py::"
        "test_a_setting_is_changed_and_then_as_it_should_be[dynoxide-recovery]",
        engine="dynoxide",
        why="DescribeContinuousBackups is no operation of it",
        source="dynoxide, seen 2026-11; API reference, DescribeContinuousBackups",
    ),
    Gap(
        test="tests/client/test_batches.py::test_an_item_that_the_service_refuses_fails_alone",
        engine="memory",
        why="BatchWriteItem stores an item whose index key is of another type; DynamoDB refuses the call",
        source="moto 5.2.5, seen 2026-11; DynamoDB Local 2.6.1 and dynoxide refuse it",
    ),
    Gap(
        test="tests/client/test_conditions.py::"
        "test_a_filter_keeps_what_the_same_test_in_python_keeps[memory-begins_with bytes]",
        engine="memory",
        why="begins_with() never holds for binary values; in DynamoDB it takes strings and binary",
        source="moto 5.2.5, seen 2026-11; developer guide, 'Condition and filter expressions'",
    ),
    Gap(
        test="tests/client/test_updates.py::test_a_change_does_what_it_says[memory-from another attribute]",
        engine="memory",
        why="SET text = id is refused as a change of the key, which it only reads",
        source="moto 5.2.5, seen 2026-11; developer guide, 'Update expressions'",
    ),
    Gap(
        test="tests/client/test_updates.py::test_a_part_of_a_field_is_returned_as_a_plain_value",
        engine="dynamodb-local",
        why="UPDATED_NEW answers with the whole map; DynamoDB answers with the changed part of it",
        source="DynamoDB Local 2.6.1, seen 2026-11; developer guide, getting started, 'Update an item'",
    ),
    Gap(
        test="tests/client/test_updates.py::test_a_change_does_what_it_says[dynoxide-set past the end]",
        engine="dynoxide",
        why="SET of a list index past the end fills up with NULL; DynamoDB appends",
        source="dynoxide, seen 2026-11; developer guide, 'Update expressions', 'Adding elements to a list'",
    ),
    Gap(
        test="tests/client/test_lost_answers.py::test_an_idempotent_counter_is_counted_once*",
        engine="memory",
        why="a transaction sent again with its token is applied again; DynamoDB applies it once",
        source="moto 5.2.5, seen 2026-11; API reference, TransactWriteItems, 'Idempotency'",
    ),
    Gap(
        test="tests/client/test_lost_answers.py::test_an_idempotent_create_whose_answer_is_lost*",
        engine="memory",
        why="a transaction sent again with its token meets its own item; DynamoDB answers with success",
        source="moto 5.2.5, seen 2026-11; API reference, TransactWriteItems, 'Idempotency'",
    ),
    Gap(
        test="tests/client/test_queries.py::"
        "test_whole_items_are_fetched_where_a_local_index_holds_their_keys_alone",
        engine="memory",
        why="a local index is not completed from the table, as ALL_ATTRIBUTES asks for",
        source="moto 5.2.5, seen 2026-11; API reference, Query, 'Select'",
    ),
    Gap(
        test="tests/client/test_queries.py::test_a_view_is_fetched_where_a_local_index_holds_keys_alone",
        engine="memory",
        why="a local index is not completed from the table, as a projection asks for",
        source="moto 5.2.5, seen 2026-11; developer guide, 'Local secondary indexes', 'Fetching attributes'",
    ),
    Gap(
        test="tests/client/test_queries.py::test_a_view_is_fetched_where_a_local_index_holds_keys_alone",
        engine="dynoxide",
        why="a local index is not completed from the table, as a projection asks for",
        source="dynoxide, seen 2026-11; developer guide, 'Local secondary indexes', 'Fetching attributes'",
    ),
    Gap(
        test="tests/client/test_queries.py::test_a_key_of_several_attributes_is_queried_and_paged",
        engine="dynamodb-local",
        why="a table whose index has several attributes as one key can't be created",
        source="DynamoDB Local 2.6.1, seen 2026-11; botocore 1.43.117, CreateTableInput",
    ),
    Gap(
        test="tests/client/test_queries.py::test_a_key_of_several_attributes_is_queried_and_paged",
        engine="dynoxide",
        why="a key condition takes no third attribute",
        source="dynoxide, seen 2026-11; botocore 1.43.117, CreateTableInput",
    ),
    Gap(
        test="tests/client/test_statements.py::test_some_attributes_are_dicts_of_these",
        engine="memory",
        why='SELECT "count" gives an item without attributes; a quoted name is one that is reserved',
        source="moto 5.2.5 with py-partiql-parser, seen 2026-11; developer guide, 'PartiQL for DynamoDB'",
    ),
    Gap(
        test="tests/client/test_statements.py::test_pages_are_followed",
        engine="memory",
        why="Limit of ExecuteStatement is not kept, and everything comes at once",
        source="moto 5.2.5 with py-partiql-parser, seen 2026-11; developer guide, 'PartiQL for DynamoDB'",
    ),
    Gap(
        test="tests/client/test_statements.py::test_an_insert_stores_its_parameters",
        engine="memory",
        why="INSERT fails on question marks (InternalServerError); DynamoDB binds them",
        source="moto 5.2.5 with py-partiql-parser, seen 2026-11; developer guide, 'PartiQL for DynamoDB'",
    ),
    Gap(
        test="tests/client/test_statements.py::test_an_insert_over_an_item_is_a_failed_condition",
        engine="memory",
        why="INSERT fails on question marks (InternalServerError); DynamoDB binds them",
        source="moto 5.2.5 with py-partiql-parser, seen 2026-11; developer guide, 'PartiQL for DynamoDB'",
    ),
    Gap(
        test="tests/client/test_statements.py::test_an_update_may_return_the_item",
        engine="memory",
        why="RETURNING fails (InternalServerError); DynamoDB returns the item",
        source="moto 5.2.5 with py-partiql-parser, seen 2026-11; developer guide, 'PartiQL for DynamoDB'",
    ),
    Gap(
        test="tests/client/test_statements.py::test_an_update_whose_item_is_not_there_is_a_failed_condition",
        engine="memory",
        why="UPDATE of no item is no error; DynamoDB answers ConditionalCheckFailedException",
        source="moto 5.2.5 with py-partiql-parser, seen 2026-11; developer guide, 'PartiQL for DynamoDB'",
    ),
    Gap(
        test="tests/client/test_statements.py::test_a_delete_removes_an_item",
        engine="memory",
        why="DELETE with a question mark fails (InternalServerError); DynamoDB binds it",
        source="moto 5.2.5 with py-partiql-parser, seen 2026-11; developer guide, 'PartiQL for DynamoDB'",
    ),
    Gap(
        test="tests/client/test_statements.py::test_a_text_that_is_no_statement_is_refused_by_the_service",
        engine="memory",
        why="a text that is no statement fails (InternalServerError); DynamoDB answers ValidationException",
        source="moto 5.2.5 with py-partiql-parser, seen 2026-11; developer guide, 'PartiQL for DynamoDB'",
    ),
    Gap(
        test="tests/client/test_transactions.py::test_an_answer_that_is_lost_is_asked_for_again_and_*",
        engine="memory",
        why="a transaction sent again with its token is applied again; DynamoDB applies it once",
        source="moto 5.2.5, seen 2026-11; API reference, TransactWriteItems, 'Idempotency'",
    ),
    Gap(
        test="tests/client/test_transactions.py::test_a_token_of_*",
        engine="memory",
        why="tokens are not looked at; DynamoDB applies one once and refuses it for another transaction",
        source="moto 5.2.5, seen 2026-11; API reference, TransactWriteItems, 'Idempotency'",
    ),
    Gap(
        test="tests/client/test_transactions.py::test_a_hundred_keys_are_read_in_order",
        engine="memory",
        why="TransactGetItems takes 25 keys; DynamoDB takes 100",
        source="moto 5.2.5, seen 2026-11; API reference, TransactGetItems, 'TransactItems'",
    ),
)
