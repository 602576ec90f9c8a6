"""Facts about what people read before a board is erased."""

from pathlib import Path

from thermedge.flashing import describe, preflight


def test_the_plan_names_what_is_erased_and_every_command(workstation):
    subject = workstation.subject()
    told = describe.lines(subject, [])
    (erased,) = [line for line in told if line.startswith("Will ERASE")]
    for device in subject.plan.erases:
        assert device in erased
    assert any("3-4 0955:7523" in line for line in told)
    numbers = [line.split()[0] for line in told[-len(subject.plan.steps) :]]
    assert numbers == [str(number) for number in range(1, len(subject.plan.steps) + 1)]


def test_an_image_erases_nothing_and_needs_no_cable(workstation):
    told = "\n".join(
        describe.lines(workstation.subject(is_image_only=True, image=Path("/images/a.img")), [])
    )
    assert "nothing: it makes an image only" in told
    assert "not needed for an image" in told


def test_errors_come_before_warnings_each_with_its_remedy():
    def result(number, status):
        values = {"number": number, "name": "x", "status": status}
        return preflight.Result(**values, problem=f"p{number}", remedy=f"r{number}")

    results = [result(1, "ok"), result(2, "warning"), result(3, "error")]
    assert describe.summary(results) == "1 ok, 1 warnings, 1 errors, 0 not needed"
    assert describe.findings(results) == [
        *("error 3 x: p3", "      fix: r3"),
        *("warning 2 x: p2", "      fix: r2"),
    ]
