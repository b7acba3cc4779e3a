"""A cold start: import, connect, first get, end; CPU time of the whole process, and peers.

Two ways to credentials: from the environment, as on Lambda, and through the full chain (a profile
in files). An empty program's time is taken off, so that the interpreter's own start counts for none.
Bytecode is written by a first run that isn't counted, as it is where a package is installed.
"""

import os
import resource
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measure import ROOT, Options, verdict
from benchmarks.peers.items import ACCESS_KEY, ENDPOINT_REGION, SECRET_KEY
from benchmarks.processes import started_server

ROUNDS = 7
# Ours ÷ raw aiobotocore, at most.
TARGETS = {"environment": 0.35, "profile": 0.65}

OURS = """
import asyncio, sys
from dynamorm_async import Attr, connect, model, partition_key
@model(table="bench")
class Item:
    customer: Attr[str] = partition_key()
async def main():
    async with connect(sys.argv[1]) as db:
        await db.table(Item).get("a")
        assert db.transport == "fast"
asyncio.run(main())
"""
AIOBOTOCORE = """
import asyncio, sys
from aiobotocore.session import AioSession
async def main():
    async with AioSession().create_client("dynamodb", endpoint_url=sys.argv[1]) as client:
        await client.get_item(TableName="bench", Key={"customer": {"S": "a"}})
asyncio.run(main())
"""
PROGRAMS = {"ours": OURS, "aiobotocore": AIOBOTOCORE, "empty": "pass"}


def titles() -> list[str]:
    return list(TARGETS)


def run(options: Options) -> dict[str, Any]:
    """Return CPU milliseconds by way and program, and our ratios with their targets."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        (folder / "config").write_text(f"[profile shop]\nregion = {ENDPOINT_REGION}\n")
        (folder / "credentials").write_text(
            f"[shop]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
        )
        url = started_server(stack)
        ways = [way for way in TARGETS if options.wants(way)]
        return {"ways": {way: _measured(way, folder, url, options.rounds or ROUNDS) for way in ways}}


def _measured(way: str, folder: Path, url: str, rounds: int) -> dict[str, Any]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if way == "environment":
        environ |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        environ |= {"AWS_DEFAULT_REGION": ENDPOINT_REGION}
        environ |= {
            "AWS_CONFIG_FILE": str(folder / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no"),
        }
    else:
        environ |= {"AWS_PROFILE": "shop", "AWS_CONFIG_FILE": str(folder / "config")}
        environ |= {"AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}
    for program in PROGRAMS.values():
        _cpu([sys.executable, "-c", program, url], environ)
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            times[name].append(_cpu([sys.executable, "-c", program, url], environ))
    idle = median(times["empty"])
    costs = {name: round((median(found) - idle) * 1e3, 1) for name, found in times.items()}
    ratio = round(costs["ours"] / costs["aiobotocore"], 2)
    told = verdict(met=ratio <= TARGETS[way])
    print(f"{way:12} ours {costs['ours']} ms, aiobotocore {costs['aiobotocore']} ms of CPU: ", end="")
    print(f"{ratio} (at most {TARGETS[way]}: {told})")
    return {"cpu_ms": costs, "ratio": ratio, "at_most": TARGETS[way], "verdict": told}


def _cpu(command: list[str], environ: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environ, check=True, cwd="/")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
