"""Several models of one table, asked for by one query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from dynamorm_async.client.query import Asking, Selection
from dynamorm_async.codecs import Policy, Several
from dynamorm_async.expressions import Condition
from dynamorm_async.plan import QueryPlan, Question, Target, check_collection, prepare_collection

R = TypeVar("R")


class Collection(Generic[R]):
    """Several models of one table, from `db.collection(User, Order)`; `where` asks for them."""

    def __init__(self, targets: Sequence[Target[Any]], asking: Asking, *, unknown: Policy) -> None:
        check_collection(targets)
        self._targets = targets
        self._asking = asking
        self._reader = Several([target.record for target in targets], unknown=unknown)

    def where(self, *conditions: Condition[Any]) -> Selection[Any, R]:
        """Return one query for the items of all the models under a key; the order is the key's.

        Conditions are of one of the models, and of keys that all of them have in common:
        `where(User.user == "ana")`. A sort key's template tells the models apart, so that no condition
        on its fields is taken; compare the sort key itself: `User.sk >= "ORDER#"`.

        Raises:
            NoUsableIndex, InvalidExpression: By what ends the query, before anything is sent.
        """

        def planner(question: Question, index: str | None) -> QueryPlan[Any]:
            statistics = self._asking.known.of(self._targets[0].table)
            return prepare_collection(
                self._targets, question, self._reader, statistics=statistics, index=index
            )

        return Selection(self._targets[0], Question(conditions=conditions), self._asking, planner=planner)
