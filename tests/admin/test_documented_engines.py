"""The table of the documentation that says which engine knows which setting is what the tests found."""

from __future__ import annotations

from pathlib import Path

from tests.admin.test_changed_tables import SETTINGS
from tests.conftest import USUAL
from tests.known_gaps import KNOWN_GAPS

PAGE = Path(__file__).parent.parent.parent / "docs" / "tables-from-models.md"
TEST = "test_a_setting_is_changed_and_then_as_it_should_be"


def documented() -> str:
    lines = ["| changed on a table that is there | " + " | ".join(USUAL) + " |", "|---" * 4 + "|"]
    for case in (str(each.id) for each in SETTINGS):
        known = [
            "no"
            if any(
                gap.engine == engine and gap.test.endswith(f"{TEST}[{engine}-{case}]") for gap in KNOWN_GAPS
            )
            else "yes"
            for engine in USUAL
        ]
        lines.append(f"| {case} | {' | '.join(known)} |")
    return "\n".join(lines)


def test_the_page_says_which_engine_knows_which_setting() -> None:
    assert documented() in PAGE.read_text()
