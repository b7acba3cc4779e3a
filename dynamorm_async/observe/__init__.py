"""What happens to calls, told to whoever listens: metrics, logs, traces.

Takes observers, gives the events they are handed, one observer that logs, and what logs how far a
batch is. May use `wire` and
`errors`. Events hold no key, no item, no body and no credential, so that no observer can leak one;
nothing here changes, delays or breaks a call, and without observers nothing is spent.
"""

from dynamorm_async.observe.events import (
    AttemptFinished,
    CallFinished,
    CallStarted,
    Event,
    FellBackToScan,
    RetryScheduled,
)
from dynamorm_async.observe.log import LogObserver
from dynamorm_async.observe.observers import Observer, Observers
from dynamorm_async.observe.progress import LogProgress

__all__ = [
    "AttemptFinished",
    "CallFinished",
    "CallStarted",
    "Event",
    "FellBackToScan",
    "LogObserver",
    "LogProgress",
    "Observer",
    "Observers",
    "RetryScheduled",
]
