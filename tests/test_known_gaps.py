"""The table of known gaps names tests that are there, and covers what it says and no more."""

import ast
from fnmatch import filter as matching
from pathlib import Path

import pytest

from tests.known_gaps import KNOWN_GAPS, Gap

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("gap", KNOWN_GAPS, ids=lambda gap: f"{gap.engine}: {gap.test}")
def test_every_gap_names_a_test_that_is_there_and_its_source(gap: Gap) -> None:
    file, _, pattern = gap.test.partition("[")[0].rpartition("::")
    tests = [
        node.name
        for node in ast.walk(ast.parse((ROOT / file.partition("::")[0]).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert matching(tests, pattern)
    assert gap.why
    assert gap.source


@pytest.mark.parametrize(
    ("test", "covered"),
    [
        ("tests/client/test_x.py::test_one", True),
        ("tests/client/test_x.py::test_*", True),
        ("tests/client/test_x.py::test_one[memory-2]", True),
        ("tests/client/test_x.py::test_one[memory-1]", False),
        ("tests/client/test_x.py::test_two", False),
        ("tests/client/*::test_two", False),
    ],
)
def test_a_gap_covers_its_tests_on_its_engine_only(test: str, covered: bool) -> None:
    gap = Gap(test=test, engine="memory", why="it is", source="seen")

    assert gap.covers("tests/client/test_x.py::test_one[memory-2]", "memory") is covered
    assert not gap.covers("tests/client/test_x.py::test_one[memory-2]", "dynoxide")
