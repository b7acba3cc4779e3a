"""Whether tables suit the models that are about to be released, for a pipeline to decide by.

Pure: takes what it would take to change each table, gives findings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal

import attrs

from dynamorm_async.admin.steps import TableChanges, TableStep

Compatible = Literal["compatible", "additive", "breaking"]
_ORDER: tuple[Compatible, ...] = ("compatible", "additive", "breaking")


@attrs.frozen(kw_only=True)
class Finding:
    """One thing in which a table is not what its models and settings say.

    Attributes:
        table: The table's name.
        name: What it would take: `create_index by-url`, `change_keys`.
        verdict: "compatible" where nothing has to be done; "additive" where `ensure_table` does it while
            everything goes on; "breaking" where it can't be done, or takes something away.
        before: What is there.
        after: What is wanted.
        reason: Why.
        risk: What may go wrong, or "".
    """

    table: str
    name: str
    verdict: Compatible
    before: str
    after: str
    reason: str
    risk: str = ""

    def __str__(self) -> str:
        return f"{self.verdict}: {self.table}: {self.name}: {self.before} → {self.after} ({self.reason})"


@attrs.frozen
class Compatibility:
    """How tables suit models: the findings, and the worst of them.

    Attributes:
        findings: In the order of the tables, and of the steps of each.
    """

    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Compatible:
        """That of the worst finding; "compatible" where there is none."""
        worst = max((_ORDER.index(finding.verdict) for finding in self.findings), default=0)
        return _ORDER[worst]

    def __str__(self) -> str:
        return "\n".join([self.verdict, *(f"  {finding}" for finding in self.findings)])

    def to_json(self) -> str:
        """Return verdict and findings as JSON text."""
        findings = [attrs.asdict(finding) for finding in self.findings]
        return json.dumps({"verdict": self.verdict, "findings": findings}, ensure_ascii=False)


def compatibility(plans: Iterable[TableChanges]) -> Compatibility:
    """Return how tables suit what is wanted of them.

    Args:
        plans: The changes of each table, with nothing allowed to be taken away.
    """
    return Compatibility(tuple(_finding(plan.table, step) for plan in plans for step in plan.steps))


def _finding(table: str, step: TableStep) -> Finding:
    verdicts: dict[str, Compatible] = {"do": "additive", "leave": "compatible", "refuse": "breaking"}
    return Finding(
        table=table,
        name=step.name,
        verdict=verdicts[step.verdict],
        before=step.before,
        after=step.after,
        reason=step.reason,
        risk=step.risk,
    )
