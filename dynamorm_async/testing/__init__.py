"""Run tests of code that uses this library: engines to run against.

Takes the name of an engine, gives an `Engine` that `connect` can be pointed at. A guest: it may
use `client` (on request, when `Engine.connect` is called) and `errors`. No other room imports it,
and it never touches an engine that it did not start.
"""

from dynamorm_async.testing.engines import NAMES, Engine, install, installable, missing, started

__all__ = ["NAMES", "Engine", "install", "installable", "missing", "started"]
