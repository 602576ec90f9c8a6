import json

from thermedge.errors import BoardError
from thermedge.flashing.progress import Progress


def test_the_file_tells_every_step_as_it_begins(tmp_path):
    path, told = tmp_path / "state/progress.json", []
    progress = Progress(path, "v1", told.append)
    for step in ("copy", "self-test"):
        progress.step(step)
        values = json.loads(path.read_text())
        assert (values["version"], values["state"], values["step"]) == ("v1", "running", step)
    progress.done()
    values = json.loads(path.read_text())
    assert values["state"] == "done"
    assert [item["step"] for item in values["done"]] == told == ["copy", "self-test"]


def test_a_failure_keeps_its_step_with_what_to_do(tmp_path):
    path = tmp_path / "progress.json"
    progress = Progress(path, "v1", lambda step: None)
    progress.step("self-test")
    progress.failed(BoardError("It failed.", "Look."))
    values = json.loads(path.read_text())
    assert values["step"] == "self-test"
    assert (values["state"], values["problem"], values["remedy"]) == (
        "failed",
        "It failed.",
        "Look.",
    )


def test_a_file_that_can_not_be_written_stops_nothing(tmp_path):
    (tmp_path / "state").write_text("a file")
    told = []
    progress = Progress(tmp_path / "state/progress.json", "v1", told.append)
    progress.step("copy")
    Progress(None, "v1", told.append).done()
    assert told == ["copy"]
