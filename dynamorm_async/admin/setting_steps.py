"""The steps of a change that are about settings, and not about keys or indexes.

Pure. Each says what it takes away, if anything; whether that may be done is decided in `changes`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs

from dynamorm_async.admin import requests
from dynamorm_async.admin.found import FoundTable
from dynamorm_async.admin.settings import OnDemand, Provisioned, Throughput, parsed
from dynamorm_async.admin.shapes import IndexShape, TableShape
from dynamorm_async.admin.steps import TableStep

_SAID = "the settings say so"


@attrs.frozen
class SettingSteps:
    """The steps between two sides' settings, each method those of one."""

    want: TableShape
    have: FoundTable

    def capacity(self, kept: list[IndexShape]) -> Iterator[TableStep]:
        """Yield the steps of billing: who pays how, how much, and at most how much.

        Args:
            kept: The global indexes that are there at that time.
        """
        want, have = self.want.settings.capacity, self.have.shape.settings.capacity
        if want is None or have is None:
            return
        members: dict[str, Any] = {}
        if type(want) is not type(have):
            members = requests.billing(want)
            if isinstance(want, Provisioned):
                # Those of other models, too: each needs some, where there was none.
                members |= _shares(
                    "ProvisionedThroughput", {i.name: requests.units(want.of(i.name)) for i in kept}
                )
        elif isinstance(want, Provisioned) and isinstance(have, Provisioned):
            if want.table != have.table:
                members = {"ProvisionedThroughput": requests.units(want.table)}
            changed = self._changed(kept, want, have)
            members |= _shares("ProvisionedThroughput", {n: requests.units(want.of(n)) for n in changed})
        if members:
            yield TableStep(
                action="set_capacity",
                effect="replacing",
                before=str(have),
                after=str(want),
                reason=_SAID,
                risk="too little throttles; the service allows few decreases and switches a day",
                **updating(self.want.name, **members),
            )
        if isinstance(want, OnDemand):
            yield from self._maximum(want, have if isinstance(have, OnDemand) else OnDemand(), kept)

    def _maximum(self, want: OnDemand, have: OnDemand, kept: list[IndexShape]) -> Iterator[TableStep]:
        members: dict[str, Any] = {}
        if want.most != have.most:
            members = {"OnDemandThroughput": requests.bounds(want.most)}
        changed = self._changed(kept, want, have)
        members |= _shares("OnDemandThroughput", {name: requests.bounds(want.of(name)) for name in changed})
        if members:
            yield TableStep(
                action="set_maximum",
                effect="replacing",
                before=f"at most {have.most}",
                after=f"at most {want.most}",
                reason=_SAID,
                risk="what goes beyond it is throttled",
                **updating(self.want.name, **members),
            )

    def _changed(
        self, kept: list[IndexShape], want: OnDemand | Provisioned, have: OnDemand | Provisioned
    ) -> list[str]:
        """Return the models' own indexes whose share is another; those of other models keep theirs."""
        ours = [index.name for index in kept if index.name in self.want.indexes]
        return [name for name in ours if want.of(name) != have.of(name)]

    def warm(self, born: Collection[str]) -> Iterator[TableStep]:
        """Yield the step that warms it up; indexes that are yet to be created are created warm."""
        want, have = self.want.settings.warm, self.have.shape.settings.warm
        if want is None:
            return
        own = _raised(want.table, have.table if have else None)
        there = have.indexes if have else dict[str, Throughput]()
        shares = {
            name: raised
            for name, units in want.indexes.items()
            if name not in born and (raised := _raised(units, there.get(name))) is not None
        }
        members: dict[str, Any] = {"WarmThroughput": requests.warmth(own)} if own is not None else {}
        members |= _shares("WarmThroughput", {name: requests.warmth(each) for name, each in shares.items()})
        if members:
            yield TableStep(
                action="raise_warm_throughput",
                effect="additive",
                before=str(have.table if have else "unknown"),
                after=str(own or want.table),
                reason="the settings ask for at least so much",
                risk="it is paid for once, and never lowered",
                **updating(self.want.name, **members),
            )

    def plain_settings(self) -> Iterator[TableStep]:
        """Yield the steps of class and encryption."""
        want, have = self.want.settings, self.have.shape.settings
        if want.table_class not in (None, have.table_class):
            yield TableStep(
                action="set_table_class",
                effect="replacing",
                before=str(have.table_class),
                after=str(want.table_class),
                reason=_SAID,
                risk="the service allows two changes in thirty days",
                **updating(self.want.name, TableClass=want.table_class),
            )
        has_key = have.encryption != "AWS_OWNED"
        if want.encryption not in (None, have.encryption) and not (
            want.encryption == "AWS_MANAGED" and has_key
        ):
            yield TableStep(
                action="set_encryption",
                effect="replacing",
                before=str(have.encryption),
                after=str(want.encryption),
                reason=_SAID,
                risk="a key that is disabled or deleted makes the table unreadable",
                **updating(self.want.name, SSESpecification=requests.encryption(want.encryption)),
            )

    def stream_off(self) -> Iterator[TableStep]:
        """Yield the end of a stream that is not wanted, or wanted with another view."""
        want, have = self.want.settings.stream, self.have.shape.settings.stream
        if want in (None, have) or have == "OFF":
            return
        yield TableStep(
            action="disable_stream",
            effect="removing" if want == "OFF" else "replacing",
            before=str(have),
            after="OFF",
            reason=_SAID if want == "OFF" else "a stream's view can't be changed",
            risk="its readers end, and changes that they have not read yet are lost in a day",
            **updating(self.want.name, StreamSpecification=requests.stream(None)),
        )

    def stream_on(self) -> Iterator[TableStep]:
        """Yield the beginning of a stream."""
        want, have = self.want.settings.stream, self.have.shape.settings.stream
        if want not in (None, "OFF", have):
            yield TableStep(
                action="enable_stream",
                effect="additive" if have == "OFF" else "replacing",
                before="OFF",
                after=str(want),
                reason=_SAID,
                risk="" if have == "OFF" else "the new stream has another ARN",
                **updating(self.want.name, StreamSpecification=requests.stream(want)),
            )

    def ttl(self) -> Iterator[TableStep]:
        """Yield the steps of time-to-live."""
        want, have = self.want.ttl, self.have.shape.ttl
        is_off = self.want.settings.time_to_live == "OFF"
        if have is not None and have != want and (want is not None or is_off):
            yield TableStep(
                action="disable_ttl" if is_off else "change_ttl",
                subject=have,
                effect="replacing",
                before="on",
                after="off",
                reason=_SAID if is_off else f"the models expire by {want!r}",
                risk="nothing expires any more"
                if is_off
                else "the service allows one change an hour: run it again for the new attribute then",
                operation="UpdateTimeToLive",
                request=_ttl_request(self.want.name, have, enabled=False),
            )
        if want not in (None, have):
            yield ttl_on(self.want.name, want)

    def tags(self) -> Iterator[TableStep]:
        """Yield the steps that set tags, and that take away those that are not wanted."""
        want, have = self.want.settings.tags, self.have.shape.settings.tags
        if want is None or have is None:
            return
        arn = self.have.arn
        new = {name: value for name, value in want.items() if have.get(name) != value}
        if new:
            before = ", ".join(f"{name}={have[name]}" for name in sorted(new) if name in have)
            yield TableStep(
                action="tag",
                subject=", ".join(sorted(new)),
                effect="replacing" if before else "additive",
                before=before or "missing",
                after=", ".join(f"{name}={value}" for name, value in sorted(new.items())),
                reason=_SAID,
                operation="TagResource",
                request={"ResourceArn": arn, "Tags": requests.tags(new)},
            )
        surplus = sorted(name for name in have if name not in want and not name.startswith("aws:"))
        if surplus:
            yield TableStep(
                action="untag",
                subject=", ".join(surplus),
                effect="removing",
                before=", ".join(f"{name}={have[name]}" for name in surplus),
                after="gone",
                reason="the settings do not have it",
                risk="bills and permissions may go by it",
                verdict="leave",
                operation="UntagResource",
                request={"ResourceArn": arn, "TagKeys": surplus},
            )

    def recovery(self) -> Iterator[TableStep]:
        """Yield the step of point-in-time recovery."""
        want, have = self.want.settings.recovery_days, self.have.shape.settings.recovery_days
        if want is not None and have is not None and want != have:
            yield recovery_step(self.want.name, have, want)

    def insights(self) -> Iterator[TableStep]:
        """Yield the step of contributor insights."""
        want, have = self.want.settings.insights, self.have.shape.settings.insights
        if want is not None and have is not None and want != have:
            yield insights_step(self.want.name, have, want)

    def policy(self) -> Iterator[TableStep]:
        """Yield the step of the resource policy; it holds only for the policy that was found."""
        want, have = self.want.settings.resource_policy, self.have.shape.settings.resource_policy
        if want is None or have is None or want == have or parsed(want) == parsed(have) is not None:
            return
        is_off = want == "OFF"
        found = {"ResourceArn": self.have.arn, "ExpectedRevisionId": self.have.policy_revision or "NO_POLICY"}
        yield TableStep(
            action="drop_policy" if is_off else "set_policy",
            effect="removing" if is_off else "additive" if have == "OFF" else "replacing",
            before=have if have == "OFF" else "another policy",
            after=want if is_off else "the settings' policy",
            reason=_SAID,
            risk="who had access by it, other accounts above all, has none any more"
            if have != "OFF"
            else "who is named in it has access",
            operation="DeleteResourcePolicy" if is_off else "PutResourcePolicy",
            request=found if is_off else {**found, "Policy": want},
        )

    def unprotect(self) -> Iterator[TableStep]:
        """Yield the end of deletion protection."""
        if self.want.settings.deletion_protection is False and self.have.shape.settings.deletion_protection:
            yield TableStep(
                action="unprotect",
                effect="removing",
                before="protected",
                after="not protected",
                reason=_SAID,
                risk="the table can be deleted",
                **updating(self.want.name, DeletionProtectionEnabled=False),
            )

    def protect(self) -> Iterator[TableStep]:
        """Yield the beginning of deletion protection."""
        if self.want.settings.deletion_protection and not self.have.shape.settings.deletion_protection:
            yield TableStep(
                action="protect",
                effect="additive",
                before="not protected",
                after="protected",
                reason=_SAID,
                **updating(self.want.name, DeletionProtectionEnabled=True),
            )


