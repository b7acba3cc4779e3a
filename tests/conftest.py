"""The engines of the suite, a client on one, and the account of what ran where.

Spread over processes (`pytest -n 2`), each has engines of its own; the account is of all of them.

A test that takes `engine` or `db` runs once for each engine. An engine that cannot start here is
skipped with what to install; named in `DYNAMORM_REQUIRE_ENGINES` it is a failure, and so is a
whole run in which no test ran on it. `DYNAMORM_TEST_ENGINES` chooses others than the usual ones,
names or URLs. Both are lists with commas.
"""

import os
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import attrs
import pytest
from anyio import to_thread
from anyio.from_thread import start_blocking_portal
from hypothesis import settings

from dynamorm_async.errors import EngineUnavailable
from dynamorm_async.testing import Engine, missing, started
from tests.known_gaps import KNOWN_GAPS

if TYPE_CHECKING:
    from dynamorm_async.client import Client

# A loaded machine is no failure, so examples have no deadline; CI tries more of them, `make soak` far more.
settings.register_profile("dev", max_examples=60, deadline=None)
settings.register_profile("ci", max_examples=600, deadline=None)
settings.register_profile("soak", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

USUAL = ("memory", "dynamodb-local", "dynoxide")


def _listed(variable: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in os.environ.get(variable, "").split(","))))


def _chosen() -> tuple[str, ...]:
    chosen = _listed("DYNAMORM_TEST_ENGINES") or USUAL
    aws = ("aws",) if os.environ.get("DYNAMORM_TEST_AWS") == "1" else ()
    alternator = ("alternator",) if os.environ.get("DYNAMORM_TEST_ALTERNATOR") else ()
    return tuple(dict.fromkeys(chosen + aws + alternator))


def _param(name: str) -> Any:
    return pytest.param(name, id=name, marks=() if name == "memory" else pytest.mark.slow)


@attrs.define
class Account:
    """Which engines were asked for in this run, which ran how many tests, which are lacking."""

    required: tuple[str, ...]
    whole: bool
    selected: Counter[str] = attrs.field(factory=Counter[str])
    ran: Counter[str] = attrs.field(factory=Counter[str])
    lacking: dict[str, str] = attrs.field(factory=dict[str, str])

    @property
    def unmet(self) -> list[str]:
        """Required engines on which no test ran, where this run should have had some."""
        return [name for name in self.required if not self.ran[name] and (self.whole or self.selected[name])]

    def told(self) -> dict[str, dict[str, Any]]:
        """Return what a process of its own tells the one that started it."""
        return {"selected": dict(self.selected), "ran": dict(self.ran), "lacking": dict(self.lacking)}

    def add(self, told: dict[str, dict[str, Any]]) -> None:
        """Add what another process told. Each selects every test, and runs its share."""
        self.selected |= Counter(told["selected"])
        self.ran += Counter(told["ran"])
        self.lacking |= told["lacking"]

    def lines(self) -> list[str]:
        """Return a line for each engine."""
        return [f"{name:<15} {self._told(name)}" for name in dict.fromkeys((*self.selected, *self.required))]

    def _told(self, name: str) -> str:
        demand = " (required by DYNAMORM_REQUIRE_ENGINES)" if name in self.unmet else ""
        if self.ran[name]:
            return f"{self.ran[name]} test{'s' if self.ran[name] > 1 else ''} ran"
        if name in self.lacking:
            return f"MISSING{demand}: {self.lacking[name]}"
        return f"no test ran{demand}"


ACCOUNT = pytest.StashKey[Account]()


def pytest_configure(config: pytest.Config) -> None:
    option = config.option
    partial = config.args_source is config.ArgsSource.ARGS or option.keyword or option.markexpr
    config.stash[ACCOUNT] = Account(_listed("DYNAMORM_REQUIRE_ENGINES"), whole=not partial)


def _engine_of(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("engine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        name = _engine_of(item)
        for gap in KNOWN_GAPS:
            if name is not None and gap.covers(item.nodeid, name):
                item.add_marker(pytest.mark.xfail(strict=True, reason=f"{gap.why} ({gap.source})"))


def pytest_collection_finish(session: pytest.Session) -> None:
    names = (_engine_of(item) for item in session.items)
    session.config.stash[ACCOUNT].selected.update(name for name in names if name is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    name = _engine_of(item)
    if name is not None and call.when == "call" and (not report.skipped or hasattr(report, "wasxfail")):
        item.config.stash[ACCOUNT].ran[name] += 1
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if hasattr(node, "workeroutput"):  # a process that died has told nothing
        node.config.stash[ACCOUNT].add(node.workeroutput["account"])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    account = session.config.stash[ACCOUNT]
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["account"] = account.told()
        return
    collected_only = session.config.option.collectonly
    if account.unmet and not collected_only and session.exitstatus in {0, 5}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[ACCOUNT].lines()
    if lines and not config.option.collectonly:
        terminalreporter.section("engines")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def start_engine(request: pytest.FixtureRequest) -> Generator[Callable[[str], Engine], None, None]:
    """Start an engine by name, once in the session; a lacking one is skipped or fails."""
    account = request.config.stash[ACCOUNT]
    running: dict[str, Engine] = {}
    with ExitStack() as stack:
        # Engines outlive the event loops of the tests, so they have a thread and a loop of their own.
        portal = stack.enter_context(start_blocking_portal())

        def start(name: str) -> Engine:
            if name not in running and name not in account.lacking:
                try:
                    running[name] = stack.enter_context(portal.wrap_async_context_manager(started(name)))
                except EngineUnavailable as error:
                    account.lacking[name] = missing(name) or f"{error.why}; {error.fix}"
            if name in running:
                return running[name]
            if name in account.required:
                pytest.fail(f"engine {name} is required: {account.lacking[name]}", pytrace=False)
            pytest.skip(f"engine {name}: {account.lacking[name]}")

        yield start


@pytest.fixture(scope="session", params=[_param(name) for name in _chosen()])
def engine(request: pytest.FixtureRequest, start_engine: Callable[[str], Engine]) -> Engine:
    """Each engine in turn; every client that connects to it sees the same tables."""
    return start_engine(request.param)


@pytest.fixture
def table_name() -> str:
    """A name that no other test uses; names that begin with it are this test's, too."""
    return f"test-{uuid4().hex}"


@pytest.fixture
async def db(engine: Engine, table_name: str) -> AsyncGenerator["Client", None]:
    """A client of the engine, new for each test."""
    async with engine.connect() as client:
        yield client
    if not engine.disposable:
        await to_thread.run_sync(_delete_tables, engine, table_name)


def _delete_tables(engine: Engine, prefix: str) -> None:
    client = import_module("boto3").client(
        "dynamodb",
        endpoint_url=engine.endpoint,
        region_name=engine.region,
        aws_access_key_id=engine.access_key,
        aws_secret_access_key=engine.secret_key,
    )
    try:
        for page in client.get_paginator("list_tables").paginate():
            for name in page["TableNames"]:
                if name.startswith(prefix):
                    client.delete_table(TableName=name)
    finally:
        client.close()
