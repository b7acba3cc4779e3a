"""R99, R100: the tree of errors, what each carries, and how each reads."""

import copy
import inspect
import pickle
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import dynamorm_async
from dynamorm_async import errors
from dynamorm_async.errors import (
    AccessDenied,
    BackupNotFound,
    BatchFailure,
    BudgetSpent,
    CallTimeout,
    CancellationReason,
    CircuitOpen,
    ConditionFailed,
    ConnectionLost,
    CredentialsError,
    DynamormError,
    EndpointUnreachable,
    IdempotencyMismatch,
    InvalidExpression,
    InvalidModel,
    InvalidRequest,
    InvalidValue,
    ItemCollectionFull,
    OutcomeUnknown,
    PartialBatch,
    ProtocolError,
    QuotaReached,
    RequestRefused,
    ServerFault,
    ServiceError,
    TableInUse,
    TableMismatch,
    TableNotFound,
    TableNotReady,
    TablesFailed,
    Throttled,
    TransactionConditionFailed,
    TransactionConflict,
    TransactionFailed,
    TransactionUniqueViolation,
    TransactionVersionConflict,
    TransportError,
    UniqueViolation,
    VersionConflict,
    quoted,
    service_error,
)

CLASSES = sorted(
    (thing for thing in vars(errors).values() if inspect.isclass(thing) and issubclass(thing, DynamormError)),
    key=lambda cls: cls.__name__,
)
ROOMS = {folder.parent.name for folder in Path(dynamorm_async.__file__).parent.glob("*/__init__.py")}
SECRET = "swordfish"


def drawn_tree() -> Iterator[tuple[str, str]]:
    """Yield child and parent of every line of the tree in the room's docstring."""
    above: list[str] = []
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        found = re.match(
            r"^(?P<lead>(?:│   |    )*)(?P<branch>[├└]── )?(?P<name>[A-Z]\w+)", line.removeprefix("    ")
        )
        if found is None or not (found["branch"] or found["name"] == "DynamormError"):
            continue
        depth = len(found["lead"]) // 4 + (1 if found["branch"] else 0)
        del above[depth:]
        yield found["name"], above[-1] if above else "Exception"
        above.append(found["name"])


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = dict(drawn_tree())

    # The first base of ours; a class may have others, as the tree's lines say.
    real = {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}
    assert drawn == real


def test_the_front_door_offers_every_class() -> None:
    others = {"BatchFailure", "CancellationReason", "quoted", "service_error"}
    assert {cls.__name__ for cls in CLASSES} | others == set(errors.__all__)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_code_begins_with_a_room(cls: type[DynamormError]) -> None:
    room, _, condition = cls.code.partition(".")

    assert room in ROOMS
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", condition)


