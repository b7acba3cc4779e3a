"""Who runs and who waits: never more than there are slots, in turn, whoever gives up."""

import asyncio
import gc
import random
import time

import pytest
import trio
import trio.testing

from dynamorm_async.transport.slots import Slots


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def free(slots: Slots) -> int:
    """Take all that are free, give them back, and return how many they were."""
    taken = 0
    while slots.take():
        taken += 1
    for _ in range(taken):
        slots.give_back()
    return taken


async def test_so_many_are_free_and_no_more() -> None:
    slots = Slots(2)

    assert [slots.take(), slots.take(), slots.take()] == [True, True, False]
    slots.give_back()
    assert slots.take()


async def test_those_who_wait_are_served_in_turn_and_nobody_overtakes_them() -> None:
    slots = Slots(1)
    slots.take()
    order: list[int] = []

    async def use(number: int) -> None:
        await slots.wait()
        order.append(number)

    tasks = [asyncio.create_task(use(number)) for number in range(3)]
    await settle()
    slots.give_back()
    overtaken = slots.take()  # before the one whose turn it is has come to run
    for _ in tasks:
        await settle()
        slots.give_back()

    assert not overtaken
    assert order == [0, 1, 2]
    assert free(slots) == 1


async def test_one_who_gives_up_while_he_waits_is_passed_over() -> None:
    slots = Slots(1)
    slots.take()
    first, second = (asyncio.create_task(slots.wait()) for _ in range(2))
    await settle()

    first.cancel()
    await settle()
    slots.give_back()
    await settle()

    assert first.cancelled()
    assert second.done()
    slots.give_back()
    assert free(slots) == 1


async def test_one_whose_time_is_over_is_passed_over() -> None:
    slots = Slots(1)
    slots.take()
    first = asyncio.create_task(slots.wait(0.01))
    second = asyncio.create_task(slots.wait(60))
    await first

    slots.give_back()
    await settle()

    assert (first.result(), second.result()) == (False, True)
    slots.give_back()
    assert free(slots) == 1


async def test_one_whose_time_ends_when_it_is_his_turn_has_the_slot() -> None:
    slots = Slots(1)
    slots.take()
    waiting = asyncio.create_task(slots.wait(0.01))
    await settle()

    slots.give_back()
    time.sleep(0.02)  # noqa: ASYNC251 - the timer is due when the loop comes to run

    assert await waiting
    slots.give_back()
    assert free(slots) == 1


async def test_one_who_gives_up_when_it_is_his_turn_lets_the_next_one_have_it() -> None:
    slots = Slots(1)
    slots.take()
    first, second = (asyncio.create_task(slots.wait()) for _ in range(2))
    await settle()

    slots.give_back()
    first.cancel()  # in the same round: he has the slot and has not run yet
    await settle()

    assert first.cancelled()
    assert second.done()
    slots.give_back()
    assert free(slots) == 1


@pytest.mark.slow
async def test_giving_up_takes_no_longer_the_more_there_are_who_wait() -> None:
    slots = Slots(1)
    slots.take()

    async def seconds_each(waiting: int) -> float:
        tasks = [asyncio.create_task(slots.wait()) for _ in range(waiting)]
        await settle()
        started = time.process_time()
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return (time.process_time() - started) / waiting

    gc.disable()  # it looks at the more objects the more there are
    try:
        few = min([await seconds_each(500) for _ in range(5)])
        many = min([await seconds_each(20_000) for _ in range(3)])
    finally:
        gc.enable()

    assert many < few * 8  # a search through those who wait would take 40 times as long
    slots.give_back()
    assert free(slots) == 1


async def test_no_slot_is_lost_in_a_storm_of_cancellations() -> None:
    dice, slots = random.Random(7), Slots(3)
    running, most = 0, 0

    async def use() -> None:
        nonlocal running, most
        if not slots.take():
            await slots.wait()
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(dice.random() / 1000)
        finally:
            running -= 1
            slots.give_back()

    tasks = [asyncio.create_task(use()) for _ in range(300)]
    while any(not task.done() for task in tasks):
        dice.choice(tasks).cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)

    assert most == 3
    assert free(slots) == 3


def test_on_trio_they_are_served_in_turn_and_one_who_gives_up_is_passed_over() -> None:
    order: list[int] = []

    async def run() -> None:
        slots = Slots(1)
        slots.take()

        async def use(number: int) -> None:
            await slots.wait()
            order.append(number)
            slots.give_back()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(use, 1)
            await trio.testing.wait_all_tasks_blocked()
            with trio.move_on_after(0.01):
                await use(2)
            assert not await slots.wait(0.01)
            nursery.start_soon(use, 3)
            await trio.testing.wait_all_tasks_blocked()
            slots.give_back()
        assert free(slots) == 1

    trio.run(run)

    assert order == [1, 3]
