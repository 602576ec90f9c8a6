"""Facts about plans: every board, storage and line of L4T gives the commands that are kept here."""

import json
import os
import shlex
from pathlib import Path

import pytest

from thermedge import board_configs, bundles
from thermedge.board_configs import l4t
from thermedge.errors import BoardError
from thermedge.flashing import bsp, plan
from thermedge.flashing.overlay import OverlayRequest

GOLDEN = Path(__file__).with_name("golden_plans.txt")


def newest(release):
    """The newest known L4T of a line."""
    known = [version for version in l4t.JETPACK if l4t.is_within(version, release.l4t)]
    return max(known, key=l4t.parse)


CASES = [
    (board, release, storage, is_image)
    for board in map(board_configs.read, board_configs.names())
    for release in board.release
    for storage in release.storage
    for is_image in (False, True)
]


def wanted(trees, board, version, **options):
    overlay = OverlayRequest(
        version="1",
        board=board.id,
        bundle=bundles.find("default"),
        wheelhouse=None,
        user="thermedge",
        arguments=("v4l2:auto",),
    )
    found = bsp.look(trees(version))
    return plan.Wanted(board=board, bsp=found, overlay=overlay, **options)


def told(trees, board, release, storage, *, is_image):
    asked = wanted(
        *(trees, board, newest(release)),
        storage=storage.name,
        login=plan.Login(user="tracker", host="te-01"),
        is_image_only=is_image,
        image=Path("/images/out.img"),
    )
    try:
        made = plan.make(asked)
    except BoardError as error:
        return f"refused: {error.problem}"
    first, last = made.steps[0], made.steps[-1]
    assert (first.name, last.name) == ("apply_binaries", "flash")
    env = [f"{name}={value}" for name, value in last.env.items()]
    return f"{shlex.join(first.argv)} ... {shlex.join([*env, *last.argv])}"


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Return a function that gives one fake tree per version, before apply_binaries.sh."""
    import runpy

    fake, made = runpy.run_path(str(Path(__file__).with_name("fake_bsp.py"))), {}

    def tree(version):
        if version not in made:
            folder = tmp_path_factory.mktemp(version)
            made[version] = fake["make"](folder, l4t=version, is_applied=False)
        return made[version]

    return tree


def test_the_plans_are_those_that_were_read_and_found_right(trees):
    plans = [
        f"{board.id} L4T {newest(release)} {storage.name}{' image' if is_image else ''}: "
        + told(trees, board, release, storage, is_image=is_image)
        for board, release, storage, is_image in CASES
    ]
    if os.environ.get("THERMEDGE_WRITE_GOLDEN"):
        GOLDEN.write_text("\n".join(plans) + "\n")
    assert plans == GOLDEN.read_text().splitlines()


@pytest.mark.parametrize("board", board_configs.names())
def test_all_files_of_a_plan_are_in_such_a_tree(trees, board):
    config = board_configs.read(board)
    for release in config.release:
        for storage in release.storage:
            asked = wanted(trees, config, newest(release), storage=storage.name)
            missing = [path for path in plan.make(asked).files if not asked.bsp.has(path)]
            assert not missing


NANO = board_configs.read("orin-nano-8gb-devkit-super")


def test_without_a_word_the_default_storage_is_taken(trees):
    assert plan.make(wanted(trees, NANO, "36.5.0")).storage.name == "nvme"


def test_steps_come_in_the_order_that_keeps_what_they_write(trees):
    login = plan.Login(user="tracker", host="te-01")
    made = plan.make(wanted(trees, NANO, "36.5.0", login=login))
    assert tuple(step.name for step in made.steps) == plan.STEPS


def test_a_storage_that_the_board_lacks_is_refused(trees):
    with pytest.raises(BoardError, match="'emmc'") as caught:
        plan.make(wanted(trees, NANO, "36.5.0", storage="emmc"))
    assert "nvme" in caught.value.remedy


def test_an_l4t_of_other_boards_is_refused(trees):
    with pytest.raises(BoardError, match="35.4.1"):
        plan.make(wanted(trees, NANO, "35.4.1"))


def test_options_become_arguments_before_the_board(trees):
    made = plan.make(
        wanted(trees, NANO, "36.5.0", root_gib=40, usb_instance="3-14", conf="my-carrier")
    )
    argv = made.steps[-1].argv
    assert argv[argv.index("-S") + 1] == "40GiB"
    assert argv[argv.index("--usb-instance") + 1] == "3-14"
    assert argv[-2:] == ("my-carrier", "internal")


def test_the_arguments_for_flash_sh_stay_one_argument(trees):
    argv = plan.make(wanted(trees, NANO, "36.5.0")).steps[-1].argv
    assert argv[argv.index("-p") + 1] == "-c bootloader/generic/cfg/flash_t234_qspi.xml"


def test_no_password_is_in_a_plan(trees, tmp_path):
    secret = tmp_path / "pw"
    secret.write_text("hunter2")
    login = plan.Login(user="tracker", host="te-01", password_file=secret)
    made = plan.make(wanted(trees, NANO, "36.5.0", login=login))
    assert "hunter2" not in json.dumps(made.as_mapping())
    assert "-p" not in made.steps[1].argv


def test_a_plan_without_flash_erases_nothing(trees):
    made = plan.make(wanted(trees, NANO, "36.5.0"))
    assert made.erases
    only = plan.chosen(made, only="overlay")
    assert [step.name for step in only.steps] == ["overlay"]
    assert not only.erases
    assert not only.is_flashing


def test_going_on_keeps_the_rest(trees):
    made = plan.make(wanted(trees, NANO, "36.5.0"))
    rest = plan.chosen(made, start="overlay")
    assert [step.name for step in rest.steps] == ["overlay", "flash"]
    assert rest.erases == made.erases


def test_a_step_that_the_plan_lacks_is_refused(trees):
    with pytest.raises(BoardError, match="no step 'user'"):
        plan.chosen(plan.make(wanted(trees, NANO, "36.5.0")), only="user")


@pytest.mark.parametrize("user", ["tracker", "Tracker", "john.doe", "_x", "a" * 32])
def test_names_that_linux_takes_may_log_in(user):
    assert plan.Login(user=user, host="te-01.example").user == user


@pytest.mark.parametrize(
    "user", ["", "a b;c", "-G", "root", "1000", "..", "a:b", "a/b", "$(id)", "a\n", "ä", "a" * 33]
)
def test_a_name_that_nobody_can_have_is_refused(user):
    with pytest.raises(BoardError, match="Nobody can log in as") as told:
        plan.Login(user=user, host="te-01")
    assert "--login" in told.value.remedy


@pytest.mark.parametrize("host", ["", "-n", "a b", "a;b", "te-", "a" * 65])
def test_a_host_name_that_no_board_can_have_is_refused(host):
    with pytest.raises(BoardError, match="host name") as told:
        plan.Login(user="tracker", host=host)
    assert "--host-name" in told.value.remedy


def test_an_image_of_a_card_refuses_what_its_program_can_not_do(trees):
    devkit = board_configs.read("orin-nano-8gb-devkit")
    asked = {"storage": "sd", "is_image_only": True}
    plan.make(wanted(trees, devkit, "35.6.4", **asked))
    for flag, option in (("--conf", {"conf": "my-carrier"}), ("--root-gib", {"root_gib": 40})):
        with pytest.raises(BoardError, match=f"knows no {flag}") as told:
            plan.make(wanted(trees, devkit, "35.6.4", **asked, **option))
        assert f"Leave {flag} out" in told.value.remedy


def test_going_on_from_drivers_that_are_there_takes_all_that_is_left(trees):
    made = plan.make(wanted(trees, NANO, "36.5.0"))
    rest = plan.chosen(made, start="overlay")
    assert plan.chosen(rest, start="apply_binaries") == rest
    with pytest.raises(BoardError, match="no step 'apply_binaries'"):
        plan.chosen(rest, only="apply_binaries")
