"""What a release would meet, finding by finding. R96."""

from __future__ import annotations

import json

import pytest

from dynamorm_async import Compatibility, TableSettings
from dynamorm_async.admin import FoundTable, TableShape, changes
from dynamorm_async.admin.compatibility import compatibility
from tests.admin.shapes_for_changes import BY_FLOOR, BY_ROOM, BY_TIME, found, index, table


def between(want: TableShape, have: FoundTable | None) -> Compatibility:
    return compatibility([changes(want, have)])


@pytest.mark.parametrize(
    ("want", "have", "verdict", "names"),
    [
        pytest.param(table(BY_ROOM), found(table(BY_ROOM)), "compatible", [], id="the same"),
        pytest.param(
            table(), found(table(BY_ROOM)), "compatible", ["drop_index by-room"], id="more than is needed"
        ),
        pytest.param(table(), None, "additive", ["create_table"], id="missing"),
        pytest.param(table(BY_ROOM), found(table()), "additive", ["create_index by-room"], id="an index"),
        pytest.param(
            table(settings=TableSettings(table_class="STANDARD_INFREQUENT_ACCESS")),
            found(table()),
            "additive",
            ["set_table_class"],
            id="a setting",
        ),
        pytest.param(
            table(BY_ROOM),
            found(table(index("by-room", "time"))),
            "breaking",
            ["drop_index by-room", "create_index by-room"],
            id="another index",
        ),
        pytest.param(
            table(BY_FLOOR), found(table()), "breaking", ["create_local_index by-floor"], id="a local index"
        ),
        pytest.param(
            table(types={"sensor": "S", "time": "N"}),
            found(table()),
            "breaking",
            ["change_key_type sensor"],
            id="type of a key",
        ),
        pytest.param(
            table(settings=TableSettings(stream="OFF")),
            found(table(), stream="NEW_IMAGE"),
            "breaking",
            ["disable_stream"],
            id="no stream any more",
        ),
    ],
)
def test_a_table_suits_its_models_as_well_as_its_worst_finding(
    want: TableShape, have: FoundTable | None, verdict: str, names: list[str]
) -> None:
    report = between(want, have)

    assert report.verdict == verdict
    assert [finding.name for finding in report.findings] == names


def test_findings_of_several_tables_stand_together() -> None:
    report = compatibility([changes(table(BY_ROOM), None), changes(table(), found(table(BY_TIME)))])

    assert report.verdict == "additive"
    assert [finding.verdict for finding in report.findings] == ["additive", "compatible"]


def test_a_report_is_read_by_people_and_programs() -> None:
    report = between(table(), found(table(BY_ROOM)))

    assert str(report) == (
        "compatible\n"
        "  compatible: readings: drop_index by-room: global on room (partition); ALL → gone "
        "(no model given here has it)"
    )
    assert json.loads(report.to_json()) == {
        "verdict": "compatible",
        "findings": [
            {
                "table": "readings",
                "name": "drop_index by-room",
                "verdict": "compatible",
                "before": "global on room (partition); ALL",
                "after": "gone",
                "reason": "no model given here has it",
                "risk": "whoever still queries it fails",
            }
        ],
    }
