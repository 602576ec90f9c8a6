"""Errors that a user can act on: what went wrong, and what to do about it.

ThermedgeError
├── BoardError               a board is unknown or its file is wrong
├── BundleError              a bundle is missing, damaged or of another format
├── SourceError              frames can't be read: file, folder, camera
├── SinkError                results can't be written
├── BackendError             an engine is unknown or refuses a graph
├── TargetError              the box that a track should start from is impossible
├── RecipeError              a training recipe, its data or its checkpoint is wrong
├── DatasetError             an evaluation data set or result file has another layout
├── CalibrationError         calibration data is missing, damaged or of another tracker
└── MissingDependencyError   a package that this path needs is not installed
"""

from __future__ import annotations


class ThermedgeError(Exception):
    """What went wrong, and what to do about it.

    Args:
        problem: One sentence with the offending value and what was expected.
        remedy: One imperative sentence; a command line where one exists.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)  # both, so that worker processes can hand it back
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}\n  fix: {self.remedy}"


class BoardError(ThermedgeError):
    """A board is unknown, or its configuration file is wrong."""


class BundleError(ThermedgeError):
    """A bundle is missing, damaged, or written in another format."""


class SourceError(ThermedgeError):
    """Frames can't be read from where the user pointed."""


class SinkError(ThermedgeError):
    """Results can't be written to where the user pointed."""


class BackendError(ThermedgeError):
    """An inference engine is unknown, or refuses the graph."""


class TargetError(ThermedgeError):
    """The box that a track should start from is impossible."""


class RecipeError(ThermedgeError):
    """A training recipe, its data, or its checkpoint is wrong."""


class DatasetError(ThermedgeError):
    """An evaluation data set or a result file has another layout than expected."""


class CalibrationError(ThermedgeError):
    """Calibration data is missing, damaged, or was made for another tracker."""


class MissingDependencyError(ThermedgeError):
    """A package that this code path needs is not installed here."""
