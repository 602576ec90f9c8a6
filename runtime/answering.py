"""Wait for what the loop says to an order."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

from thermedge.runtime.control import Answer


async def answered(answer: Future[Answer], *, within_s: float) -> Answer:
    """Wait for the answer to an order that was queued by `Control.ask`.

    An order that is being carried out when the time is over is waited for on: to say that
    it was taken back would be a lie.

    Raises:
        asyncio.TimeoutError: Nobody began it in time; it was taken back.
        ThermedgeError: It was refused.
    """
    waiting = asyncio.wrap_future(answer)
    try:
        await asyncio.wait([waiting], timeout=within_s)
    finally:
        is_back = answer.cancel()
    if is_back:
        raise asyncio.TimeoutError
    return await waiting
