"""Transactions that failed because of what is stored."""

from dynamorm_async.errors._local import ConditionFailed, UniqueViolation, VersionConflict
from dynamorm_async.errors._service import TransactionFailed


class TransactionConditionFailed(TransactionFailed, ConditionFailed):
    """A transaction was cancelled because the condition of an operation failed; nothing was changed."""

    code = "plan.transaction-condition-failed"


class TransactionVersionConflict(TransactionConditionFailed, VersionConflict):
    """A transaction was cancelled because a version that an operation held is not the stored one."""

    code = "plan.transaction-version-conflict"


class TransactionUniqueViolation(TransactionConditionFailed, UniqueViolation):
    """A transaction was cancelled because another item has the value of a unique field."""

    code = "plan.transaction-unique-violation"
