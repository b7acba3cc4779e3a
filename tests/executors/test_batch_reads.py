"""Batches of reads carried out over a service that leaves things unprocessed. R59 to R65."""

from __future__ import annotations

import copy
import pickle
from functools import partial
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async import (
    AccessDenied,
    BatchFailure,
    BatchRetry,
    Call,
    CallTimeout,
    InvalidRequest,
    InvalidValue,
    PartialBatch,
    ProtocolError,
    Reply,
    Retry,
    TableNotFound,
)
from dynamorm_async.executors import batch
from tests.plan.given import notes
from tests.scripted_batches import BatchService, sent_after_cancelling_in_a_wait
from tests.scripted_send import refused
from tests.shapes import Note

THROTTLED = refused("ProvisionedThroughputExceededException", operation="BatchGetItem")


def named(count: int, first: int = 0) -> list[str]:
    return [f"n{number}" for number in range(first, first + count)]


def service(*steps: Any, stored: int = 300, **more: Any) -> BatchService:
    items = [{"id": {"S": name}, "count": {"N": str(place)}} for place, name in enumerate(named(stored))]
    return BatchService(steps or (1000,), {"notes": items}, **more)


async def run(at: BatchService, keys: list[str], **more: Any) -> list[Note | None]:
    options: dict[str, Any] = {"clock": at.clock, "sleep": at.sleep, "jitter": lambda: 1.0, **more}
    return await batch(notes.batch_get(keys), at.send, **options)


def names(found: list[Any]) -> list[str | None]:
    return [each and each.id for each in found]


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (50, 1), (101, 2), (250, 3)])
async def test_as_many_calls_are_made_as_a_hundred_keys_each_need(count: int, calls: int) -> None:
    """R57."""
    at = service()

    found = await run(at, named(count))

    assert (names(found), len(at.calls)) == (named(count), calls)


async def test_results_are_aligned_with_the_keys_and_none_where_nothing_is_stored() -> None:
    """R58."""
    found = await run(service(stored=2), ["n1", "absent", "n0", "n1"])

    assert names(found) == ["n1", None, "n0", "n1"]


async def test_unprocessed_keys_alone_are_asked_again_joined_with_the_next_chunk() -> None:
    """R59: 80 of 100 processed; the other 20 join 80 fresh ones."""
    at = service(80, 1000)

    found = await run(at, named(250), concurrency=1)

    assert names(found) == named(250)
    assert at.sizes == [100, 100, 70]
    assert [key["id"] for key in at.calls[1].keys] == [*named(20, 80), *named(80, 100)]


async def test_unprocessed_keys_with_nothing_left_to_join_are_asked_alone() -> None:
    at = service(80, 1000)

    await run(at, named(100))

    assert at.sizes == [100, 20]


async def test_the_wait_grows_with_rounds_without_progress_and_falls_back_with_progress() -> None:
    """R59, R60: base 100 ms, doubled for each round without progress."""
    at = service(80, 0, 0, 5, 0, 1000)

    await run(at, named(100))

    assert at.waits == [0.1, 0.2, 0.4, 0.1, 0.2]


async def test_the_wait_is_full_jitter() -> None:
    at = service(80, 1000)

    await run(at, named(100), jitter=lambda: 0.25)

    assert at.waits == [0.025]


async def test_three_rounds_without_progress_end_in_a_partial_batch() -> None:
    """R59."""
    at = service(80, 0)

    with pytest.raises(PartialBatch) as caught:
        await run(at, named(100))

    error = caught.value
    assert at.sizes == [100, 20, 20, 20]
    assert (error.succeeded, error.failed) == (tuple(named(80)), ())
    assert error.unprocessed == tuple(named(20, 80))
    assert names(error.results) == [*named(80), *[None] * 20]
    assert "80 of 100 done, 0 failed, 20 unprocessed" in str(error)
    assert "3 calls in a row made no progress" in str(error)


async def test_what_was_unprocessed_can_be_handed_in_again() -> None:
    with pytest.raises(PartialBatch) as caught:
        await run(service(80, 0), named(100))

    assert names(await run(service(), list(caught.value.unprocessed))) == named(20, 80)


async def test_rounds_with_any_progress_never_end_a_batch() -> None:
    """R59: twenty rounds of one key each."""
    at = service(80, *[1] * 20)

    found = await run(at, named(100))

    assert names(found) == named(100)
    assert len(at.calls) == 21


