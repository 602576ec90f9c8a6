"""Facts about reading dataclasses from JSON and TOML."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.records import RecordError, from_mapping, to_mapping


@dataclass(frozen=True)
class Leaf:
    gain: float
    mode: Literal["low", "high"] = "low"


@dataclass(frozen=True)
class Tree:
    name: str
    count: int
    ratio: float
    live: bool
    leaf: Leaf
    limit: float | None
    leaves: tuple[Leaf, ...]
    shape: tuple[int, ...]
    knots: tuple[tuple[float, float], ...]
    table: dict[str, Leaf]
    words: dict[str, str] = field(default_factory=dict)


finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers() | finite | st.text()
leaves = st.builds(Leaf, finite, st.sampled_from(["low", "high"]))
trees = st.builds(
    Tree,
    name=st.text(),
    count=st.integers(),
    ratio=finite,
    live=st.booleans(),
    leaf=leaves,
    limit=st.none() | finite,
    leaves=st.lists(leaves, max_size=3).map(tuple),
    shape=st.lists(st.integers(), max_size=4).map(tuple),
    knots=st.lists(st.tuples(finite, finite), max_size=3).map(tuple),
    table=st.dictionaries(st.text(), leaves, max_size=3),
    words=st.dictionaries(st.text(), st.text(), max_size=3),
)
TREE = Tree(
    "a", 1, 0.5, True, Leaf(2.0), None, (Leaf(1.0),), (1, 8), ((0.5, 1.0),), {"x": Leaf(3.0)}
)


def changed(**values: Any) -> dict[str, Any]:
    return to_mapping(TREE) | values


@given(trees)
def test_a_record_comes_back_from_its_json(tree: Tree) -> None:
    assert from_mapping(Tree, json.loads(json.dumps(to_mapping(tree)))) == tree


@given(st.sampled_from(sorted(to_mapping(TREE))), st.recursive(scalars, st.lists, max_leaves=4))
def test_any_value_is_either_kept_or_refused_by_its_name(name: str, value: object) -> None:
    try:
        read = from_mapping(Tree, changed(**{name: value}))
    except RecordError as error:
        complaint = str(error)
    else:
        complaint = name
        assert to_mapping(read)[name] == value
    assert complaint.startswith(name)


def test_a_whole_number_serves_as_a_float() -> None:
    leaf = from_mapping(Leaf, {"gain": 2})
    assert leaf == Leaf(2.0)
    assert type(leaf.gain) is float


def test_fields_with_a_default_may_be_left_out() -> None:
    values = to_mapping(TREE)
    del values["words"]
    assert from_mapping(Tree, values) == TREE


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Tree) if f.name != "words"])
def test_every_other_field_is_required(name: str) -> None:
    values = to_mapping(TREE)
    del values[name]
    with pytest.raises(RecordError, match=f"^Tree lacks the key '{name}'$"):
        from_mapping(Tree, values)


def test_a_typo_is_named_beside_the_keys_that_exist() -> None:
    with pytest.raises(RecordError, match="^Leaf has no key 'gian'; it knows gain, mode$"):
        from_mapping(Leaf, {"gian": 1.0})


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"name": 3}, "name is 3, expected str"),
        ({"count": 1.0}, "count is 1.0, expected int"),
        ({"count": True}, "count is True, expected int"),
        ({"count": None}, "count is None, expected int"),
        ({"ratio": True}, "ratio is True, expected float"),
        ({"ratio": "0.5"}, "ratio is '0.5', expected float"),
        ({"live": 1}, "live is 1, expected bool"),
        ({"limit": "none"}, "limit is 'none', expected float"),
        ({"leaf": 1}, "leaf is 1, expected a table of keys"),
        ({"leaf": {"gain": "x"}}, "leaf.gain is 'x', expected float"),
        (
            {"leaf": {"gain": 1.0, "mode": "mid"}},
            "leaf.mode is 'mid', expected one of ('low', 'high')",
        ),
        ({"leaf": {"gain": 1.0, "made": "low"}}, "leaf has no key 'made'; it knows gain, mode"),
        ({"leaves": {"gain": 1.0}}, "leaves is {'gain': 1.0}, expected a list"),
        ({"leaves": [{"gain": 1.0}, {}]}, "leaves[1] lacks the key 'gain'"),
        ({"shape": "18"}, "shape is '18', expected a list"),
        ({"shape": [1, 8.5]}, "shape[1] is 8.5, expected int"),
        ({"table": []}, "table is [], expected a table of keys"),
        ({"table": {"y": {"gain": None}}}, "table.y.gain is None, expected float"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RecordError) as caught:
        from_mapping(Tree, changed(**values))
    assert str(caught.value) == complaint


def test_a_long_value_is_shortened_in_the_message() -> None:
    with pytest.raises(RecordError) as caught:
        from_mapping(Leaf, {"gain": "x" * 10_000})
    assert len(str(caught.value)) < 120


def test_a_list_is_no_record() -> None:
    with pytest.raises(RecordError, match=r"^Leaf is \[1\], expected a table of keys$"):
        from_mapping(Leaf, [1])


def test_a_whole_number_that_no_float_holds_is_refused() -> None:
    with pytest.raises(RecordError, match="^gain is 1000.*, too large for a number"):
        from_mapping(Leaf, {"gain": 10**400})