def updating(table: str, **members: Any) -> dict[str, Any]:
    """Return a step's operation and request: an UpdateTable with these members."""
    return {"operation": "UpdateTable", "request": {"TableName": table, **members}}


def _shares(member: str, shares: Mapping[str, dict[str, int]]) -> dict[str, Any]:
    updates = [{"Update": {"IndexName": name, member: share}} for name, share in shares.items()]
    return {"GlobalSecondaryIndexUpdates": updates} if updates else {}


def _raised(want: Throughput, have: Throughput | None) -> Throughput | None:
    """Return what has to be asked for, or None where there is as much; neither number may go down."""
    have = have or Throughput(0, 0)
    raised = Throughput(max(want.read, have.read), max(want.write, have.write))
    return None if raised == have else raised


def ttl_on(table: str, attribute: str) -> TableStep:
    """Return the step that turns time-to-live on."""
    return TableStep(
        action="enable_ttl",
        subject=attribute,
        effect="additive",
        before="off",
        after="on",
        reason="the models have a ttl field",
        risk="items whose time has passed are deleted, within a few days",
        operation="UpdateTimeToLive",
        request=_ttl_request(table, attribute, enabled=True),
    )


def _ttl_request(table: str, attribute: str, *, enabled: bool) -> dict[str, Any]:
    return {
        "TableName": table,
        "TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": attribute},
    }


