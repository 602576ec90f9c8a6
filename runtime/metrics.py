"""The figures of a run for Prometheus."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from thermedge.errors import ThermedgeError
from thermedge.optional import require
from thermedge.runtime.hosts import is_host
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import Track

_LOOPBACK = "127.0.0.1"


class Figures:
    """Reads the figures from the run's summary whenever they are asked for.

    Nothing is counted per frame.

    Args:
        summary: Of the run.
        purpose: Who needs prometheus-client, should it be missing.

    Raises:
        MissingDependencyError: prometheus-client is not installed.
    """

    def __init__(self, summary: Summary, *, purpose: str = "--metrics") -> None:
        self._prometheus = require("prometheus_client", purpose)
        self._core = require("prometheus_client.core", purpose)
        self._summary = summary
        self._newest: tuple[Track, float] | None = None
        self._registry = self._prometheus.CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Return the figures in Prometheus' text format."""
        found: bytes = self._prometheus.generate_latest(self._registry)
        return found

    def frame(self, track: Track, summary: Summary) -> None:
        """Note the newest result."""
        self._newest = track, time.monotonic()

    def collect(self) -> Iterator[Any]:
        """Yield the figures; Prometheus asks through this name."""
        summary = self._summary
        yield self._total("frames", "Frames that the loop saw", summary.frames)
        yield self._total("frames_dropped", "Frames lost before the loop", summary.dropped)
        yield self._by("states", "Frames by state of the track", "state", summary.states)
        yield self._by("events", "Events by kind", "kind", summary.events)
        yield self._by("faults", "What went wrong in source and outputs", "name", summary.faults)
        yield self._gauge("fps", "Frames per second since the start", summary.fps)
        if self._newest is None:
            return
        track, seen = self._newest
        silent_s = time.monotonic() - seen
        yield self._gauge("silent_seconds", "Time since the last frame", silent_s)
        if track.age_ms is not None:
            age_s = track.age_ms / 1e3
            yield self._gauge("age_seconds", "From the sensor's stamp to the result", age_s)
        if track.state != "idle":
            yield self._gauge("score", "Of the last frame with a target", track.score)
        if track.confidence is not None:
            text = "Probability that the last frame's box is right"
            yield self._gauge("confidence", text, track.confidence)
        yield self._stages(summary)

    def _total(self, name: str, text: str, value: float) -> Any:
        return self._core.CounterMetricFamily(f"thermedge_{name}", text, value=value)

    def _gauge(self, name: str, text: str, value: float) -> Any:
        return self._core.GaugeMetricFamily(f"thermedge_{name}", text, value=value)

    def _by(self, name: str, text: str, label: str, counts: Any) -> Any:
        family = self._core.CounterMetricFamily(f"thermedge_{name}", text, labels=[label])
        for key, count in dict(counts).items():
            family.add_metric([key], count)
        return family

    def _stages(self, summary: Summary) -> Any:
        family = self._core.GaugeMetricFamily(
            "thermedge_stage_seconds", "Time per stage, of the last frames", labels=["stage", "q"]
        )
        for stage, values in summary.latency.percentiles(50, 95, 99).items():
            for quantile, value in zip(("0.5", "0.95", "0.99"), values, strict=True):
                family.add_metric([stage, quantile], value / 1e3)
        return family


class MetricsServer(Figures):
    """Serves /metrics over HTTP, in a thread of its own, until it is closed.

    Args:
        address: [ADDRESS:]PORT; this machine alone can ask when no address is given.
        summary: Of the run.

    Raises:
        ThermedgeError: `address` is impossible or in use.
        MissingDependencyError: prometheus-client is not installed.
    """

    def __init__(self, address: str, summary: Summary) -> None:
        host, port = parse_address(address)
        super().__init__(summary)
        try:
            self._server, self._thread = self._prometheus.start_http_server(
                port, host, registry=self._registry
            )
        except OSError as error:
            raise ThermedgeError(
                f"Metrics can't be served at {host}:{port}: {error.strerror}.",
                "Name a free address and port, for example --metrics 9464",
            ) from error
        self.port: int = self._server.server_port
        self._is_open = True

    def close(self) -> None:
        """Stop serving. Calling it twice is allowed."""
        if self._is_open:
            self._is_open = False
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def parse_address(text: str) -> tuple[str, int]:
    """Split [ADDRESS:]PORT; without an address it is this machine's own.

    Raises:
        ThermedgeError: The port is no number from 1 to 65535, or the address can't be one.
    """
    match = re.fullmatch(r"(?:(.*):)?([0-9]{1,5})", text)
    port = int(match[2]) if match else 0
    host = ((match and match[1]) or _LOOPBACK).strip("[]")
    if not 0 < port < 65536 or not is_host(host):
        raise ThermedgeError(
            f"--metrics {text!r} is no [ADDRESS:]PORT.", "Write, for example, --metrics 9464"
        )
    return host, port
