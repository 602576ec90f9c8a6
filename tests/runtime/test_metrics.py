"""Facts about the figures for Prometheus."""

import socket
import urllib.request

import pytest

pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")
from prometheus_client.parser import text_string_to_metric_families

from thermedge.errors import ThermedgeError
from thermedge.events import Event
from thermedge.geometry import Box
from thermedge.runtime.metrics import MetricsServer, parse_address
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import Track


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scraped(server):
    """Every sample: (name, labels) -> value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_what_the_summary_says():
    class Part:
        faults = {"gaps": 4}

    summary = Summary(fallible=[Part()])
    lost = Event("lost", 0, 2, ".")
    with MetricsServer(f"{free_port()}", summary) as server:
        assert scraped(server)["thermedge_frames_total",] == 0
        for index in range(3):
            events = (lost,) if index == 2 else ()
            stages = {"infer": 20.0}
            known = {"age_ms": 30.0, "confidence": 0.75}
            track = Track(Box(1, 2, 3, 4), 0.5, "tracking", index, 0, 1, stages, events, **known)
            summary.add(track, sinks_ms=0.0, seconds=float(index))
            server.frame(track, summary)
        found = scraped(server)
    assert found["thermedge_frames_total",] == 3
    assert found["thermedge_frames_dropped_total",] == 3
    assert found["thermedge_states_total", "tracking"] == 3
    assert found["thermedge_events_total", "lost"] == 1
    assert found["thermedge_faults_total", "gaps"] == 4
    assert found["thermedge_fps",] == 1
    assert found["thermedge_age_seconds",] == pytest.approx(0.03)
    assert found["thermedge_score",] == 0.5
    assert found["thermedge_confidence",] == 0.75
    assert 0 <= found["thermedge_silent_seconds",] < 10
    assert found["thermedge_stage_seconds", "0.5", "infer"] == pytest.approx(0.02)


def test_a_port_in_use_is_an_error_and_a_closed_server_gives_it_back():
    port = free_port()
    with (
        MetricsServer(str(port), Summary()) as server,
        pytest.raises(ThermedgeError, match="in use"),
    ):
        MetricsServer(str(port), Summary())
    server.close()
    MetricsServer(str(port), Summary()).close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:9464", ("::1", 9464)),
        ("pole7:9464", ("pole7", 9464)),
    ],
)
def test_this_machine_alone_may_ask_unless_an_address_is_given(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "here", "0", "70000", "1.2.3.4:", "-1", "9464x", "192.168..1:9464"]
)
def test_an_impossible_address_is_an_error(text):
    with pytest.raises(ThermedgeError, match="--metrics"):
        parse_address(text)