async def test_a_policy_of_ones_own_sets_rounds_and_waits() -> None:
    """R60."""
    at = service(0)

    with pytest.raises(PartialBatch):
        await run(at, named(3), retry=BatchRetry(rounds=5, base=1.0, longest=3.0))

    assert len(at.calls) == 5
    assert at.waits == [2.0, 3.0, 3.0, 3.0]


@pytest.mark.parametrize("options", [{"rounds": 0}, {"base": -1}, {"longest": float("nan")}, {"rounds": 1.5}])
def test_a_policy_that_means_nothing_is_refused(options: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"BatchRetry\("):
        BatchRetry(**options)


@pytest.mark.parametrize(
    "options", [{"concurrency": 0}, {"concurrency": 1.5}, {"timeout": 0}, {"timeout": "1"}]
)
async def test_options_that_mean_nothing_are_refused_before_io(options: Any) -> None:
    at = service()

    with pytest.raises(InvalidRequest, match=r"concurrency=|timeout="):
        await run(at, named(3), **options)

    assert at.calls == []


async def told_later(*_: object) -> None:
    """Tell nobody, since nobody awaits it."""


class ToldLater:
    async def __call__(self, *_: object) -> None:
        """Tell nobody, either."""


UNTELLABLE = [
    {"retry": Retry()},
    {"retry": 5},
    {"retry": 0},
    *({name: told} for name in ("on_progress", "on_error") for told in (5, told_later, ToldLater())),
    {"on_error": partial(told_later, 1)},
]


@pytest.mark.parametrize("options", UNTELLABLE)
async def test_what_a_batch_can_not_ask_or_tell_is_refused_before_io(options: Any) -> None:
    at = service(THROTTLED)
    (name,) = options

    with pytest.raises(InvalidRequest, match=f"^{name}=") as caught:
        await run(at, named(3), **options)

    assert at.calls == []
    assert ("BatchRetry(" in str(caught.value)) == (name == "retry")


@pytest.mark.parametrize("name", ["on_progress", "on_error"])
async def test_an_awaitable_that_a_callback_returns_ends_the_batch(name: str) -> None:
    at = service(50, THROTTLED)

    def tell(*_: object) -> object:
        return told_later()

    with pytest.raises(InvalidRequest, match=f"^{name}= returned an awaitable"):
        await run(at, named(300), concurrency=1, **{name: tell})

    assert len(at.calls) == (1 if name == "on_progress" else 2)


async def test_an_answer_cut_for_its_length_is_followed_at_once() -> None:
    """R57: 16 MB partial answers."""
    at = service(2, 1000, stored=0)
    at.items["notes"] = [{"id": {"S": name}, "text": {"S": "x" * 8_300_000}} for name in named(3)]

    found = await run(at, named(3))

    assert names(found) == named(3)
    assert at.waits == []


async def test_the_deadline_spans_all_calls_and_waits() -> None:
    """R59."""
    at = service(80, 0, seconds=1.0)

    with pytest.raises(PartialBatch, match="the deadline passed") as caught:
        await run(at, named(100), timeout=3.2)

    assert [call.timeout for call in at.calls] == pytest.approx([3.2, 2.1, 0.9])
    assert len(caught.value.unprocessed) == 20


async def test_keys_never_asked_for_before_the_deadline_are_unprocessed() -> None:
    at = service(1000, seconds=1.0)

    with pytest.raises(PartialBatch) as caught:
        await run(at, named(300), concurrency=1, timeout=2.0)

    assert len(at.calls) == 2
    assert caught.value.unprocessed == tuple(named(100, 200))


async def test_a_call_that_the_deadline_ends_leaves_its_keys_unprocessed() -> None:
    at = service(1000, CallTimeout("too late"), seconds=1.0)

    with pytest.raises(PartialBatch) as caught:
        await run(at, named(200), concurrency=1, timeout=2.0)

    assert (caught.value.failed, len(caught.value.unprocessed)) == ((), 100)


async def test_a_throttled_chunk_among_good_ones_ends_the_batch_without_on_error() -> None:
    """R64."""
    at = service(1000, THROTTLED, 1000)

    with pytest.raises(PartialBatch) as caught:
        await run(at, named(300), concurrency=1)

    error = caught.value
    assert error.__cause__ is THROTTLED
    assert (len(error.succeeded), len(error.unprocessed)) == (100, 100)
    assert [(failure.entries, failure.error) for failure in error.failed] == [
        (tuple(named(100, 100)), THROTTLED)
    ]
    assert len(at.calls) == 2


