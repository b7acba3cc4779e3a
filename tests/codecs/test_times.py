"""R5, R11 and contract.md: instants, dates, durations and expiries, with the exact text."""

import decimal
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest

from dynamorm_async.codecs import Record, Stamps, read_timestamp, timestamp_text
from dynamorm_async.errors import InvalidModel, InvalidValue
from dynamorm_async.model import (
    Attr,
    GlobalIndex,
    attribute,
    created_at,
    model,
    partition_key,
    sort_key,
    ttl,
    updated_at,
    version,
)
from tests.codecs.shapes import field, record_of

INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("tp", "value", "text"),
    [
        pytest.param(
            datetime,
            datetime(2024, 1, 2, 3, 4, 5, 678901, UTC),
            '{"S":"2024-01-02T03:04:05.678901000Z"}',
            id="microseconds",
        ),
        pytest.param(
            datetime,
            datetime(2024, 1, 2, tzinfo=UTC),
            '{"S":"2024-01-02T00:00:00.000000000Z"}',
            id="midnight",
        ),
        pytest.param(
            datetime,
            datetime(2024, 1, 2, 3, 4, 5, tzinfo=INDIA),
            '{"S":"2024-01-01T21:34:05.000000000Z"}',
            id="offset",
        ),
        pytest.param(
            datetime, datetime(1, 1, 1, tzinfo=UTC), '{"S":"0001-01-01T00:00:00.000000000Z"}', id="year 1"
        ),
        pytest.param(date, date(2024, 2, 29), '{"S":"2024-02-29"}', id="date"),
        pytest.param(time, time(3, 4, 5), '{"S":"03:04:05"}', id="time"),
        pytest.param(time, time(3, 4, 5, 1, UTC), '{"S":"03:04:05.000001+00:00"}', id="time with offset"),
        pytest.param(timedelta, timedelta(days=1, microseconds=1), '{"N":"86400.000001"}', id="duration"),
        pytest.param(timedelta, timedelta(microseconds=-1), '{"N":"-0.000001"}', id="negative duration"),
        pytest.param(timedelta, timedelta(seconds=90), '{"N":"90"}', id="whole seconds"),
        pytest.param(timedelta, timedelta.max, '{"N":"86399999999999.999999"}', id="longest duration"),
    ],
)
def test_a_time_is_stored_as_this_text_and_read_back_equal(tp: Any, value: object, text: str) -> None:
    times = field(tp)

    assert times.encode(value) == text
    assert times.decode(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, 0, UTC), id="no fraction"),
        pytest.param("2024-01-02T03:04:05.1Z", datetime(2024, 1, 2, 3, 4, 5, 100000, UTC), id="1 digit"),
        pytest.param("2024-01-02T03:04:05.12Z", datetime(2024, 1, 2, 3, 4, 5, 120000, UTC), id="2 digits"),
        pytest.param("2024-01-02T03:04:05.123Z", datetime(2024, 1, 2, 3, 4, 5, 123000, UTC), id="3 digits"),
        pytest.param("2024-01-02T03:04:05.1234Z", datetime(2024, 1, 2, 3, 4, 5, 123400, UTC), id="4 digits"),
        pytest.param("2024-01-02T03:04:05.12345Z", datetime(2024, 1, 2, 3, 4, 5, 123450, UTC), id="5 digits"),
        pytest.param(
            "2024-01-02T03:04:05.123456Z", datetime(2024, 1, 2, 3, 4, 5, 123456, UTC), id="6 digits"
        ),
        pytest.param(
            "2024-01-02T03:04:05.1234567Z", datetime(2024, 1, 2, 3, 4, 5, 123456, UTC), id="7 digits"
        ),
        pytest.param(
            "2024-01-02T03:04:05.12345678Z", datetime(2024, 1, 2, 3, 4, 5, 123456, UTC), id="8 digits"
        ),
        pytest.param(
            "2024-01-02T03:04:05.999999999Z",
            datetime(2024, 1, 2, 3, 4, 5, 999999, UTC),
            id="cut, not rounded",
        ),
        pytest.param("2024-01-02T03:04:05+05:30", datetime(2024, 1, 1, 21, 34, 5, 0, UTC), id="offset"),
        pytest.param("2024-01-02T03:04:05-00:00", datetime(2024, 1, 2, 3, 4, 5, 0, UTC), id="minus zero"),
        pytest.param("2024-01-02t03:04:05z", datetime(2024, 1, 2, 3, 4, 5, 0, UTC), id="small letters"),
    ],
)
def test_an_instant_of_another_service_is_read_in_utc(text: str, value: datetime) -> None:
    found = read_timestamp(text)

    assert found == value
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-02",
        "2024-01-02T03:04:05",
        "2024-W01-1T03:04:05Z",
        "20240102T030405Z",
        "2024-01-02T03:04Z",
        "2024-01-02T03:04:05,5Z",
        "2024-01-02T03:04:05.1234567890Z",
        "2024-01-02T03:04:05+0530",
        "2024-01-02T25:04:05Z",
        "2024-13-02T03:04:05Z",
        "2024-13-02T03:04:05.000000000Z",
        "2024-01-02T03:04:05.12345678xZ",
        "2024-01-02T03:04:05.12345678٣Z",
        "2024-01-02T03:04:05.1234+01:0Z",
        "2024-01-02T03:04:05Z\n",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٤-01-02T03:04:05Z",
    ],
    ids=ascii,
)
def test_text_that_is_no_rfc_3339_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_timestamp(text)

    assert caught.value.code == "codecs.bad-time"