def test_codes_tell_classes_apart() -> None:
    assert len({cls.code for cls in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_families_and_leaves_have_their_kinds_of_names(cls: type[DynamormError]) -> None:
    is_family = any(other.__bases__[0] is cls for other in CLASSES)

    assert cls.__doc__
    named_otherwise = (
        InvalidRequest,
        ConditionFailed,
        TransactionFailed,
        TransactionConditionFailed,
        CallTimeout,
    )
    assert not is_family or cls.__name__.endswith("Error") or cls in named_otherwise


# What an error carries.

FACTS: dict[str, Any] = {
    "operation": "PutItem",
    "table": "bookmarks",
    "key": {"user": SECRET},
    "request_id": "R1",
    "attempts": 3,
}
OWN: dict[type[DynamormError], dict[str, Any]] = {
    ServiceError: {**FACTS, "service_code": "Odd", "message": "no", "status": 400, "body": SECRET.encode()},
    InvalidValue: {"path": "Bookmark.tags[2]", "why": "because", "fix": "do", "code": "codecs.odd"},
    BudgetSpent: {
        "cursor": "e30=",
        "requests": 3,
        "read_units": 1.5,
        "items": [SECRET],
        "count": 1,
        "fix": "do",
        "operation": "Query",
        "table": "bookmarks",
    },
    CircuitOpen: {
        "since": datetime(2026, 1, 2, tzinfo=UTC),
        "until": None,
        "operation": "PutItem",
        "key": {"user": SECRET},
    },
    TableMismatch: {"differences": ("billing: a, not b",), "fix": "do", "table": "bookmarks"},
    TablesFailed: {"errors": {}, "succeeded": ("bookmarks",), "why": "because"},
    TableNotReady: {"status": "CREATING", "fix": "do", "table": "bookmarks"},
    PartialBatch: {"succeeded": (SECRET,), "unprocessed": (SECRET,), "results": [SECRET], "why": "because"},
    DynamormError: {
        **FACTS,
        "why": "because",
        "fix": "do",
        "code": "model.odd",
        "item": {"password": SECRET},
        "condition": "visits > 3",
        "service_code": "Odd",
    },
}


def made(cls: type[DynamormError]) -> DynamormError:
    facts = next(facts for owner, facts in OWN.items() if issubclass(cls, owner))
    error = cls("it went wrong", **facts)
    error.__cause__ = KeyError("cause")
    error.add_note("a note")
    error.elapsed = 1.25
    return error


COPIES: list[Any] = [
    pytest.param(copy.copy, id="copy"),
    pytest.param(copy.deepcopy, id="deepcopy"),
    pytest.param(lambda error: pickle.loads(pickle.dumps(error)), id="pickle"),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_survives_copies_with_all_its_facts(
    cls: type[DynamormError], copied: Callable[[DynamormError], DynamormError]
) -> None:
    error = made(cls)

    other = copied(error)

    assert type(other) is cls
    assert vars(other) == vars(error)
    assert vars(other)["what"] == "it went wrong"
    assert (str(other), other.args) == (str(error), error.args)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_shows_no_item_key_or_body(cls: type[DynamormError]) -> None:
    error = made(cls)

    assert SECRET not in str(error)
    assert SECRET not in repr(error)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_ends_with_its_code(cls: type[DynamormError]) -> None:
    error = made(cls)

    assert f"\n  [{error.code}]" in str(error)
    assert str(error).splitlines()[0].endswith("it went wrong")


def test_an_error_says_what_why_and_how_to_fix_it() -> None:
    error = InvalidModel("Order: no key", why="a query needs one", fix="declare one", code="model.x")

    assert str(error) == "Order: no key\n  why: a query needs one\n  fix: declare one\n  [model.x]"


def test_an_error_leaves_out_what_it_does_not_know() -> None:
    assert str(DynamormError("odd")) == "odd\n  [errors.unspecified]"
    assert (DynamormError("odd").attempts, DynamormError("odd").elapsed) == (0, None)


def test_an_error_tells_operation_table_code_and_request() -> None:
    error = ConditionFailed(
        "it differs", operation="PutItem", table="t", request_id="R1", attempts=2, elapsed=0.04567
    )

    assert str(error).splitlines()[-1] == (
        "  [plan.condition-failed] operation PutItem, table t, request id R1, attempts 2, elapsed 0.046 s"
    )


# InvalidValue


def test_a_path_grows_on_the_way_up() -> None:
    error = (
        InvalidValue("expected a str", path="[2]", why="y", fix="f", code="codecs.x")
        .under("tags")
        .under("Bookmark")
    )

    assert error.path == "Bookmark.tags[2]"
    assert str(error) == "Bookmark.tags[2]: expected a str\n  why: y\n  fix: f\n  [codecs.x]"


def test_a_path_may_begin_with_nothing() -> None:
    assert InvalidValue("odd").under("Bookmark").path == "Bookmark"
    assert str(InvalidValue("odd")) == "odd\n  [codecs.invalid-value]"


# Kinds.


def test_refusals_are_value_errors() -> None:
    refusals = {cls.__name__ for cls in CLASSES if issubclass(cls, ValueError)}

    assert refusals == {cls.__name__ for cls in CLASSES if issubclass(cls, InvalidRequest)}
    assert issubclass(InvalidExpression, ValueError)


def test_a_version_conflict_is_a_failed_condition() -> None:
    assert issubclass(VersionConflict, ConditionFailed)


def test_a_transaction_that_a_condition_stopped_is_both_kinds_of_error() -> None:
    """R77: whoever waits for either, finds it."""
    assert issubclass(TransactionConditionFailed, TransactionFailed)
    assert issubclass(TransactionConditionFailed, ConditionFailed)
    assert issubclass(TransactionVersionConflict, TransactionConditionFailed)
    assert issubclass(TransactionVersionConflict, VersionConflict)
    assert not issubclass(TransactionConditionFailed, VersionConflict)


def test_a_value_that_is_taken_is_a_failed_condition_and_no_lost_version() -> None:
    """N10: whoever waits for a failed condition, finds it."""
    assert issubclass(UniqueViolation, ConditionFailed)
    assert issubclass(TransactionUniqueViolation, (UniqueViolation, TransactionConditionFailed))
    assert not issubclass(UniqueViolation, VersionConflict)
    assert UniqueViolation("taken").fields == ()


def test_only_these_errors_may_be_tried_again() -> None:
    assert {cls for cls in CLASSES if cls.retryable} == {
        Throttled,
        TransactionConflict,
        QuotaReached,
        ServerFault,
        TransportError,
        EndpointUnreachable,
        CircuitOpen,
        ConnectionLost,
        CallTimeout,
        TableNotReady,
        ProtocolError,
    }
    assert not OutcomeUnknown.retryable


def test_only_what_sent_nothing_is_sure_that_nothing_was_done() -> None:
    sure = [cls for cls in CLASSES if issubclass(cls, TransportError) and not cls.ambiguous]

    assert sure == [CircuitOpen, EndpointUnreachable]


# The service's codes.


def answered(
    code: str, *, status: int = 400, message: str = "text", reasons: tuple[str, ...] = ()
) -> ServiceError:
    return service_error(
        code,
        message,
        status=status,
        body=b"{}",
        operation="GetItem",
        table="t",
        key={"id": 1},
        request_id="R1",
        attempts=2,
        throttling_reasons=reasons,
    )


@pytest.mark.parametrize(
    ("code", "status", "cls"),
    [
        ("ValidationException", 400, RequestRefused),
        ("SerializationException", 400, RequestRefused),
        ("ResourceNotFoundException", 400, TableNotFound),
        ("ResourceInUseException", 400, TableInUse),
        ("TableInUseException", 400, TableInUse),
        ("SourceTableNotFoundException", 400, TableNotFound),
        ("BackupNotFoundException", 400, BackupNotFound),
        ("ProvisionedThroughputExceededException", 400, Throttled),
        ("RequestLimitExceeded", 400, Throttled),
        ("ThrottlingException", 400, Throttled),
        ("AccessDeniedException", 400, AccessDenied),
        ("UnrecognizedClientException", 400, CredentialsError),
        ("ExpiredTokenException", 400, CredentialsError),
        ("TransactionConflictException", 400, TransactionConflict),
        ("TransactionCanceledException", 400, TransactionFailed),
        ("IdempotentParameterMismatchException", 400, IdempotencyMismatch),
        ("ItemCollectionSizeLimitExceededException", 400, ItemCollectionFull),
        ("LimitExceededException", 400, QuotaReached),
        ("InternalServerError", 500, ServerFault),
        ("ServiceUnavailable", 503, ServerFault),
        ("SomethingNew", 400, ServiceError),
        ("SomethingNew", 500, ServerFault),
        ("", 418, ServiceError),
    ],
)
def test_each_code_of_the_service_has_its_class(code: str, status: int, cls: type[ServiceError]) -> None:
    assert type(answered(code, status=status)) is cls


def test_a_service_s_error_carries_the_whole_story() -> None:
    error = answered("ResourceNotFoundException", message="Requested resource not found")

    assert str(error) == (
        "GetItem on t: the service answered ResourceNotFoundException\n"
        "  why: Requested resource not found\n"
        "  fix: check name, region and endpoint, or create it with db.admin.ensure_table(Model)\n"
        "  [transport.table-not-found] operation GetItem, table t, "
        "service code ResourceNotFoundException, request id R1, attempts 2"
    )
    assert (error.status, error.body, error.message, error.key) == (
        400,
        b"{}",
        "Requested resource not found",
        {"id": 1},
    )


def test_throttling_says_why() -> None:
    error = answered("ThrottlingException", reasons=("TableReadKeyRangeThroughputExceeded",))

    assert isinstance(error, Throttled)
    assert error.reasons == ("TableReadKeyRangeThroughputExceeded",)


def cancelled(*codes: str) -> TransactionFailed:
    error = service_error(
        "TransactionCanceledException",
        "text",
        status=400,
        body=b"{}",
        operation="TransactWriteItems",
        table="t",
        key=None,
        request_id="R1",
        attempts=1,
        cancellation_reasons=tuple(CancellationReason(code=code, item=SECRET.encode()) for code in codes),
    )
    assert isinstance(error, TransactionFailed)
    return error


@pytest.mark.parametrize(
    ("codes", "index"),
    [
        pytest.param(["None", "ConditionalCheckFailed", "ValidationError"], 1, id="the first of two"),
        pytest.param(["TransactionConflict"], 0, id="the only one"),
        pytest.param(["None"], None, id="nobody"),
        pytest.param([], None, id="not said"),
    ],
)
def test_a_cancelled_transaction_says_which_request_stopped_it(codes: list[str], index: int | None) -> None:
    error = cancelled(*codes)

    assert [reason.code for reason in error.reasons] == codes
    assert error.index == index


@pytest.mark.parametrize(
    ("codes", "retryable"),
    [
        pytest.param(["None", "TransactionConflict"], True, id="another transaction"),
        pytest.param(["ThrottlingError", "ProvisionedThroughputExceeded"], True, id="throttling"),
        pytest.param(["TransactionConflict", "ConditionalCheckFailed"], False, id="a condition, too"),
        pytest.param(["TransactionConflict", "SomethingNew"], False, id="a reason that nobody knows"),
        pytest.param(["None"], False, id="nobody"),
        pytest.param([], False, id="not said"),
    ],
)
def test_a_cancelled_transaction_may_succeed_later_where_all_its_reasons_pass(
    codes: list[str], retryable: bool
) -> None:
    error = cancelled(*codes)

    assert error.retryable is retryable
    assert pickle.loads(pickle.dumps(error)).retryable is retryable


@pytest.mark.parametrize(
    ("unprocessed", "failures", "retryable"),
    [
        pytest.param(["a"], [], True, id="only left"),
        pytest.param(["a"], [Throttled("too much")], True, id="left, and throttled"),
        pytest.param([], [InvalidValue("wrong", path="Note.id")], False, id="refused"),
        pytest.param(["a"], [RuntimeError("odd")], False, id="left, and an error of nobody's"),
        pytest.param([], [], False, id="nothing"),
    ],
)
def test_a_partial_batch_may_succeed_later_where_all_its_errors_pass(
    unprocessed: list[str], failures: list[Exception], retryable: bool
) -> None:
    error = PartialBatch(
        "it ended", unprocessed=unprocessed, failed=[BatchFailure(("b",), each) for each in failures]
    )

    assert error.retryable is retryable


def test_a_reason_shows_no_item() -> None:
    error = cancelled("ConditionalCheckFailed")

    assert SECRET not in f"{error} {error!r} {error.reasons}"
    assert pickle.loads(pickle.dumps(error)).reasons == error.reasons


def test_an_error_without_a_text_has_no_reason() -> None:
    assert answered("ValidationException", message="").why is None


# Quoting.


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "'x'"),
        ("x" * 78, f"'{'x' * 78}'"),
        ("x" * 79, f"'{'x' * 78}…"),
        (["a" * 1000], f"['{'a' * 77}…"),
        (None, "None"),
    ],
)
def test_a_quoted_value_is_cut_at_80_characters(value: object, text: str) -> None:
    assert quoted(value) == text
    assert len(quoted(value)) <= 80
