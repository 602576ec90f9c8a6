import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.errors import BackendError
from thermedge.export.engine_adapters import PRECISIONS, Phases, adapter

VERSIONS = ("8.5.2", "8.6.1", "10.3.0", "10.16.1", "11.4.0")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_flag_exists_in_its_generation(recorded_tensorrt, version, precision):
    trt = recorded_tensorrt(version)
    for name in adapter(trt).builder_flags(precision):
        assert name in trt.BuilderFlag.__members__


def test_only_tensorrt_8_is_asked_for_explicit_batches(recorded_tensorrt):
    flags = {v: adapter(recorded_tensorrt(v)).network_flags() for v in VERSIONS}
    assert flags == {"8.5.2": 1, "8.6.1": 1, "10.3.0": 0, "10.16.1": 0, "11.4.0": 0}


def test_fp16_is_a_flag_until_tensorrt_10_and_a_graph_from_11_on(recorded_tensorrt):
    for version in VERSIONS:
        chosen = adapter(recorded_tensorrt(version))
        is_new = version.startswith("11")
        assert chosen.is_strongly_typed == is_new
        assert chosen.graph_precision("fp16") == ("fp16" if is_new else "fp32")
        assert chosen.graph_precision("int8") == "int8"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refused_node_is_told_with_what_this_version_knows_of_it(recorded_tensorrt, version):
    trt = recorded_tensorrt(version)
    trt.answers |= {
        "ParserError.node": 12,
        "ParserError.node_name": "the_bad_one",
        "ParserError.node_operator": "Frobnicate",
        "ParserError.desc": "no such operator",
    }
    told = adapter(trt).refusal(trt._new("ParserError"))
    assert "no such operator" in told
    assert ("12" if version.startswith("8") else "'the_bad_one' (Frobnicate)") in told


@pytest.mark.parametrize("version", [v for v in VERSIONS if not v.startswith("8")])
def test_the_monitor_hands_on_how_far_the_build_is(recorded_tensorrt, version):
    trt = recorded_tensorrt(version)
    seen = []
    config = trt._new("IBuilderConfig")
    monitor = adapter(trt).watch(config, lambda done: bool(seen.append(done)) or len(seen) < 3)
    assert config.progress_monitor is monitor
    monitor.phase_start("Building Engine", None, 2)
    answers = [monitor.step_complete("Building Engine", step) for step in range(2)]
    monitor.phase_start("more", "Building Engine", 1)
    answers.append(monitor.step_complete("more", 0))
    assert seen == [0.5, 1.0, 1.0]
    assert answers == [True, True, False]


def test_a_future_tensorrt_is_not_guessed_at(recorded_tensorrt):
    trt = recorded_tensorrt("11.4.0")
    trt.__version__ = "12.0.0"
    with pytest.raises(BackendError, match=r"12\.0\.0") as caught:
        adapter(trt)
    assert "--backend ort" in caught.value.remedy


def test_nested_phases_fill_the_step_of_their_parent():
    phases = Phases()
    phases.start("all", None, 2)
    phases.start("inner", "all", 4)
    phases.step("inner", 0)
    assert phases.done == pytest.approx(0.125)
    phases.finish("inner")
    assert phases.done == pytest.approx(0.5)
    phases.step("all", 0)
    assert phases.done == pytest.approx(0.5)
    phases.finish("all")
    assert phases.done == 1.0


EVENTS = st.tuples(
    st.sampled_from("sft"), st.sampled_from("abc"), st.sampled_from("abc"), st.integers(0, 5)
)


@given(st.lists(EVENTS, max_size=40))
def test_progress_stays_between_0_and_1_and_never_falls(events):
    phases, before = Phases(), 0.0
    for what, name, parent, number in events:
        if what == "s":
            phases.start(name, None if parent == name else parent, number)
        elif what == "f":
            phases.finish(name)
        else:
            phases.step(name, number)
        assert before <= phases.done <= 1.0
        before = phases.done
