"""A change of a table as a list of steps, to be read before it is made.

Values only: which steps there are is decided in `changes`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

import attrs

from dynamorm_async.admin.shapes import TableShape

Action = Literal[
    "create_table",
    "unprotect",
    "change_keys",
    "change_key_type",
    "create_local_index",
    "change_local_index",
    "drop_index",
    "disable_stream",
    "set_capacity",
    "set_maximum",
    "set_table_class",
    "set_encryption",
    "enable_stream",
    "create_index",
    "raise_warm_throughput",
    "change_ttl",
    "disable_ttl",
    "enable_ttl",
    "tag",
    "untag",
    "set_recovery",
    "shorten_recovery",
    "set_insights",
    "set_policy",
    "drop_policy",
    "protect",
]
Removal = Literal[
    "drop_index", "disable_stream", "change_ttl", "untag", "shorten_recovery", "drop_policy", "unprotect"
]
Effect = Literal["additive", "replacing", "removing", "impossible"]
Verdict = Literal["do", "leave", "refuse"]

REMOVALS: frozenset[str] = frozenset(get_args(Removal))
# What is lost for good, and so is never done to a table under deletion protection.
LOSSES: frozenset[str] = frozenset({"drop_index", "shorten_recovery"})


@attrs.frozen(kw_only=True)
class TableStep:
    """One step of a change.

    Attributes:
        action: What is done; the names in `allow=` are of these.
        subject: The index, attribute or tag that it is done to, or "".
        effect: "additive" takes nothing away; "replacing" puts one thing in the place of another;
            "removing" takes something away; "impossible" is what the service cannot do to a table.
        before: What is there.
        after: What is wanted.
        reason: Why it is needed.
        risk: What may go wrong while or after it is done, or "".
        verdict: "do"; "leave", where nobody needs it and it was not allowed; "refuse", where it is
            needed and impossible, or not allowed.
        operation: The operation that does it, "" where none can.
        request: The operation's request.
    """

    action: Action
    subject: str = ""
    effect: Effect
    before: str
    after: str
    reason: str
    risk: str = ""
    verdict: Verdict = "do"
    operation: str = ""
    request: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)

    @property
    def name(self) -> str:
        """Action and subject: `create_index by-url`."""
        return f"{self.action} {self.subject}".rstrip()

    def __str__(self) -> str:
        return f"{self.name} ({self.effect}): {self.before} → {self.after}"


@attrs.frozen(kw_only=True)
class TableChanges:
    """What it takes to make a table what its models and settings say, in order.

    `print(changes)` shows it as a table; `to_json` and `to_mermaid` are for programs and pages.

    Attributes:
        table: The table's name.
        shape: What it is to be.
        steps: Every step, in the order in which they are done. As the answer of a change that was
            made: the steps that this call did, and those that it left.
        claims: The same of the table of claims on unique values, where a model has unique fields.
    """

    table: str
    shape: TableShape = attrs.field(repr=False)
    steps: tuple[TableStep, ...]
    claims: TableChanges | None = None

    @property
    def to_do(self) -> tuple[TableStep, ...]:
        """The steps that are done."""
        return self._with("do")

    @property
    def left(self) -> tuple[TableStep, ...]:
        """What is there and not wanted by these models, and stays because nothing allowed it to go."""
        return self._with("leave")

    @property
    def refused(self) -> tuple[TableStep, ...]:
        """What would be needed and can't be done, or was not allowed; while there is any, nothing is done."""
        return self._with("refuse")

    def _with(self, verdict: Verdict) -> tuple[TableStep, ...]:
        return tuple(step for step in self.steps if step.verdict == verdict)

    def __str__(self) -> str:
        return self._shown() if self.claims is None else f"{self._shown()}\n{self.claims}"

    def _shown(self) -> str:
        if not self.steps:
            return f"{self.table}: nothing to do"
        counts = f"{len(self.to_do)} to do, {len(self.left)} left, {len(self.refused)} refused"
        rows = [
            (step.verdict, step.effect, step.name, f"{step.before} → {step.after}") for step in self.steps
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [f"{self.table}: {counts}"]
        for step, row in zip(self.steps, rows, strict=True):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            lines.append(f"  {'  '.join(cells)}  {row[3]}")
            lines.append(f"    why: {step.reason}")
            if step.risk:
                lines.append(f"    risk: {step.risk}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the table's name and every step as JSON text, without the requests."""
        return json.dumps(self._data(), ensure_ascii=False)

    def _data(self) -> dict[str, Any]:
        shown = attrs.filters.exclude(attrs.fields(TableStep).request)
        data: dict[str, Any] = {
            "table": self.table,
            "steps": [attrs.asdict(step, filter=shown) for step in self.steps],
        }
        return data if self.claims is None else {**data, "claims": self.claims._data()}  # noqa: SLF001

    def to_mermaid(self) -> str:
        """Return the steps as a Mermaid flowchart: the order of what is done, and beside it what is not."""
        lines = ["flowchart TD", f'  table[("{_label(self.table)}")]']
        before = "table"
        for number, step in enumerate(self.steps, 1):
            lines.append(f'  s{number}["{_label(step.name)}<br/>{step.effect}"]')
            if step.verdict == "do":
                lines.append(f"  {before} --> s{number}")
                before = f"s{number}"
            else:
                lines.append(f"  table -. {step.verdict} .-> s{number}")
        return "\n".join(lines)


def _label(text: str) -> str:
    return text.replace('"', "#quot;")
