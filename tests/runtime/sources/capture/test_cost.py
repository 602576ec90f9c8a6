"""Facts about the bench, not about the time."""

from thermedge.runtime.sources.capture import cost


def test_a_frame_costs_something(monkeypatch) -> None:
    monkeypatch.setattr(cost, "_BATCHES", 2)
    monkeypatch.setattr(cost, "_BATCH", 3)
    assert 0 < cost.measure(mode=("Y16", 32, 16, 64)) < 1e6


def test_the_bench_runs_the_source_from_a_filled_buffer_to_a_frame() -> None:
    from thermedge.runtime.sources.capture.address import parse
    from thermedge.runtime.sources.v4l2 import V4l2Source

    camera = cost._ReadyCamera(("Y16", 32, 16, 64))
    with V4l2Source(parse("v4l2:/dev/null"), kernel=camera) as source:
        frames = iter(source)
        assert [next(frames).index for _ in range(9)] == list(range(9))
        camera._buffers[1][:2] = b"\7\0"
        assert next(frames).counts[0, 0] == 7
    assert source.faults == {}
