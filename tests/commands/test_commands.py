"""Facts about the command `thermedge` as a whole."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import thermedge
from thermedge import commands
from thermedge.commands import VERBS, guarded, main
from thermedge.errors import SourceError

GREET = """
def add_arguments(parser):
    parser.add_argument("name")
    parser.add_argument("--status", type=int, default=0)

def run(args):
    print(f"hello {args.name}")
    return args.status
"""


@pytest.fixture
def greet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two verbs: one that greets, and one whose module does not exist."""
    (tmp_path / "thermedge_greet.py").write_text(GREET)
    monkeypatch.syspath_prepend(tmp_path)
    verbs = {"greet": ("thermedge_greet", "say hello"), "other": ("thermedge_none", "say no")}
    monkeypatch.setattr(commands, "VERBS", verbs)


def program(*arguments: str, code: str = "", stdout: int) -> subprocess.CompletedProcess[str]:
    run = ["-c", code] if code else ["-m", "thermedge"]
    command = [sys.executable, "-W", "error", *run, *arguments]
    # Unbuffered, a closed pipe would be noticed at the first line already.
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return subprocess.run(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=buffered,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_module_that_takes_arguments_and_runs(verb: str) -> None:
    module = importlib.import_module(VERBS[verb][0])
    assert callable(module.add_arguments)
    assert callable(module.run)


@pytest.mark.usefixtures("greet")
def test_a_verb_gets_its_arguments_and_gives_the_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["greet", "you"]) == 0
    assert main(["greet", "--status", "7", "all"]) == 7
    assert capsys.readouterr().out == "hello you\nhello all\n"


@pytest.mark.usefixtures("greet")
def test_the_arguments_of_the_process_are_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["thermedge", "greet", "you"])
    assert main() == 0
    assert capsys.readouterr().out == "hello you\n"


@pytest.mark.usefixtures("greet")
def test_the_help_lists_every_verb_without_importing_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    listed = capsys.readouterr().out
    assert "say hello" in listed
    assert "say no" in listed


@pytest.mark.usefixtures("greet")
def test_the_help_of_a_verb_tells_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["greet", "--help"])
    assert caught.value.code == 0
    assert "--status" in capsys.readouterr().out


@pytest.mark.usefixtures("greet")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "required: VERB"),
        (["gret"], "invalid choice: 'gret'"),
        (["greet"], "required: name"),
        (["greet", "you", "--stats", "x"], "--stats"),
        (["greet", "you", "--status", "high"], "invalid int value: 'high'"),
        (["--nonsense"], "required: VERB"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_an_error_for_users_is_two_lines_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise SourceError("No such camera: /dev/video9.", "Plug it in, or name another.")

    assert guarded(fail) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: No such camera: /dev/video9.\nfix: Plug it in, or name another.\n"


def test_an_interrupt_is_one_line_and_status_130(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    assert guarded(interrupt) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 // 0)


@pytest.mark.parametrize("lines", [1, 100_000])  # noticed at the last flush, and in the middle
def test_a_reader_that_went_away_is_no_error(lines: int) -> None:
    code = f"""
import sys
from thermedge.commands import guarded
def run():
    for line in range({lines}):
        print("frame", line)
    return 0
sys.exit(guarded(run))
"""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = program(code=code, stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_python_m_thermedge_is_the_command() -> None:
    done = program("--version", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, f"thermedge {thermedge.__version__}\n")


def test_wrong_usage_reaches_the_shell_as_status_2() -> None:
    done = program("nonsense", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_closed_stdout_is_no_error() -> None:
    code = "import sys; from thermedge.commands import guarded; sys.exit(guarded(lambda: 7))"
    command = ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, code]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (7, "")


def test_a_flag_that_is_cut_short_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["track", "synthetic:", "--bund", "default"], ["doctor", "--back", "ort"]):
        with pytest.raises(SystemExit) as caught:
            main(command)
        assert caught.value.code == 2
        assert "unrecognized arguments: --b" in capsys.readouterr().err
    own = "from thermedge.commands.track_camera import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", own, "synthetic:", "--bund", "default"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "unrecognized arguments: --bund" in done.stderr
