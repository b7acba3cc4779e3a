"""Ask the control plane: one request, one answer as JSON data, within a deadline."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs

from dynamorm_async.errors import CallTimeout, ServiceError
from dynamorm_async.wire import Call, Repeat, Send

# Also what a policy that another has changed meanwhile is answered with.
NO_POLICY = "PolicyNotFoundException"


@attrs.frozen
class Asking:
    """The operations of the control plane that are asked in more than one place."""

    _send: Send
    _clock: Callable[[], float]

    async def call(
        self,
        operation: str,
        members: Mapping[str, Any],
        table: str | None,
        deadline: float,
        *,
        repeat: Repeat = Repeat.HARMLESS,
    ) -> dict[str, Any]:
        """Send a request and return its answer.

        Raises:
            CallTimeout: The deadline has passed, or passes.
        """
        left = deadline - self._clock()
        if left <= 0:
            raise CallTimeout(
                f"{operation}{f' on {table}' if table else ''}: the deadline passed before it was sent",
                fix="call again; it goes on, perhaps with a longer timeout=",
                operation=operation,
                table=table,
            )
        tables = () if table is None else (table,)
        body = json.dumps(members).encode()
        call = Call(operation=operation, body=body, tables=tables, repeat=repeat, timeout=left)
        return cast("dict[str, Any]", json.loads((await self._send(call)).body))

    async def describe(self, table: str, deadline: float) -> dict[str, Any]:
        """Return DescribeTable's `Table`."""
        answer = await self.call("DescribeTable", named(table), table, deadline)
        return cast("dict[str, Any]", answer["Table"])

    async def ttl(self, table: str, deadline: float) -> dict[str, Any]:
        """Return DescribeTimeToLive's `TimeToLiveDescription`."""
        answer = await self.call("DescribeTimeToLive", named(table), table, deadline)
        return cast("dict[str, Any]", answer.get("TimeToLiveDescription") or {})

    async def backups(self, table: str, deadline: float) -> dict[str, Any]:
        """Return DescribeContinuousBackups' `ContinuousBackupsDescription`."""
        answer = await self.call("DescribeContinuousBackups", named(table), table, deadline)
        return cast("dict[str, Any]", answer.get("ContinuousBackupsDescription") or {})

    async def insights(self, table: str, deadline: float) -> dict[str, Any]:
        """Return DescribeContributorInsights' answer."""
        return await self.call("DescribeContributorInsights", named(table), table, deadline)

    async def policy(self, table: str, arn: str, deadline: float) -> dict[str, Any] | None:
        """Return GetResourcePolicy's answer, or None where there is no policy."""
        try:
            return await self.call("GetResourcePolicy", {"ResourceArn": arn}, table, deadline)
        except ServiceError as error:
            if error.service_code == NO_POLICY:
                return None
            raise

    async def tags(self, table: str, arn: str, deadline: float) -> dict[str, str]:
        """Return a table's tags, over all pages of ListTagsOfResource."""
        tags: dict[str, str] = {}
        members = {"ResourceArn": arn}
        while True:
            answer = await self.call("ListTagsOfResource", members, table, deadline)
            tags.update((tag["Key"], tag["Value"]) for tag in answer.get("Tags") or ())
            if not answer.get("NextToken"):
                return tags
            members = {"ResourceArn": arn, "NextToken": answer["NextToken"]}


def named(table: str) -> dict[str, str]:
    """Return the request that names a table and says no more."""
    return {"TableName": table}