def recovery_step(table: str, have: int, want: int) -> TableStep:
    """Return the step from some days of recovery, 0 for none, to others."""
    is_less = want < have
    wanted: dict[str, Any] = {"PointInTimeRecoveryEnabled": want > 0}
    if want:
        wanted["RecoveryPeriodInDays"] = want
    return TableStep(
        action="shorten_recovery" if is_less else "set_recovery",
        effect="removing" if is_less else "replacing" if have else "additive",
        before=_days(have),
        after=_days(want),
        reason=_SAID,
        risk="moments before that can't be restored any more" if is_less else "it is paid for by size",
        operation="UpdateContinuousBackups",
        request={"TableName": table, "PointInTimeRecoverySpecification": wanted},
    )


def insights_step(table: str, have: str, want: str | None) -> TableStep:
    """Return the step from some contributor insights, "OFF" for none, to others."""
    is_off = want == "OFF"
    mode = {} if is_off else {"ContributorInsightsMode": want}
    action = "DISABLE" if is_off else "ENABLE"
    return TableStep(
        action="set_insights",
        effect="additive" if have == "OFF" else "replacing",
        before=have,
        after=str(want),
        reason=_SAID,
        risk="" if is_off else "it is paid for by events",
        operation="UpdateContributorInsights",
        request={"TableName": table, "ContributorInsightsAction": action, **mode},
    )


def _days(days: int) -> str:
    return f"{days} days" if days else "off"
