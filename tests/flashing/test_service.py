import pytest

from thermedge.errors import BoardError
from thermedge.flashing.service import Systemd


@pytest.fixture
def systemd(tmp_path):
    """Return a function that makes a systemd which answers by a shell's `case`."""

    def make(cases):
        program = tmp_path / "systemctl"
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ncase "$1" in\n{cases}\nesac\n'
        )
        program.chmod(0o755)
        return Systemd(str(program), soak_s=0.01)

    return make


def test_a_service_that_stays_alive_has_started(systemd, tmp_path):
    assert systemd("show) echo NRestarts=1;;").restart() is None
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[:2] == ["reset-failed thermedge.service", "restart thermedge.service"]


@pytest.mark.parametrize(
    ("cases", "problem"),
    [
        ("restart) echo 'Job failed.' >&2; exit 1;;", "Job failed"),
        ("restart) exit 5;;", "gave 5"),
        ("is-active) exit 3;;", "condition"),
        (
            'show) test ! -e once || : ; touch "$0.x"; echo 0;; is-active) test ! -e "$0.x";;',
            "ended within",
        ),
        ("show) date +%N;;", "restarted within"),
    ],
)
def test_one_that_does_not_tells_why(systemd, cases, problem):
    assert problem in systemd(cases).restart()


def test_a_systemd_that_refuses_its_units_is_an_error(systemd):
    with pytest.raises(BoardError, match="daemon-reload failed: Access denied"):
        systemd("daemon-reload) echo 'Access denied' >&2; exit 1;;").reload()
    systemd("").reload()


def test_active_is_what_systemd_says(systemd):
    assert systemd("").is_active()
    assert not systemd("is-active) exit 3;;").is_active()
