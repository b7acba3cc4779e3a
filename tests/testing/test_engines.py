"""Every engine of its own process: it starts, answers, stops, and says why it cannot start."""

import os
import socket
import stat
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from anyio import to_thread

from dynamorm_async.errors import EngineUnavailable
from dynamorm_async.testing import NAMES, Engine, install, installable, missing, started
from dynamorm_async.testing.engines import __main__ as command_line
from dynamorm_async.testing.engines._process import status_of
from dynamorm_async.transport import Credentials

NOTHING: Mapping[str, str] = {"PATH": "/nowhere", "DYNAMORM_ENGINES_DIR": "/nowhere"}

OWN_PROCESS = [
    pytest.param("dynamodb-local", id="dynamodb-local", marks=pytest.mark.slow),
    pytest.param("dynoxide", id="dynoxide", marks=pytest.mark.slow),
]


@pytest.fixture(params=OWN_PROCESS)
def name(request: pytest.FixtureRequest) -> str:
    """An engine that can start here."""
    why = missing(request.param)
    if why is not None:
        pytest.skip(f"engine {request.param}: {why}")
    return request.param


def children() -> set[str]:
    """The processes of this one, by number; what has ended and was not waited for counts."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def is_listening(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    with socket.socket() as client:
        return client.connect_ex((parts.hostname, parts.port)) == 0


def program(folder: Path, text: str, name: str = "engine") -> dict[str, str]:
    """Write a Python program and return the variables that make it the dynoxide binary."""
    file = folder / name
    file.write_text(f"#!{sys.executable}\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return {**os.environ, "DYNAMORM_DYNOXIDE": str(file)}


async def test_an_engine_answers_while_its_block_runs(name: str) -> None:
    async with started(name) as engine:
        assert await status_of(engine.endpoint or "") == 200


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_an_engine_is_gone_after_its_block(name: str) -> None:
    before = children()

    async with started(name) as engine:
        during = children()

    assert len(during - before) == 1
    assert children() == before
    assert not is_listening(engine.endpoint or "")


async def test_a_body_that_raises_stops_the_engine_and_its_error_comes_out_unchanged(name: str) -> None:
    engine = None

    with pytest.raises(KeyError, match="mine"):
        async with started(name) as engine:
            raise KeyError("mine")

    assert engine is not None
    assert not is_listening(engine.endpoint or "")


async def test_a_cancelled_body_stops_the_engine(name: str) -> None:
    engine = None

    with anyio.CancelScope() as scope:
        async with started(name) as engine:
            scope.cancel()
            await anyio.sleep_forever()

    assert engine is not None
    assert not is_listening(engine.endpoint or "")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_start_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    silent = program(tmp_path, "import time; time.sleep(60)")
    before = children()

    with anyio.move_on_after(0.3):
        async with started("dynoxide", environ=silent):
            pytest.fail("it never answers")

    assert children() == before


async def test_two_engines_of_a_kind_run_side_by_side(name: str) -> None:
    async with started(name) as one, started(name) as two:
        assert one.endpoint != two.endpoint
        assert await status_of(one.endpoint or "") == await status_of(two.endpoint or "") == 200


@pytest.mark.slow
async def test_tables_of_one_key_and_region_are_seen_with_another_as_in_one_account(name: str) -> None:
    def create_and_list(endpoint: str | None) -> list[str]:
        def client(key: str, region: str) -> Any:
            return import_module("boto3").client(
                "dynamodb",
                endpoint_url=endpoint,
                region_name=region,
                aws_access_key_id=key,
                aws_secret_access_key="x",
            )

        client("AKIAONE", "eu-west-1").create_table(
            TableName="seen",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return client("AKIATWO", "us-east-1").list_tables()["TableNames"]

    async with started(name) as engine:
        assert await to_thread.run_sync(create_and_list, engine.endpoint) == ["seen"]


async def test_a_process_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    broken = program(tmp_path, "import sys; print('first'); sys.exit('the disk is full')")

    with pytest.raises(EngineUnavailable) as caught:
        async with started("dynoxide", environ=broken):
            pytest.fail("it cannot start")

    assert caught.value.why == "it ended with status 1: first | the disk is full"


async def test_a_port_that_is_taken_meanwhile_is_given_up_for_another(tmp_path: Path) -> None:
    unlucky_once = program(
        tmp_path,
        f"""
