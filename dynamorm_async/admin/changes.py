"""What it takes to make a table what it should be: the difference, as ordered steps.

Pure: takes what is wanted and what was found, gives `TableChanges`. Indexes, key attributes and tags
that are there and not wanted are no difference that needs a step: other models may use them. They
are steps all the same, which are done only where they are allowed.

What the service can do to a table, and one thing in each call: DynamoDB API reference, UpdateTable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import attrs

from dynamorm_async.admin import requests
from dynamorm_async.admin.found import FoundTable
from dynamorm_async.admin.setting_steps import SettingSteps, insights_step, recovery_step, ttl_on, updating
from dynamorm_async.admin.settings import OnDemand
from dynamorm_async.admin.shapes import IndexShape, TableShape, shown
from dynamorm_async.admin.steps import LOSSES, REMOVALS, TableChanges, TableStep
from dynamorm_async.errors import InvalidRequest, TableMismatch, quoted
from dynamorm_async.wire import LIMITS

_COPY = "only a new table, to which the items are copied, can have it"
_ONLINE = (
    "reads and writes go on while it is filled; it answers nothing until then, and filling it costs writes"
)
_READERS = "whoever still queries it fails"


def changes(want: TableShape, have: FoundTable | None, *, allow: Collection[str] = ()) -> TableChanges:
    """Return the steps from what was found to what is wanted.

    Args:
        want: What the table should be.
        have: What it is, or None where there is none.
        allow: The actions that take something away and may be done.

    Raises:
        InvalidRequest: `allow` names what is no such action.
    """
    _check_allowed(allow)
    steps = [*_creation(want)] if have is None else [*_Difference(want, have, frozenset(allow)).steps()]
    return TableChanges(table=want.name, shape=want, steps=tuple(steps))


def mismatch(plan: TableChanges) -> TableMismatch | None:
    """Return the error of a plan that can't be carried out, or None where it can."""
    if not plan.refused:
        return None
    unallowed = sorted({step.action for step in plan.refused if step.effect != "impossible"})
    named = "{" + ", ".join(map(repr, unallowed)) + "}"
    also = f", or allow={named} where the table is not protected" if unallowed else ""
    return TableMismatch(
        f"the table {plan.table} is not what its models and settings say, and was not changed",
        differences=tuple(
            f"{step.name}: {step.before} → {step.after} ({step.reason})" for step in plan.refused
        ),
        fix=f"change the model, use another table name, or a new table{also}",
        table=plan.table,
    )


def is_done(step: TableStep, have: FoundTable) -> bool:
    """Whether a table shows that a step which was asked for has been carried out."""
    if step.action == "drop_index":
        return have.is_ready and step.subject not in have.index_states
    return have.is_ready and (step.action != "create_index" or step.subject in have.index_states)


def _check_allowed(allow: Collection[str]) -> None:
    if isinstance(allow, str) or not REMOVALS.issuperset(allow):
        unknown = [allow] if isinstance(allow, str) else sorted(set(allow) - REMOVALS)
        raise InvalidRequest(
            f"allow={quoted(unknown[0])}: no action that has to be allowed",
            fix=f"give a set of names out of {', '.join(sorted(REMOVALS))}",
            code="admin.allow",
        )


def _creation(want: TableShape) -> Iterator[TableStep]:
    yield TableStep(
        action="create_table",
        effect="additive",
        before="missing",
        after=f"{shown(want.keys)}; {len(want.indexes)} indexes",
        reason="there is no such table",
        operation="CreateTable",
        request=requests.create_request(want),
    )
    if want.ttl is not None:
        yield ttl_on(want.name, want.ttl)
    if want.settings.recovery_days:
        yield recovery_step(want.name, 0, want.settings.recovery_days)
    if want.settings.insights not in (None, "OFF"):
        yield insights_step(want.name, "OFF", want.settings.insights)


