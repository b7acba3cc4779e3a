"""What the rooms promise each other and import-linter can't see; and that both refuse a breach.

The contracts on whole rooms are in pyproject.toml, `[tool.importlinter]`.
"""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dynamorm_async"
ROOMS = frozenset(folder.parent.name for folder in PACKAGE.glob("*/__init__.py"))
CORE = frozenset({"errors", "wire", "expressions", "model", "codecs", "plan"})
MODULES = sorted(PACKAGE.rglob("*.py"))

NO_JOB = frozenset({"common", "core", "helpers", "interfaces", "misc", "mixins", "util", "utils"})
FACTS_OF_THE_EDGE = frozenset(
    {
        "date.today",
        "datetime.now",
        "datetime.today",
        "datetime.utcnow",
        "os.environ",
        "os.getenv",
        "os.urandom",
        "uuid.uuid1",
        "uuid.uuid4",
    }
)
# Rooms whose code runs on the caller's event loop; the core's own rule is stricter.
ASYNC_ROOMS = frozenset({"admin", "client", "executors", "observe", "transport"})
BLOCKING = frozenset(
    {
        "input",
        "open",
        "os.popen",
        "os.system",
        "os.waitpid",
        "select.select",
        "socket.create_connection",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.gethostbyname_ex",
        "time.sleep",
    }
)
BLOCKING_MODULES = ("http.client", "requests", "shutil", "subprocess", "urllib.request", "urllib3")
# Whatever they are called on: files, and sockets that asyncio has its own ways for.
BLOCKING_METHODS = frozenset(
    {
        "accept",
        "makefile",
        "read_bytes",
        "read_text",
        "recv",
        "recv_into",
        "sendall",
        "write_bytes",
        "write_text",
    }
)
# What blocks all the same, and why that is no harm.
BLOCKS_KNOWINGLY = {
    # The AWS configuration files, a few kilobytes, when a client is made and before its first call.
    ("transport/profiles.py", "read_text"),
    # The proxies that macOS and Windows keep elsewhere, asked when a client is made.
    ("transport/choosing.py", "urllib.request.getproxies"),
}
# A name of the left-hand side must be seen as what it is, however it was imported.
IMPORTED_BARE = frozenset(
    fact.partition(".")[2] for fact in FACTS_OF_THE_EDGE if fact.startswith(("os.", "uuid."))
)


def doors() -> dict[str, frozenset[str] | None]:
    """Return what the front door of each room offers; None where it does not say."""
    return {room: offered(ast.parse((PACKAGE / room / "__init__.py").read_text())) for room in ROOMS}


def offered(door: ast.Module) -> frozenset[str] | None:
    for node in door.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    return None


def breaches_of_doors(room: str, source: str, doors: dict[str, frozenset[str] | None]) -> Iterator[str]:
    """Yield every import in a module of `room` that does not go through another room's front door."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "dynamorm_async":
                    yield f"line {node.lineno}: import {alias.name} names a module, not what it offers"
        elif isinstance(node, ast.ImportFrom):
            yield from (f"line {node.lineno}: {breach}" for breach in _breaches(room, node, doors))


def _breaches(room: str, node: ast.ImportFrom, doors: dict[str, frozenset[str] | None]) -> Iterator[str]:
    top, _, rest = (node.module or "").partition(".")
    other, _, module = rest.partition(".")
    if node.level:
        yield "a relative import"
    elif top != "dynamorm_async" or other == room:
        return
    elif not other:
        yield "a room does not import the library's own front door"
    elif module:
        yield f"{node.module} is inside {other}; import from dynamorm_async.{other}"
    else:
        offers = doors.get(other)
        missing = [alias.name for alias in node.names if offers is not None and alias.name not in offers]
        yield from (f"{name} is not in dynamorm_async.{other}.__all__" for name in missing)


def breaches_of_purity(source: str) -> Iterator[str]:
    """Yield every place where a module awaits, opens, or looks at the clock, the dice or the environment."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield f"line {node.lineno}: the core never awaits"
        elif isinstance(node, ast.Attribute):
            fact = ".".join(ast.unparse(node).split(".")[-2:])
            if fact in FACTS_OF_THE_EDGE:
                yield f"line {node.lineno}: {fact} is a fact of the edge; take it as an argument"
        elif isinstance(node, ast.ImportFrom) and node.module in {"os", "uuid"}:
            names = sorted({alias.name for alias in node.names} & IMPORTED_BARE)
            yield from (f"line {node.lineno}: {node.module}.{name} is a fact of the edge" for name in names)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"open", "input"}
        ):
            yield f"line {node.lineno}: {node.func.id} is I/O"


