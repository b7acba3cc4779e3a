"""Transactions that failed: which of their operations stopped them."""

from typing import TYPE_CHECKING, ClassVar

from dynamorm_async.errors._local import ConditionFailed, VersionConflict
from dynamorm_async.errors._service import TransactionFailed

if TYPE_CHECKING:
    pass


class TransactionConditionFailed(TransactionFailed, ConditionFailed):
    """A transaction was cancelled because the condition of an operation failed; nothing was changed."""

    code = "plan.transaction-condition-failed"
    retryable: ClassVar[bool] = False


class TransactionVersionConflict(TransactionConditionFailed, VersionConflict):
    """A transaction was cancelled because a version that an operation held is not the stored one."""

    code = "plan.transaction-version-conflict"
