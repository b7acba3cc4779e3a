"""The fixtures themselves: skipped, required, accounted for, expected to fail."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = Path(__file__).parent
Run = Callable[..., pytest.RunResult]

INI = """
[pytest]
addopts = --strict-markers --import-mode=importlib -p no:cacheprovider
pythonpath = .
testpaths = tests
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
xfail_strict = true
filterwarnings = error
markers = slow: slow
"""

SUITE = """
def test_that_answers(engine):
    assert engine.name

def test_that_connects(engine):
    assert engine.url or engine.endpoint
"""


def gap_on_memory(test: str) -> str:
    gap = f"test='tests/test_suite.py::{test}', engine='memory', why='it is', source='seen'"
    return f"KNOWN_GAPS = (Gap({gap}),)"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*arguments: str, suite: str = SUITE, gaps: str = "", **variables: str) -> pytest.RunResult:
        tests = pytester.mkdir("tests")
        (tests / "conftest.py").write_text((TESTS / "conftest.py").read_text())
        (tests / "known_gaps.py").write_text((TESTS / "known_gaps.py").read_text() + gaps)
        (tests / "test_suite.py").write_text(suite)
        pytester.makeini(INI)
        for name in ("DYNAMORM_REQUIRE_ENGINES", "DYNAMORM_TEST_AWS", "DYNAMORM_TEST_ALTERNATOR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DYNAMORM_TEST_ENGINES", "memory,dynoxide")
        monkeypatch.setenv("DYNAMORM_DYNOXIDE", "no-such-program")
        monkeypatch.setenv("PYTHONPATH", str(TESTS.parent))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return pytester.runpytest_subprocess(*arguments)

    return run


pytestmark = pytest.mark.slow


def test_a_lacking_engine_is_skipped_and_the_summary_says_what_to_install(run: Run) -> None:
    result = run()

    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.fnmatch_lines(
        ["*= engines =*", "memory *2 tests ran", "dynoxide *MISSING: *; name the dynoxide*"]
    )
    assert result.ret == 0


def test_a_lacking_engine_that_is_required_fails_the_run(run: Run) -> None:
    result = run(DYNAMORM_REQUIRE_ENGINES="memory,dynoxide")

    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(["*engine dynoxide is required: *", "dynoxide *MISSING (required by *"])
    assert result.ret == 1


def test_a_required_engine_on_which_no_test_ran_fails_a_whole_run(run: Run) -> None:
    result = run(DYNAMORM_TEST_ENGINES="memory", DYNAMORM_REQUIRE_ENGINES="memory,dynamodb-local")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["dynamodb-local *no test ran (required by DYNAMORM_REQUIRE_ENGINES)"])
    assert result.ret == 1


def test_a_required_engine_whose_tests_all_skip_themselves_fails_the_run(run: Run) -> None:
    suite = "import pytest\ndef test_one(engine):\n    pytest.skip('not today')\n"

    result = run(suite=suite, DYNAMORM_TEST_ENGINES="memory", DYNAMORM_REQUIRE_ENGINES="memory")

    result.assert_outcomes(skipped=1)
    assert result.ret == 1


def test_a_run_of_a_part_need_not_meet_every_required_engine(run: Run) -> None:
    result = run("-m", "not slow", DYNAMORM_REQUIRE_ENGINES="memory,dynoxide")

    result.assert_outcomes(passed=2, deselected=2)
    assert result.ret == 0


def test_a_run_spread_over_processes_gives_one_account(run: Run) -> None:
    suite = "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_six(engine, n):\n    pass\n"

    result = run("-n", "2", suite=suite)

    result.assert_outcomes(passed=6, skipped=6)
    result.stdout.fnmatch_lines(["memory *6 tests ran", "dynoxide *MISSING: *; name the dynoxide*"])
    assert result.ret == 0


@pytest.mark.parametrize(("required", "exit_status"), [("memory", 0), ("dynoxide", 1)])
def test_of_a_run_spread_over_processes_one_has_to_meet_what_is_required(
    run: Run, required: str, exit_status: int
) -> None:
    suite = "def test_one(engine):\n    pass\n"

    result = run("-n", "2", suite=suite, DYNAMORM_TEST_ENGINES="memory", DYNAMORM_REQUIRE_ENGINES=required)

    result.assert_outcomes(passed=1)
    assert result.ret == exit_status


def test_a_known_gap_is_expected_to_fail_on_its_engine_only(run: Run) -> None:
    suite = "def test_gap(engine):\n    assert engine.name != 'memory'\n"
    gaps = gap_on_memory("test_g*")

    result = run("-rx", suite=suite, gaps=gaps)

    result.assert_outcomes(xfailed=1, skipped=1)
    result.stdout.fnmatch_lines(["memory *1 test ran", "XFAIL *it is (seen)"])


def test_a_known_gap_that_is_mended_fails_the_run(run: Run) -> None:
    gaps = gap_on_memory("test_that_answers")

    result = run(gaps=gaps)

    result.assert_outcomes(passed=1, failed=1, skipped=2)
    assert result.ret == 1


def test_a_known_gap_can_name_one_case(run: Run) -> None:
    suite = (
        "import pytest\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_case(engine, n):\n    assert n == 1 or engine.name != 'memory'\n"
    )
    gaps = gap_on_memory("test_case[memory-2]")

    result = run(suite=suite, gaps=gaps)

    result.assert_outcomes(passed=1, xfailed=1, skipped=2)