def test_a_naive_datetime_is_refused_with_advice() -> None:
    with pytest.raises(InvalidValue, match=r"replace\(tzinfo=UTC\)") as caught:
        field(datetime).encode(datetime(2024, 1, 1))  # noqa: DTZ001

    assert (caught.value.code, caught.value.path) == ("codecs.naive-datetime", "Thing.value")


def test_an_instant_before_the_year_1_in_utc_is_refused() -> None:
    with pytest.raises(InvalidValue) as caught:
        timestamp_text(datetime(1, 1, 1, tzinfo=INDIA))

    assert caught.value.code == "codecs.bad-time"


@pytest.mark.parametrize(
    ("tp", "value"),
    [
        pytest.param(date, datetime(2024, 1, 1, tzinfo=UTC), id="datetime for a date"),
        pytest.param(datetime, date(2024, 1, 1), id="date for a datetime"),
        pytest.param(timedelta, 5, id="int for a duration"),
        pytest.param(time, "03:04", id="text for a time"),
    ],
)
def test_a_time_of_another_type_is_refused(tp: Any, value: object) -> None:
    with pytest.raises(InvalidValue, match="expected"):
        field(tp).encode(value)


@pytest.mark.parametrize(
    ("tp", "text"),
    [
        pytest.param(date, '{"S":"2024-02-30"}', id="no date"),
        pytest.param(time, '{"S":"25:00"}', id="no time"),
        pytest.param(timedelta, '{"N":"1E+20"}', id="too long a duration"),
        pytest.param(timedelta, '{"N":"x"}', id="no number"),
        pytest.param(datetime, '{"N":"1"}', id="number for a datetime"),
    ],
)
def test_a_stored_time_of_another_form_is_refused(tp: Any, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(tp).decode(text)

    assert caught.value.path == "Thing.value"


def test_a_duration_is_read_exactly_whatever_the_callers_decimal_context() -> None:
    with decimal.localcontext(prec=3):
        found = field(timedelta).decode('{"N":"86400.0000019"}')

    assert found == timedelta(days=1, microseconds=1)


# The library's own fields.


@model(table="stamped")
class Stamped:
    id: str = partition_key()
    created: Attr[datetime] = created_at(name="createdAt")
    updated: Attr[datetime] = updated_at()
    revision: Attr[int] = version()


def stamped() -> Record[Any]:
    return record_of(Stamped)


def test_stamps_are_written_as_given() -> None:
    stamps = Stamps(
        created="2024-01-01T00:00:00.000000000Z", updated="2024-01-02T00:00:00.000000000Z", version="0"
    )

    text = stamped().encode_item(Stamped(id="1"), stamps)

    assert text == (
        '{"id":{"S":"1"},"createdAt":{"S":"2024-01-01T00:00:00.000000000Z"}'
        ',"updated":{"S":"2024-01-02T00:00:00.000000000Z"},"revision":{"N":"0"}}'
    )


def test_stamps_that_are_not_given_are_left_out() -> None:
    assert stamped().encode_item(Stamped(id="1"), Stamps()) == '{"id":{"S":"1"}}'


def test_the_librarys_fields_are_read() -> None:
    found: Any = stamped().decode_item(
        b'{"Item":{"id":{"S":"1"},"createdAt":{"S":"2024-01-01T00:00:00.000000000Z"},"revision":{"N":"7"}}}'
    )

    assert found.created == datetime(2024, 1, 1, tzinfo=UTC)
    assert found.revision == 7
    assert repr(found.updated) == "<unset>"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("2024-01-01T00:00:00.000000000Z", None, id="our form"),
        pytest.param("2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00.123456789Z", id="nanoseconds"),
        pytest.param("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", id="no fraction"),
        pytest.param("2024-01-01T01:00:00.000000+01:00", "2024-01-01T01:00:00.000000+01:00", id="offset"),
    ],
)
def test_created_keeps_its_stored_text_where_a_datetime_cannot_say_it(text: str, kept: str | None) -> None:
    found = stamped().decode_item(f'{{"Item":{{"id":{{"S":"1"}},"createdAt":{{"S":"{text}"}}}}}}')

    remembered = getattr(found, "_dynamorm_kept", None)
    assert (remembered.texts["created"] if remembered else None) == kept