import http.server, pathlib, sys
flag = pathlib.Path({str(tmp_path / "tried")!r})
if not flag.exists():
    flag.touch()
    sys.exit("Address already in use")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Answer).serve_forever()
""",
    )

    async with started("dynoxide", environ=unlucky_once) as engine:
        assert await status_of(engine.endpoint or "") == 200


async def test_a_server_that_writes_without_end_is_not_held_up(tmp_path: Path) -> None:
    talkative = program(
        tmp_path,
        """
import http.server, sys
print("x" * 1_000_000, flush=True)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        sys.stderr.write("y" * 1_000_000)
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Answer).serve_forever()
""",
    )

    async with started("dynoxide", environ=talkative) as engine:
        assert await status_of(engine.endpoint or "") == 200


@pytest.mark.parametrize(
    ("name", "environ", "told"),
    [
        pytest.param(
            "dynamodb-local",
            NOTHING,
            "java is not on the PATH; install a JDK 17 or newer (Debian: openjdk-17-jre-headless), "
            "or start a Docker engine",
            id="no java",
        ),
        pytest.param(
            "dynoxide",
            NOTHING,
            "dynoxide is not there, nor npm to fetch it; install npm (Debian: npm), "
            "or put dynoxide on the PATH (cargo install dynoxide-rs)",
            id="no npm",
        ),
        pytest.param(
            "dynoxide",
            {"DYNAMORM_DYNOXIDE": "/nowhere/dynoxide"},
            "DYNAMORM_DYNOXIDE='/nowhere/dynoxide' is no program; name the dynoxide binary in it",
            id="no such binary",
        ),
        pytest.param(
            "docker",
            {"DOCKER_HOST": "tcp://127.0.0.1:1"},
            "no Docker engine answers; start Docker, or point DOCKER_HOST at an engine",
            id="no docker",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "aws",
            NOTHING,
            "nobody asked for it, and it costs money; set DYNAMORM_TEST_AWS=1 and have credentials",
            id="aws not asked for",
        ),
        pytest.param(
            "alternator",
            NOTHING,
            "no endpoint is named; set DYNAMORM_TEST_ALTERNATOR to its URL",
            id="no alternator",
        ),
    ],
)
async def test_what_is_missing_is_told_in_one_line_and_raised(
    name: str, environ: Mapping[str, str], told: str
) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        async with started(name, environ=environ):
            pytest.fail("it cannot start")

    assert missing(name, environ=environ) == told
    assert f"{caught.value.why}; {caught.value.fix}" == told
    assert caught.value.what == f"engine {name} cannot start"


def test_a_java_that_is_too_old_is_missing(tmp_path: Path) -> None:
    program(tmp_path, "import sys; sys.exit(print('openjdk version \"11.0.2\"', file=sys.stderr))", "java")

    told = missing("dynamodb-local", environ={**NOTHING, "PATH": str(tmp_path)})

    assert told is not None
    assert told.startswith("java is version 11; install a JDK 17 or newer")


def test_a_java_that_only_says_where_to_get_one_is_missing(tmp_path: Path) -> None:
    program(tmp_path, "raise SystemExit(1)", "java")

    told = missing("dynamodb-local", environ={**NOTHING, "PATH": str(tmp_path)})

    assert told is not None
    assert told.startswith("java is there and does not run; install a JDK 17 or newer")


def test_jars_without_maven_are_missing(tmp_path: Path) -> None:
    program(tmp_path, "import sys; print('openjdk version \"21\"', file=sys.stderr)", "java")

    told = missing("dynamodb-local", environ={**NOTHING, "PATH": str(tmp_path)})

    assert told is not None
    assert told.startswith("its jars are not there, nor Maven to fetch them; install Maven")


async def test_a_url_at_which_nothing_answers_is_unavailable() -> None:
    with pytest.raises(EngineUnavailable, match="cannot start") as caught:
        async with started("http://127.0.0.1:1"):
            pytest.fail("nothing is there")

    assert caught.value.why == "nothing answers at 'http://127.0.0.1:1'"


async def test_a_url_is_an_engine_that_is_left_as_it_was(name: str) -> None:
    async with started(name) as running:
        url = running.endpoint or ""
        async with started(url) as engine:
            assert (engine.name, engine.endpoint, engine.disposable) == (url, url, False)
        assert await status_of(url) == 200


async def test_an_engine_that_nobody_knows_is_unavailable() -> None:
    with pytest.raises(EngineUnavailable, match="'oracle' is no engine") as caught:
        async with started("oracle"):
            pytest.fail("there is none")

    assert caught.value.fix == f"choose one of {', '.join(NAMES)}, or a URL"


async def test_clients_of_one_memory_engine_share_a_store_and_engines_do_not() -> None:
    async with started("memory") as one, started("memory") as two:
        assert one.options["url"].startswith("memory://")
        assert one.options["url"] != two.options["url"]


async def test_an_endpoint_of_ones_own_is_connected_to_with_a_key_of_no_worth(name: str) -> None:
    async with started(name) as engine:
        assert engine.options == {
            "endpoint": engine.endpoint,
            "region": "eu-west-1",
            "credentials": Credentials("AKIADYNAMORMASYNCTEST", "not-a-secret"),
        }


def test_the_service_itself_is_connected_to_as_this_machine_is_configured() -> None:
    aws = Engine(name="aws", region=None, access_key=None, secret_key=None)

    assert aws.options == {}


def test_the_secret_of_an_engine_is_not_printed() -> None:
    engine = Engine(name="x", secret_key="hush")

    assert "hush" not in repr(engine)


async def test_two_fetches_at_once_leave_one_whole_copy(tmp_path: Path) -> None:
    environ = fake_npm(tmp_path)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: install("dynoxide", environ=environ))
        tasks.start_soon(lambda: install("dynoxide", environ=environ))

    assert kept_in(environ) == ["dynoxide-1.2.1"]


async def test_a_fetch_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    environ = fake_npm(tmp_path, "sys.exit('no network')")

    with pytest.raises(EngineUnavailable) as caught:
        await install("dynoxide", environ=environ)

    assert caught.value.why == "it could not be fetched: npm ended with status 1: no network"
    assert kept_in(environ) == []


async def test_what_was_fetched_is_not_fetched_again(tmp_path: Path) -> None:
    environ = fake_npm(tmp_path)
    first = await install("dynoxide", environ=environ)
    (tmp_path / "npm").unlink()

    assert await install("dynoxide", environ=environ) == first
    assert installable(environ=environ) == ("dynoxide",)


async def test_an_engine_without_anything_to_fetch_says_so() -> None:
    with pytest.raises(EngineUnavailable, match="there is nothing to fetch"):
        await install("memory")


def kept_in(environ: Mapping[str, str]) -> list[str]:
    return [file.name for file in Path(environ["DYNAMORM_ENGINES_DIR"]).iterdir()]


def fake_npm(folder: Path, ending: str = "") -> dict[str, str]:
    """Return variables under which npm takes its time and leaves a dynoxide of our own."""
    program(
        folder,
        f"""
import pathlib, sys, time
{ending}
at = pathlib.Path(sys.argv[sys.argv.index("--prefix") + 1], "node_modules", sys.argv[-1].rpartition("@")[0])
at.mkdir(parents=True)
time.sleep(0.3)
at.joinpath("dynoxide").touch()
""",
        "npm",
    )
    return {"PATH": str(folder), "DYNAMORM_ENGINES_DIR": str(folder / "engines")}


def test_the_command_lists_every_engine(capsys: pytest.CaptureFixture[str]) -> None:
    status = command_line.main([])

    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert [line.split()[0] for line in lines] == list(NAMES)
    assert lines[0].split() == ["memory", "ready"]


def test_the_command_fails_for_what_cannot_be_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    status = command_line.main(["install", "memory"])

    assert status == 1
    assert capsys.readouterr().out == (
        "memory          missing: there is nothing to fetch for it; start it as it is\n"
    )


def test_the_command_goes_on_where_it_is_told_to() -> None:
    assert command_line.main(["install", "--if-possible", "memory"]) == 0