@attrs.frozen
class _Difference:
    """The two sides of a difference, and the questions that its steps ask of them."""

    want: TableShape
    have: FoundTable
    allow: frozenset[str]

    def steps(self) -> Iterator[TableStep]:
        """Yield every step in the order in which they have to be done.

        What takes away goes first, so that a name, an attribute's type or a place among the twenty
        indexes is free; protection is lifted before and given after everything else.
        """
        drops = [self._judged(step) for step in self._drops()]
        gone = {step.subject for step in drops if step.verdict == "do"}
        kept = [index for index in self.have.shape.global_indexes if index.name not in gone]
        settings = SettingSteps(self.want, self.have)
        yield from map(self._judged, settings.unprotect())
        yield from map(self._judged, self._impossible())
        yield from drops
        yield from map(self._judged, settings.stream_off())
        yield from settings.capacity(kept)
        yield from settings.plain_settings()
        yield from settings.stream_on()
        yield from self._creations(kept)
        yield from settings.warm({index.name for index in self._missing()})
        yield from map(self._judged, settings.ttl())
        yield from map(self._judged, settings.tags())
        yield from map(self._judged, settings.recovery())
        yield from settings.insights()
        yield from map(self._judged, settings.policy())
        yield from settings.protect()

    def _judged(self, step: TableStep) -> TableStep:
        # A step that is not needed is made with the verdict "leave", and done where it is allowed.
        if step.effect == "impossible":
            return attrs.evolve(step, verdict="refuse")
        if step.action not in REMOVALS:
            return step
        if step.action not in self.allow:
            if step.verdict == "leave":
                return step
            return attrs.evolve(step, verdict="refuse", reason=f"{step.reason}; it was not allowed")
        if step.action in LOSSES and self._is_protected:
            why = f"{step.reason}; the table is under deletion protection"
            return attrs.evolve(step, verdict="refuse", reason=why)
        return attrs.evolve(step, verdict="do")

    @property
    def _is_protected(self) -> bool:
        lifted = "unprotect" in self.allow and self.want.settings.deletion_protection is False
        return bool(self.have.shape.settings.deletion_protection) and not lifted

    def _impossible(self) -> Iterator[TableStep]:
        want, have = self.want, self.have.shape
        if want.keys != have.keys:
            yield TableStep(
                action="change_keys",
                effect="impossible",
                before=shown(have.keys),
                after=shown(want.keys),
                reason="a table keeps the keys it was created with",
                risk=_COPY,
            )
        for name in self._fixed_attributes():
            if want.types.get(name, have.types.get(name)) != have.types.get(name):
                yield TableStep(
                    action="change_key_type",
                    subject=name,
                    effect="impossible",
                    before=have.types.get(name, "unknown"),
                    after=want.types[name],
                    reason="a key of the table or of a local index keeps its type",
                    risk=_COPY,
                )
        for index in want.indexes.values():
            there = have.indexes.get(index.name)
            kinds = {index.kind, there.kind if there else index.kind}
            if "local" in kinds and there != index:
                yield TableStep(
                    action="change_local_index" if there else "create_local_index",
                    subject=index.name,
                    effect="impossible",
                    before=str(there or "missing"),
                    after=str(index),
                    reason="local indexes are created with their table, and stay as they are",
                    risk=_COPY,
                )

    def _fixed_attributes(self) -> list[str]:
        have = self.have.shape
        local = [name for index in have.local_indexes for name in index.attributes]
        return list(dict.fromkeys([*(name for name, _ in have.keys), *local]))

    def _drops(self) -> Iterator[TableStep]:
        replaced = {index.name for index in self._replaced()}
        in_the_way = self._in_the_way()
        for index in self.have.shape.global_indexes:
            wanted = self.want.indexes.get(index.name)
            if index.name in replaced:
                reason, is_needed = "it is another than the models', and an index can't be changed", True
            elif wanted is not None:
                continue
            elif index.name in in_the_way:
                reason, is_needed = in_the_way[index.name], True
            else:
                reason, is_needed = "no model given here has it", False
            yield TableStep(
                action="drop_index",
                subject=index.name,
                effect="replacing" if index.name in replaced else "removing",
                before=str(index),
                after="gone",
                reason=reason,
                risk=_READERS,
                verdict="do" if is_needed else "leave",
                **updating(
                    self.want.name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": index.name}}]
                ),
            )

    def _replaced(self) -> list[IndexShape]:
        """Return the global indexes that are there under a wanted name and are others."""
        return [
            index
            for index in self.have.shape.global_indexes
            for wanted in [self.want.indexes.get(index.name)]
            if wanted is not None and wanted.kind == "global" and not self._is_same(index, wanted)
        ]

    def _is_same(self, there: IndexShape, wanted: IndexShape) -> bool:
        have, want = self.have.shape.types, self.want.types
        return there == wanted and all(have.get(name, want[name]) == want[name] for name in wanted.attributes)

    def _missing(self) -> list[IndexShape]:
        """Return the global indexes that have to be created, those that are replaced included."""
        there = {index.name for index in self.have.shape.indexes.values()}
        gone = {index.name for index in self._replaced()}
        return [index for index in self.want.global_indexes if index.name not in there - gone]

    def _in_the_way(self) -> Mapping[str, str]:
        """Return the surplus indexes beside which the wanted ones can't be created, and why."""
        missing = self._missing()
        have, want = self.have.shape, self.want
        surplus = [index for index in have.global_indexes if index.name not in want.indexes]
        if not missing:
            return {}
        if len(surplus) + len(want.global_indexes) > LIMITS.global_indexes:
            why = f"with the wanted ones there would be over {LIMITS.global_indexes} global indexes"
            return {index.name: why for index in surplus}
        local = [index for index in have.local_indexes if index.name not in want.indexes]
        if sum(each.included for each in [*surplus, *local, *want.indexes.values()]) > (
            LIMITS.projected_attributes
        ):
            why = f"the indexes would name over {LIMITS.projected_attributes} attributes"
            return {index.name: why for index in surplus if index.included}
        typed = {name: want.types[name] for index in missing for name in index.attributes}
        return {
            index.name: f"its key {name!r} is {have.types[name]}, and {typed[name]} in a wanted index"
            for index in surplus
            for name in index.attributes
            if have.types.get(name) != typed.get(name, have.types.get(name))
        }

    def _creations(self, kept: list[IndexShape]) -> Iterator[TableStep]:
        have, want = self.have.shape, self.want
        # Every definition has to be used and every key has to be defined, at the time of the call.
        used = {name for name, _ in have.keys}
        used.update(name for index in (*have.local_indexes, *kept) for name in index.attributes)
        types = {name: tag for name, tag in have.types.items() if name in used}
        capacity = want.settings.capacity or have.settings.capacity or OnDemand()
        replaced = {index.name: index for index in self._replaced()}
        for index in self._missing():
            types = {**types, **{name: want.types[name] for name in index.attributes}}
            request = requests.index_request(index, want.settings, capacity)
            yield TableStep(
                action="create_index",
                subject=index.name,
                effect="replacing" if index.name in replaced else "additive",
                before=str(replaced.get(index.name, "missing")),
                after=str(index),
                reason="the models have it",
                risk=_ONLINE,
                **updating(
                    self.want.name,
                    AttributeDefinitions=requests.definitions(types),
                    GlobalSecondaryIndexUpdates=[{"Create": request}],
                ),
            )