@model(table="jobs")
class Job:
    id: Attr[str] = partition_key()
    at: Attr[datetime] = sort_key()
    due: Attr[datetime | None] = attribute(default=None)
    seen: Attr[datetime | None] = attribute(default=None)

    by_due = GlobalIndex("by-due", partition_key="id", sort_key="due")


@pytest.mark.parametrize("due", ["2024-01-01T00:00:00.123456789Z", "2024-01-01t00:00:00.123456000Z"])
def test_a_time_that_is_a_key_keeps_its_stored_text(due: str) -> None:
    own = '{"S":"2024-01-01T00:00:00.000000000Z"}'

    found: Any = record_of(Job).decode_item(
        f'{{"Item":{{"id":{{"S":"1"}},"at":{own},"due":{{"S":"{due}"}},"seen":{{"S":"{due}"}}}}}}'
    )

    assert getattr(found, "_dynamorm_kept").texts == {"due": due}  # noqa: B009


# Expiry.


def expiring(tp: Any) -> Any:
    body = {"__module__": __name__, "__annotations__": {"id": str, "value": tp}, "id": partition_key()}
    return record_of(model(table="expiring")(type("Thing", (), {**body, "value": ttl()})))


@pytest.mark.parametrize(
    ("tp", "value", "text"),
    [
        pytest.param(datetime, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), "1700000000", id="datetime"),
        pytest.param(datetime, datetime(2023, 11, 14, 22, 13, 20, 999999, UTC), "1700000000", id="cut"),
        pytest.param(int, 1700000000, "1700000000", id="seconds"),
        pytest.param(datetime | None, datetime(1970, 1, 1, tzinfo=UTC), "0", id="optional"),
    ],
)
def test_an_expiry_is_stored_as_whole_seconds(tp: Any, value: object, text: str) -> None:
    assert expiring(tp).encode_field("value", value) == f'{{"N":"{text}"}}'


@pytest.mark.parametrize(
    ("tp", "value"),
    [
        pytest.param(int, -1, id="negative"),
        pytest.param(int, 1700000000000, id="milliseconds"),
        pytest.param(int, 1700000000.0, id="float"),
        pytest.param(int, True, id="bool"),
        pytest.param(int, datetime(2023, 1, 1, tzinfo=UTC), id="datetime for seconds"),
        pytest.param(datetime, 1700000000, id="seconds for a datetime"),
        pytest.param(datetime, datetime(1969, 1, 1, tzinfo=UTC), id="before 1970"),
        pytest.param(datetime, datetime(2023, 1, 1), id="naive"),  # noqa: DTZ001
    ],
)
def test_a_value_that_is_no_expiry_is_refused(tp: Any, value: object) -> None:
    with pytest.raises(InvalidValue) as caught:
        expiring(tp).encode_field("value", value)

    assert caught.value.path == "Thing.value"


@pytest.mark.parametrize(
    ("tp", "text", "value"),
    [
        pytest.param(datetime, "1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), id="datetime"),
        pytest.param(int, "1700000000000", 1700000000000, id="what another service stored"),
    ],
)
def test_an_expiry_is_read(tp: Any, text: str, value: object) -> None:
    found: Any = expiring(tp).decode_item(f'{{"Item":{{"id":{{"S":"1"}},"value":{{"N":"{text}"}}}}}}')

    assert found.value == value


def test_an_expiry_past_every_datetime_is_refused_on_reading() -> None:
    with pytest.raises(InvalidValue, match="declare the field as int"):
        expiring(datetime).decode_item('{"Item":{"id":{"S":"1"},"value":{"N":"1E+20"}}}')


def test_a_ttl_of_another_type_is_refused_when_the_codec_is_made() -> None:
    with pytest.raises(InvalidModel, match=r"Thing\.value"):
        expiring("date | None")
