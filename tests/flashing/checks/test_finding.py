"""Facts about what checks say."""

import dataclasses

import pytest

from thermedge.flashing.checks import finding


def test_errors_and_warnings_differ_in_severity_alone():
    error = finding.error("It is broken.", "Mend it.")
    warning = finding.warning("It is broken.", "Mend it.")
    assert (error.severity, warning.severity) == ("error", "warning")
    assert dataclasses.replace(warning, severity="error") == error


def test_nobody_agreed_to_anything_unless_told(workstation):
    subject = workstation.subject()
    assert (subject.is_executing, subject.yes_erase) == (False, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        subject.is_executing = True
