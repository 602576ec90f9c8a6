"""Facts about what track-camera tells a person."""

import io
import logging

from rich.console import Console

from thermedge.commands.track_report import described, journal, live_line, print_summary
from thermedge.events import Event
from thermedge.geometry import Box
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import NO_BOX, Track


class Part:
    faults = {"gaps": 2}


def track(state="tracking", **changes):
    box = NO_BOX if state == "idle" else Box(10, 20, 30, 40)
    return Track(box, 0.5, state, 7, 0, 1, {"infer": 2.0}, **changes)


def console(**options):
    return Console(file=io.StringIO(), width=200, **options)


def ran(*tracks, faults=False):
    summary = Summary(fallible=[Part()] if faults else [])
    for number, one in enumerate(tracks):
        summary.add(one, sinks_ms=0.5, seconds=0.1 * number)
    return summary


def test_the_table_tells_events_faults_and_age_where_there_are_any():
    out = console()
    events = (Event("lost", 0, 7, "."),)
    print_summary(out, ran(track(), track(events=events, age_ms=12.5), faults=True))
    told = out.file.getvalue()
    assert "2 frames, 2 dropped, 10 FPS" in told
    assert "events: lost 1" in told
    assert "faults: gaps 2" in told

    quiet = console()
    print_summary(quiet, ran(track(), track()))
    assert "events" not in quiet.file.getvalue()
    assert "faults" not in quiet.file.getvalue()
    assert " age " not in quiet.file.getvalue()


def test_brackets_of_an_address_are_no_markup():
    class Network:
        faults = {"udp://[fd00::2]:5600 unsent": 3}

    out = console()
    print_summary(out, Summary(frames=3, fallible=[Network()]))
    assert "faults: udp://[fd00::2]:5600 unsent 3" in out.file.getvalue()


def test_a_live_run_has_a_row_of_ages():
    out = console()
    print_summary(out, ran(track(age_ms=12.5), track(age_ms=12.5)))
    (row,) = [line for line in out.file.getvalue().splitlines() if " age " in line]
    assert row.count("12.50") == 3


def test_a_run_that_idled_has_no_table():
    out = console()
    print_summary(out, ran(track("idle"), track("idle")))
    assert "idle 2" in out.file.getvalue()
    assert "p95" not in out.file.getvalue()


def test_the_line_tells_box_age_and_faults_where_there_are_any():
    summary = ran(track(), track(), faults=True)
    line = described(track(age_ms=12.5), summary, 90)
    assert line == (
        "frame 2/90  tracking  score 0.50  box 10,20 30x40  10 FPS  age 12 ms  2 faults"
    )
    assert described(track("idle"), Summary(), None) == "frame 0  idle  0 FPS"


def test_on_a_terminal_a_line_replaces_the_last_one_and_elsewhere_lines_are_rare(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("thermedge.commands.track_report.monotonic", lambda: now[0])
    shown, plain = [], console()
    on_terminal = live_line(console(force_terminal=True), shown.append, None)
    in_journal = live_line(plain, shown.append, None)
    for _ in range(300):
        now[0] += 0.05
        on_terminal(track(), Summary())
        in_journal(track(), Summary())
    assert 95 <= len(shown) <= 151
    assert plain.file.getvalue().count("\n") == 1


def test_the_journal_shows_what_the_package_logs_while_it_runs():
    out, logger = console(), logging.getLogger("thermedge.runtime.loop")
    level = logging.getLogger("thermedge").level
    with journal(out):
        logger.info("frame %d: [b]reacquired[/b]", 7)
        logger.debug("too much")
    logger.warning("afterwards")
    assert out.file.getvalue() == "INFO: frame 7: [b]reacquired[/b]\n"
    assert logging.getLogger("thermedge").level == level
