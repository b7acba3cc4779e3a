"""Every error of the library: what happened, why, and how to fix it.

Takes the facts of a failure as arguments and keeps them as attributes; never looks anything up,
logs, or holds a secret. Other rooms raise these classes and no others.

The tree:

    DynamormError
    ├── InvalidRequest (ValueError)   refused before anything was sent
    │   ├── InvalidModel              a class that cannot be a model
    │   ├── InvalidValue              a value that a field cannot hold, or stored data that does not fit
    │   ├── InvalidKey                a key that does not fit the model
    │   ├── InvalidExpression         a condition, update or projection that means nothing
    │   ├── InvalidCursor             a cursor that is none, or belongs to another query
    │   ├── NoUsableIndex             no key answers the query, and a scan was not allowed
    │   └── LimitExceeded             more than the service takes in one request
    ├── ItemNotFound                  the table is there, the item is not
    ├── SeveralItems                  one item was asked for, several were found
    ├── BudgetSpent                   a query reached its bound; `cursor` says where to go on
    ├── ConditionFailed               the stored item did not meet the condition of a write
    │   ├── VersionConflict           another writer was faster
    │   └── UniqueViolation           another item has the value of a unique field
    ├── PartialBatch                  some of a batch was done, and some was not
    ├── ServiceError                  the service answered with an error; `service_code` says which
    │   ├── RequestRefused            the service found the request malformed
    │   ├── TableNotFound             no such table or index
    │   ├── TableInUse                the table exists already, or is being changed
    │   ├── BackupNotFound            no such backup
    │   ├── Throttled                 too many requests or units for table, partition or account
    │   ├── AccessDenied              the identity may not do this
    │   ├── CredentialsError          no credentials, or the service does not accept them (also before I/O)
    │   ├── TransactionConflict       another transaction holds the item
    │   ├── TransactionFailed         a transaction was cancelled; `reasons` says which request stopped it
    │   │   └── TransactionConditionFailed (ConditionFailed)   by a condition
    │   │       ├── TransactionVersionConflict (VersionConflict)   by a version that was held
    │   │       └── TransactionUniqueViolation (UniqueViolation)   by a value that is taken
    │   ├── IdempotencyMismatch       a token that was used for another request
    │   ├── ItemCollectionFull        a partition with a local index reached 10 GB
    │   ├── QuotaReached              too many control-plane operations or tables
    │   └── ServerFault               the service failed inside (HTTP 5xx)
    ├── TransportError                no usable answer came
    │   ├── EndpointUnreachable       nothing accepted the connection; nothing was sent
    │   ├── CircuitOpen               a circuit breaker refused the call; nothing was sent
    │   ├── ConnectionLost            the connection ended before the whole answer was there
    │   ├── CallTimeout               a deadline passed
    │   │   └── TableNotReady         of one who waited for a table
    │   ├── ProtocolError             what came is not an answer of DynamoDB
    │   └── OutcomeUnknown            a write may or may not have been applied
    ├── TableMismatch                 a table exists in another shape than its model declares
    ├── TableProtected                a table is under deletion protection
    ├── TablesFailed                  of several tables, some could not be changed
    └── EngineUnavailable             a test engine cannot start here
"""

from dynamorm_async.errors._base import DynamormError, InvalidRequest, quoted
from dynamorm_async.errors._batch import BatchFailure, PartialBatch
from dynamorm_async.errors._local import (
    BudgetSpent,
    ConditionFailed,
    EngineUnavailable,
    InvalidCursor,
    InvalidExpression,
    InvalidKey,
    InvalidModel,
    InvalidValue,
    ItemNotFound,
    LimitExceeded,
    NoUsableIndex,
    SeveralItems,
    TableMismatch,
    TableProtected,
    TablesFailed,
    UniqueViolation,
    VersionConflict,
)
from dynamorm_async.errors._service import (
    AccessDenied,
    BackupNotFound,
    CancellationReason,
    CredentialsError,
    IdempotencyMismatch,
    ItemCollectionFull,
    QuotaReached,
    RequestRefused,
    ServerFault,
    ServiceError,
    TableInUse,
    TableNotFound,
    Throttled,
    TransactionConflict,
    TransactionFailed,
    service_error,
)
from dynamorm_async.errors._transactions import (
    TransactionConditionFailed,
    TransactionUniqueViolation,
    TransactionVersionConflict,
)
from dynamorm_async.errors._transport import (
    CallTimeout,
    CircuitOpen,
    ConnectionLost,
    EndpointUnreachable,
    OutcomeUnknown,
    ProtocolError,
    TableNotReady,
    TransportError,
)

__all__ = [
    "AccessDenied",
    "BackupNotFound",
    "BatchFailure",
    "BudgetSpent",
    "CallTimeout",
    "CancellationReason",
    "CircuitOpen",
    "ConditionFailed",
    "ConnectionLost",
    "CredentialsError",
    "DynamormError",
    "EndpointUnreachable",
    "EngineUnavailable",
    "IdempotencyMismatch",
    "InvalidCursor",
    "InvalidExpression",
    "InvalidKey",
    "InvalidModel",
    "InvalidRequest",
    "InvalidValue",
    "ItemCollectionFull",
    "ItemNotFound",
    "LimitExceeded",
    "NoUsableIndex",
    "OutcomeUnknown",
    "PartialBatch",
    "ProtocolError",
    "QuotaReached",
    "RequestRefused",
    "ServerFault",
    "ServiceError",
    "SeveralItems",
    "TableInUse",
    "TableMismatch",
    "TableNotFound",
    "TableNotReady",
    "TableProtected",
    "TablesFailed",
    "Throttled",
    "TransactionConditionFailed",
    "TransactionConflict",
    "TransactionFailed",
    "TransactionUniqueViolation",
    "TransactionVersionConflict",
    "TransportError",
    "UniqueViolation",
    "VersionConflict",
    "quoted",
    "service_error",
]
