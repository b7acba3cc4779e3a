"""Start a DynamoDB to run against, wait until it answers, stop it.

Takes an engine's name (or the URL of one that runs already), gives an `Engine`. An engine that
cannot start raises `EngineUnavailable` with what to install; `missing` tells it without starting
anything. What an engine needs from the environment is read from the `environ` argument only.

    memory          in this process, by moto
    dynamodb-local  Amazon's own engine: a JVM; by Docker where there is no JVM
    dynoxide        a native engine, one binary
    docker          Amazon's own engine, by testcontainers
    aws             the service itself, when DYNAMORM_TEST_AWS=1
    alternator      ScyllaDB's endpoint, when DYNAMORM_TEST_ALTERNATOR names one
    http(s)://…     whatever answers there

Variables: `DYNAMORM_ENGINES_DIR` (where fetched engines are kept), `DYNAMORM_DYNOXIDE` (the
binary), and the two above. `python -m dynamorm_async.testing.engines` lists what is ready.
"""

from dynamorm_async.testing.engines._catalogue import NAMES, install, installable, missing, started
from dynamorm_async.testing.engines._engine import Engine

__all__ = ["NAMES", "Engine", "install", "installable", "missing", "started"]