async def test_a_failure_ends_reads_in_flight_and_waits() -> None:
    entered = 0

    async def send(call: Call) -> Reply:
        nonlocal entered
        entered += 1
        if entered == 3:
            raise THROTTLED
        await anyio.sleep_forever()
        raise AssertionError(call)

    with anyio.fail_after(5), pytest.raises(PartialBatch) as caught:
        await batch(notes.batch_get(named(300)), send, concurrency=3)

    assert len(caught.value.unprocessed) == 200


async def test_on_error_that_returns_swallows_and_the_others_are_read() -> None:
    """R64."""
    told: list[BatchFailure] = []

    found = await run(service(1000, THROTTLED, 1000), named(300), concurrency=1, on_error=told.append)

    assert names(found) == [*named(100), *[None] * 100, *named(100, 200)]
    assert [failure.error for failure in told] == [THROTTLED]


async def test_on_error_that_raises_the_failure_aborts() -> None:
    """R64."""

    def abort(failure: BatchFailure) -> None:
        raise failure.error

    at = service(THROTTLED)
    with pytest.raises(PartialBatch) as caught:
        await run(at, named(300), concurrency=1, on_error=abort)

    assert (len(at.calls), caught.value.__cause__) == (1, THROTTLED)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_an_error_of_a_callback_comes_out_as_it_is(concurrency: int) -> None:
    def broken(*_: object) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await run(service(THROTTLED), named(300), concurrency=concurrency, on_error=broken)
    with pytest.raises(KeyError, match="mine"):
        await run(service(), named(300), concurrency=concurrency, on_progress=broken)


async def test_an_error_of_a_callback_has_what_was_done_as_its_cause() -> None:
    def broken(*_: object) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        await run(service(40, THROTTLED), named(300), concurrency=1, on_error=broken)

    account = caught.value.__cause__
    assert isinstance(account, PartialBatch)
    assert account.succeeded == tuple(named(40))
    assert [(failure.entries, failure.error) for failure in account.failed] == [
        ((*named(60, 40), *named(40, 100)), THROTTLED)
    ]
    assert account.unprocessed == tuple(named(160, 140))


async def test_a_cause_that_an_error_of_a_callback_has_is_kept_behind_the_account() -> None:
    mine = ZeroDivisionError()

    def broken(_: BatchFailure) -> None:
        raise KeyError("mine") from mine

    with pytest.raises(KeyError) as caught:
        await run(service(THROTTLED), named(3), on_error=broken)

    account = caught.value.__cause__
    assert isinstance(account, PartialBatch)
    assert account.__cause__ is mine


@pytest.mark.parametrize(
    ("code", "cls"), [("ResourceNotFoundException", TableNotFound), ("AccessDeniedException", AccessDenied)]
)
@pytest.mark.parametrize("concurrency", [1, 3])
async def test_what_is_so_for_every_call_is_told_as_itself(code: str, cls: Any, concurrency: int) -> None:
    with pytest.raises(cls):
        await run(service(refused(code)), named(300), concurrency=concurrency)


async def test_an_error_of_a_middleware_hides_nothing_that_was_done() -> None:
    with pytest.raises(PartialBatch) as caught:
        await run(service(1000, RuntimeError("mine")), named(200), concurrency=1)

    assert len(caught.value.succeeded) == 100
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "RuntimeError: mine" in str(caught.value)


async def test_an_item_that_does_not_fit_is_named_and_its_neighbours_are_there() -> None:
    at = service()
    at.items["notes"][1] = {"id": {"S": "n1"}, "count": {"S": "x"}}

    with pytest.raises(PartialBatch) as caught:
        await run(at, named(3))

    (failure,) = caught.value.failed
    assert failure.entries == ("n1",)
    assert isinstance(failure.error, InvalidValue)
    assert (failure.error.key, failure.error.request_id) == ({"id": "n1"}, "R-1")
    assert names(caught.value.results) == ["n0", None, "n2"]


