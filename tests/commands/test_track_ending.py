"""Facts about how a run ends."""

import signal
import threading

import pytest

from thermedge.commands.track_ending import (
    closing_undisturbed,
    ending_on_sigterm,
    signals_waiting,
)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Sink:
    """Is signalled while it closes."""

    is_closed = False

    def __init__(self, *numbers):
        self._numbers = numbers

    def close(self):
        for number in self._numbers:
            signal.raise_signal(number)
        self.is_closed = True


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


def test_sigterm_means_afterwards_what_it_meant_before():
    before = handlers()
    with ending_on_sigterm():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert handlers() == before


@pytest.mark.parametrize(
    ("numbers", "end"),
    [
        ([signal.SIGINT], KeyboardInterrupt),
        ([signal.SIGTERM], SystemExit),
        ([signal.SIGINT, signal.SIGINT], KeyboardInterrupt),
        ([signal.SIGTERM, signal.SIGINT], SystemExit),
    ],
)
def test_a_signal_waits_until_all_is_closed(numbers, end):
    before, sink = handlers(), Sink(*numbers)
    with pytest.raises(end), ending_on_sigterm(), closing_undisturbed(sink):
        pass
    assert sink.is_closed
    assert handlers() == before


def test_a_second_ctrl_c_waits_too():
    sink = Sink(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), closing_undisturbed(sink):
        signal.raise_signal(signal.SIGINT)
    assert sink.is_closed


def test_an_error_of_the_closing_is_told_before_a_signal():
    class FullDisk(Sink):
        def close(self):
            super().close()
            raise OSError("full")

    before = handlers()
    with pytest.raises(OSError, match="full"), closing_undisturbed(FullDisk(signal.SIGINT)):
        pass
    assert handlers() == before


def test_a_signal_that_was_ignored_still_is():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals_waiting():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_leaves_signals_as_they_are():
    before, sink = handlers(), Sink()

    def close():
        with ending_on_sigterm(), closing_undisturbed(sink):
            assert handlers() == before

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    assert sink.is_closed
