"""Facts about errors that a user can act on."""

import pickle

import pytest

from thermedge import errors
from thermedge.errors import ThermedgeError

KINDS = ThermedgeError.__subclasses__()


def test_the_text_holds_the_problem_and_then_the_fix() -> None:
    error = ThermedgeError("No such board: 'orn'.", "Run thermedge boards.")
    assert str(error) == "No such board: 'orn'.\n  fix: Run thermedge boards."
    assert (error.problem, error.remedy) == ("No such board: 'orn'.", "Run thermedge boards.")


def test_the_tree_in_the_docstring_names_every_kind() -> None:
    tree = (errors.__doc__ or "").split("ThermedgeError\n")[1]
    named = [line.split()[1] for line in tree.strip().splitlines()]
    assert sorted(named) == sorted(kind.__name__ for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_the_way_back_from_a_worker_process(kind: type[ThermedgeError]) -> None:
    back = pickle.loads(pickle.dumps(kind("problem", "remedy")))
    assert type(back) is kind
    assert (back.problem, back.remedy, str(back)) == ("problem", "remedy", "problem\n  fix: remedy")
