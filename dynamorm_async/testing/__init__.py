"""Run tests of code that uses this library: engines to run against, and a server that fails on cue.

Takes the name of an engine, gives an `Engine` that `connect` can be pointed at; takes a script of
`faults`, gives a server that behaves like it. A guest: it may use `client` (on request, when
`Engine.connect` is called) and `errors`. No other room imports it, and it never touches an engine
that it did not start.
"""

from dynamorm_async.testing import faults
from dynamorm_async.testing.engines import NAMES, Engine, install, installable, missing, started
from dynamorm_async.testing.faults import FaultyServer, faulty_server

__all__ = [
    "NAMES",
    "Engine",
    "FaultyServer",
    "faults",
    "faulty_server",
    "install",
    "installable",
    "missing",
    "started",
]