async def test_an_answer_about_something_else_fails_its_keys_and_leaves_no_results() -> None:
    async def send(_: Call) -> Reply:
        return Reply(body=b'{"Responses":{"notes":[{"id":{"S":"n0"}},{"id":{"S":"never-asked-for"}}]}}')

    with pytest.raises(PartialBatch) as caught:
        await batch(notes.batch_get(named(2)), send)

    assert isinstance(caught.value.__cause__, ProtocolError)
    assert (caught.value.failed[0].entries, caught.value.results) == (("n0", "n1"), [None, None])


async def test_never_more_calls_are_in_flight_than_asked_for() -> None:
    """R62."""
    at = service(1000)

    await run(at, named(1500), concurrency=5)

    assert len(at.calls) == 15
    assert at.most_in_flight == 5


async def test_ten_thousand_keys_are_a_hundred_calls_of_which_many_are_in_flight() -> None:
    """R70; what it costs is a row of benchmarks/verbs.py and benchmarks/engines.py."""
    at = service(stored=1)

    found = await run(at, named(10_000), concurrency=16)

    assert names(found) == ["n0", *[None] * 9_999]
    assert (len(at.calls), at.most_in_flight) == (100, 16)


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_progress_rises_to_all_of_them(concurrency: int) -> None:
    """R63."""
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    await run(service(80, 3, 0, 50, 1000), [*named(250), "n0"], concurrency=concurrency, on_progress=tell)

    assert told == sorted(set(told))
    assert told[-1] == (251, 251)


@pytest.mark.parametrize("keys", [100, 300])
async def test_cancelled_in_a_wait_it_ends_at_once_and_sends_nothing_more(keys: int) -> None:
    """R65."""
    at = service(0)

    sent = await sent_after_cancelling_in_a_wait(at, lambda sleep: run(at, named(keys), sleep=sleep))

    assert sent == []


async def test_cancelled_in_a_call_it_ends_at_once() -> None:
    """R65."""
    calls: list[Call] = []

    async def never(call: Call) -> Reply:
        calls.append(call)
        await anyio.sleep_forever()
        raise AssertionError

    with anyio.move_on_after(0.01) as scope:
        await batch(notes.batch_get(named(300)), never, concurrency=2)

    assert scope.cancelled_caught
    assert len(calls) == 2


async def test_a_partial_batch_survives_copying_and_pickling() -> None:
    with pytest.raises(PartialBatch) as caught:
        await run(service(50, THROTTLED), named(200), concurrency=1)

    for again in (copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):
        assert (again.succeeded, again.unprocessed) == (caught.value.succeeded, caught.value.unprocessed)
        assert str(again) == str(caught.value)


async def test_no_key_is_in_the_text_of_an_error() -> None:
    with pytest.raises(PartialBatch) as caught:
        await run(service(0), ["n1", "secret"])

    assert "secret" not in str(caught.value) + repr(caught.value) + repr(caught.value.failed)


errors = st.sampled_from(
    [THROTTLED, refused("InternalServerError", operation="BatchGetItem"), RuntimeError()]
)
scripts = st.lists(st.integers(-90, 110) | errors, min_size=1, max_size=12)
key_lists = st.lists(st.integers(0, 40).map(lambda number: f"n{number}"), max_size=60) | st.integers(
    0, 260
).map(named)


@given(keys=key_lists, script=scripts, concurrency=st.integers(1, 4), swallow=st.booleans())
async def test_every_key_is_told_of_exactly_once_whatever_the_service_leaves(
    keys: list[str], script: list[Any], concurrency: int, swallow: bool
) -> None:
    at = service(*script, stored=20)
    told: list[int] = []
    swallowed: list[BatchFailure] = []

    def tell(done: int, total: int) -> None:
        assert total == len(keys)
        told.append(done)

    try:
        found = await run(
            at,
            keys,
            concurrency=concurrency,
            on_progress=tell,
            on_error=swallowed.append if swallow else None,
        )
        lost = [key for failure in swallowed for key in failure.entries]
    except PartialBatch as error:
        failed = [key for failure in error.failed for key in failure.entries]
        lost, found = [*failed, *error.unprocessed], error.results
        assert sorted([*error.succeeded, *lost]) == sorted(keys)  # noqa: PT017 - only where it fails

    stored = set(named(20)) - set(lost)
    assert names(found) == [key if key in stored else None for key in keys]
    assert told == sorted(set(told))
    assert at.most_in_flight <= concurrency
