"""Facts about waiting for what the loop says to an order."""

import asyncio

import pytest

from thermedge.errors import TargetError
from thermedge.runtime.answering import answered
from thermedge.runtime.control import Control, Stop


def test_an_order_that_nobody_begins_is_taken_back():
    control = Control()
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(answered(control.ask(Stop()), within_s=0.05))
    assert control.take(None) == []


def test_an_order_that_is_being_carried_out_is_waited_for_on():
    async def waited(order):
        asyncio.get_running_loop().call_later(0.2, order.done, None)
        return await answered(order.answer, within_s=0.05)

    control = Control()
    control.ask(Stop())
    (order,) = control.take(None)
    assert order.begin()
    assert asyncio.run(waited(order)) is None


def test_a_refusal_is_raised():
    async def waited(order):
        order.refused(TargetError("It has no area.", "Give another."))
        return await answered(order.answer, within_s=5)

    control = Control()
    control.ask(Stop())
    (order,) = control.take(None)
    order.begin()
    with pytest.raises(TargetError, match="no area"):
        asyncio.run(waited(order))


def test_who_gives_up_waiting_takes_the_order_back():
    async def left(answer):
        waiting = asyncio.ensure_future(answered(answer, within_s=5))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    control = Control()
    asyncio.run(left(control.ask(Stop())))
    assert control.take(None) == []
