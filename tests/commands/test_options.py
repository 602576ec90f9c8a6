import argparse
import sys

import pytest

from thermedge.commands.options import (
    add_payload,
    add_target,
    add_tracker,
    add_training,
    check_auto_timeout,
    check_least,
    check_training,
)
from thermedge.errors import MissingDependencyError, ThermedgeError


def test_without_flags_the_shipped_tracker_runs_in_whatever_engine_is_there():
    parser = argparse.ArgumentParser()
    add_tracker(parser)
    args = parser.parse_args([])
    assert (args.bundle, args.backend) == ("default", "auto")


def test_every_backend_is_named_in_the_help():
    from thermedge.runtime.backends import BACKENDS

    parser = argparse.ArgumentParser()
    add_tracker(parser)
    for name in ("auto", *BACKENDS):
        assert name in parser.format_help()


def test_there_is_one_way_to_start_at_most(capsys):
    parser = argparse.ArgumentParser()
    add_target(parser)
    assert parser.parse_args(["--init=1,2,3,4", "--control", "t.sock"]).init == "1,2,3,4"
    with pytest.raises(SystemExit):
        parser.parse_args(["--select", "--auto", "moving"])
    assert "not allowed with" in capsys.readouterr().err


def test_every_way_of_choosing_by_itself_is_an_option():
    from thermedge.runtime.start import HOWS

    parser = argparse.ArgumentParser()
    add_target(parser)
    assert [parser.parse_args(["--auto", how]).auto for how in HOWS] == list(HOWS)


def test_a_board_is_given_no_tracker_that_nobody_named(capsys):
    parser = argparse.ArgumentParser()
    add_payload(parser)
    assert parser.parse_args(["--bundle", "fgsgt"]).wheelhouse is None
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert "--bundle" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_choice_by_itself_needs_a_time_to_give_up_after(seconds):
    parser = argparse.ArgumentParser()
    add_target(parser)
    with pytest.raises(ThermedgeError, match=f"--auto-timeout is {seconds}"):
        check_auto_timeout(parser.parse_args(["--auto-timeout", seconds]))
    check_auto_timeout(parser.parse_args([]))


def test_the_first_count_below_its_least_is_told():
    check_least(("--a", None, 1), ("--b", 0, 0), ("--c", 3, 1))
    with pytest.raises(ThermedgeError, match="--b is 0") as caught:
        check_least(("--a", 1, 1), ("--b", 0, 1), ("--c", -1, 0))
    assert "from 1 up" in str(caught.value.remedy)


def test_training_refuses_negative_numbers_and_a_machine_without_torch(monkeypatch):
    parser = argparse.ArgumentParser()
    add_training(parser)
    with pytest.raises(ThermedgeError, match="--workers is -1"):
        check_training(parser.parse_args(["--data", "d", "--workers", "-1"]))
    check_training(parser.parse_args(["--data", "d"]))
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingDependencyError, match="safetensors"):
        check_training(parser.parse_args(["--data", "d"]))