def blocking_calls(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of every call that would hold the event loop up, however it was imported."""
    tree = ast.parse(source)
    known = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        if isinstance(node, ast.ImportFrom)
        else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first, dot, rest = ast.unparse(node.func).partition(".")
        name = f"{known.get(first, first)}{dot}{rest}"
        if name in BLOCKING or name.startswith(tuple(f"{module}." for module in BLOCKING_MODULES)):
            yield node.lineno, name
        elif isinstance(node.func, ast.Attribute) and node.func.attr in BLOCKING_METHODS:
            yield node.lineno, node.func.attr


def in_package(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


@pytest.mark.parametrize("file", [file for file in MODULES if file.parent != PACKAGE], ids=in_package)
def test_a_room_is_entered_by_its_front_door(file: Path) -> None:
    room = file.relative_to(PACKAGE).parts[0]

    assert list(breaches_of_doors(room, file.read_text(), doors())) == []


@pytest.mark.parametrize(
    "file", [file for file in MODULES if file.relative_to(PACKAGE).parts[0] in CORE], ids=in_package
)
def test_the_core_decides_from_its_arguments_alone(file: Path) -> None:
    assert list(breaches_of_purity(file.read_text())) == []


@pytest.mark.parametrize(
    "file", [file for file in MODULES if file.relative_to(PACKAGE).parts[0] in ASYNC_ROOMS], ids=in_package
)
def test_nothing_on_the_event_loop_blocks_it(file: Path) -> None:
    found = list(blocking_calls(file.read_text()))

    assert [call for call in found if (in_package(file), call[1]) not in BLOCKS_KNOWINGLY] == []


def test_what_blocks_knowingly_still_does() -> None:
    found = {
        (name, call)
        for name, _ in BLOCKS_KNOWINGLY
        for _, call in blocking_calls((PACKAGE / name).read_text())
    }

    assert found >= BLOCKS_KNOWINGLY


def test_modules_are_named_for_a_job() -> None:
    assert [in_package(file) for file in MODULES if {file.stem, file.parent.name} & NO_JOB] == []


def test_importing_the_library_imports_no_guest_and_no_extra() -> None:
    guests = "moto boto3 docker testcontainers pytest fastapi rich dynamorm_async.testing"
    guests += " dynamorm_async.integrations"
    program = f"import sys, dynamorm_async; print(*set({guests.split()!r}) & set(sys.modules))"

    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert told.stdout.split() == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param(
            "from dynamorm_async.wire.call import Call",
            "line 1: dynamorm_async.wire.call is inside wire; import from dynamorm_async.wire",
            id="a module of another room",
        ),
        pytest.param(
            "def f():\n    from dynamorm_async.wire._call import Call",
            "line 2: dynamorm_async.wire._call is inside wire; import from dynamorm_async.wire",
            id="in a function",
        ),
        pytest.param(
            "import dynamorm_async.wire.call",
            "line 1: import dynamorm_async.wire.call names a module, not what it offers",
            id="by plain import",
        ),
        pytest.param(
            "from dynamorm_async.wire import call",
            "line 1: call is not in dynamorm_async.wire.__all__",
            id="a module by its room",
        ),
        pytest.param(
            "from dynamorm_async.wire import _secret",
            "line 1: _secret is not in dynamorm_async.wire.__all__",
            id="a private name",
        ),
        pytest.param("from ..wire import Call", "line 1: a relative import", id="relative"),
        pytest.param(
            "from dynamorm_async import connect",
            "line 1: a room does not import the library's own front door",
            id="the library's door",
        ),
    ],
)
def test_a_way_round_the_front_door_is_refused(source: str, told: str) -> None:
    assert list(breaches_of_doors("plan", source, {"wire": frozenset({"Call"})})) == [told]


@pytest.mark.parametrize(
    "source",
    [
        "from dynamorm_async.wire import Call",
        "from dynamorm_async.plan.cursor import Cursor",
        "from dynamorm_async.cache import anything",
        "import attrs",
    ],
)
def test_a_way_through_the_front_door_is_allowed(source: str) -> None:
    assert list(breaches_of_doors("plan", source, {"wire": frozenset({"Call"}), "cache": None})) == []


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("async def f(x):\n    await x", id="await"),
        pytest.param("async def f(x):\n    async for y in x: ...", id="async for"),
        pytest.param("async def f(x):\n    async with x: ...", id="async with"),
        pytest.param("import datetime\ndatetime.datetime.now(tz)", id="clock by module"),
        pytest.param("from datetime import datetime\nnow = datetime.now", id="clock, not called"),
        pytest.param("from datetime import date\ndate.today()", id="today"),
        pytest.param("import uuid\nuuid.uuid4()", id="dice by module"),
        pytest.param("from uuid import UUID, uuid4", id="dice by name"),
        pytest.param("import os\nos.environ['X']", id="environment"),
        pytest.param("from os import getenv", id="environment by name"),
        pytest.param("open('x')", id="a file"),
    ],
)
def test_what_only_the_edge_may_do_is_refused_in_the_core(source: str) -> None:
    assert len(list(breaches_of_purity(source))) == 1


@pytest.mark.parametrize(
    "source", ["from uuid import UUID", "from datetime import datetime\ndatetime.fromisoformat(x)"]
)
def test_types_of_time_and_chance_are_allowed_in_the_core(source: str) -> None:
    assert list(breaches_of_purity(source)) == []


@pytest.mark.parametrize(
    ("source", "call"),
    [
        pytest.param("import time\ntime.sleep(1)", "time.sleep", id="sleep"),
        pytest.param("import time as t\nt.sleep(1)", "time.sleep", id="sleep, renamed"),
        pytest.param("from time import sleep as wait\nwait(1)", "time.sleep", id="sleep, by name"),
        pytest.param("async def f():\n    with open('x') as file: ...", "open", id="a file"),
        pytest.param("Path('x').read_text()", "read_text", id="a path"),
        pytest.param("def f(path):\n    return path.read_bytes()", "read_bytes", id="a path that is given"),
        pytest.param("import subprocess\nsubprocess.run(['x'])", "subprocess.run", id="a process"),
        pytest.param("from subprocess import Popen\nPopen('x')", "subprocess.Popen", id="a process, by name"),
        pytest.param("import os\nos.system('x')", "os.system", id="a shell"),
        pytest.param("import socket\nsocket.getaddrinfo('h', 1)", "socket.getaddrinfo", id="a name resolved"),
        pytest.param(
            "from socket import create_connection as dial\ndial(('h', 1))",
            "socket.create_connection",
            id="dial",
        ),
        pytest.param("def f(sock):\n    sock.recv(1)", "recv", id="a socket that is given"),
        pytest.param("import requests\nrequests.get('u')", "requests.get", id="requests"),
        pytest.param(
            "from urllib.request import urlopen\nurlopen('u')", "urllib.request.urlopen", id="urllib by name"
        ),
        pytest.param("import urllib.request as r\nr.urlopen('u')", "urllib.request.urlopen", id="urllib"),
        pytest.param(
            "def f():\n    import http.client as h\n    h.HTTPConnection('h')",
            "http.client.HTTPConnection",
            id="http",
        ),
    ],
)
def test_a_call_that_blocks_is_found(source: str, call: str) -> None:
    assert [name for _, name in blocking_calls(source)] == [call]


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)",
        "async def f(loop):\n    await loop.getaddrinfo('h', 1)",
        "async def f(loop, sock):\n    await loop.sock_connect(sock, ('h', 1))",
        "import time\ntime.monotonic()",
        "import socket\nsocket.socket()",
        "from dynamorm_async import connect\nconnect('memory://')",
    ],
)
def test_a_call_that_does_not_block_is_allowed(source: str) -> None:
    assert list(blocking_calls(source)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "source", "told"),
    [
        pytest.param(
            "errors/seed.py",
            "import dynamorm_async.wire",
            "dynamorm_async.errors is not allowed to import dynamorm_async.wire",
            id="upwards",
        ),
        pytest.param(
            "plan/seed.py",
            "def f():\n    from dynamorm_async.executors import x",
            "dynamorm_async.plan is not allowed to import dynamorm_async.executors",
            id="lazily",
        ),
        pytest.param(
            "wire/seed.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dynamorm_async.model import x",
            "dynamorm_async.wire is not allowed to import dynamorm_async.model",
            id="for types only",
        ),
        pytest.param(
            "admin/seed.py",
            "import dynamorm_async.executors",
            "dynamorm_async.admin is not allowed to import dynamorm_async.executors",
            id="beside",
        ),
        pytest.param(
            "client/seed.py",
            "import dynamorm_async.testing",
            "dynamorm_async.client is not allowed to import dynamorm_async.testing",
            id="a guest",
        ),
        pytest.param(
            "plan/seed.py",
            "import anyio",
            "dynamorm_async.plan is not allowed to import anyio",
            id="event loop",
        ),
        pytest.param(
            "wire/seed.py",
            "from time import time",
            "dynamorm_async.wire is not allowed to import time",
            id="clock",
        ),
        pytest.param(
            "codecs/seed.py",
            "import random",
            "dynamorm_async.codecs is not allowed to import random",
            id="dice",
        ),
        pytest.param(
            "client/seed.py",
            "import moto",
            "dynamorm_async.client is not allowed to import moto",
            id="an extra",
        ),
        pytest.param("utils/__init__.py", "", "dynamorm_async.utils", id="a room without a place"),
    ],
)
def test_the_contracts_of_the_rooms_refuse_a_breach(
    tmp_path: Path, file: str, source: str, told: str
) -> None:
    pytest.importorskip("importlinter")
    shutil.copytree(PACKAGE, tmp_path / "dynamorm_async", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    seed = tmp_path / "dynamorm_async" / file
    seed.parent.mkdir(exist_ok=True)
    seed.write_text(source)
    program = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert told in done.stdout.partition("Broken contracts")[2]
