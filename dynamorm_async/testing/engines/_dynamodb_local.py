"""DynamoDB Local, Amazon's own engine, in a JVM; its jars come from Maven.

Source: Amazon's guide "Deploying DynamoDB locally on your computer": version 2 needs Java 17.
"""

import re
import shutil
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread

from dynamorm_async.testing.engines import _docker
from dynamorm_async.testing.engines._engine import Engine, Lack
from dynamorm_async.testing.engines._fetch import engines_dir, fetch
from dynamorm_async.testing.engines._process import serving

NAME = "dynamodb-local"
VERSION = "2.6.1"
JAVA = 17
GET_JAVA = f"install a JDK {JAVA} or newer (Debian: openjdk-{JAVA}-jre-headless)"
GET_MAVEN = "install Maven (Debian: maven)"

_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>engines</groupId>
  <artifactId>engines</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def lack(environ: Mapping[str, str]) -> Lack | None:
    """Return what is missing to start it, by a JVM or else by Docker."""
    local = _lack_of_java(environ) or _lack_of_jars(environ)
    if local is None or _docker.lack(environ) is None:
        return None
    return Lack(local.why, f"{local.fix}, or start a Docker engine")


def lack_to_install(environ: Mapping[str, str]) -> Lack | None:
    """Return what is missing to fetch it."""
    return _lack_of_java(environ) or _lack_of_jars(environ)


async def install(environ: Mapping[str, str]) -> Path:
    """Fetch the jars unless they are there, and return their folder."""
    jars = _jars(environ)
    if not jars.is_dir():
        maven = _found("mvn", environ)
        if maven is None:
            raise Lack("Maven is not on the PATH to fetch it", GET_MAVEN).error(NAME)
        await fetch(NAME, jars, lambda folder: _copy_jars(maven, folder), "jars", environ=environ)
    return jars


@asynccontextmanager
async def start(environ: Mapping[str, str]) -> AsyncGenerator[Engine, None]:
    """Run it; fetch it first where it is not there yet."""
    unable = await to_thread.run_sync(lack, environ)
    if unable is not None:
        raise unable.error(NAME)
    if await to_thread.run_sync(lack_to_install, environ) is not None:
        async with _docker.start(environ, name=NAME) as engine:
            yield engine
        return
    java = _java(environ) or "java"
    jars = await install(environ)
    async with serving(
        NAME, lambda port: _server(java, jars, port), environ=environ, fix=GET_JAVA
    ) as endpoint:
        yield Engine(name=NAME, endpoint=endpoint)


def _server(java: str, jars: Path, port: int) -> Sequence[str]:
    # -sharedDb: otherwise every access key and region has a database of its own, unlike the
    # service. It listens on every address of the machine; there is no option for that.
    return [
        java,
        f"-Djava.library.path={jars}",
        "-cp",
        f"{jars}/*",
        "com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
        "-inMemory",
        "-sharedDb",
        "-disableTelemetry",
        "-port",
        str(port),
    ]


def _copy_jars(maven: str, folder: Path) -> Sequence[str]:
    pom = folder / "pom.xml"
    pom.write_text(_POM)
    return [
        maven,
        "-q",
        "-B",
        "-f",
        str(pom),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={folder / 'jars'}",
    ]


def _lack_of_java(environ: Mapping[str, str]) -> Lack | None:
    java = _java(environ)
    if java is None:
        return Lack("java is not on the PATH", GET_JAVA)
    try:
        # macOS has a `java` that only says where to get one.
        told = subprocess.run(  # noqa: S603 - found on the caller's own PATH
            [java, "-version"], env=environ, capture_output=True, text=True, timeout=20, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return Lack("java is there and does not run", GET_JAVA)
    found = re.search(r'version "(\d+)', told)
    if found is not None and int(found[1]) < JAVA:
        return Lack(f"java is version {found[1]}", GET_JAVA)
    return None


def _lack_of_jars(environ: Mapping[str, str]) -> Lack | None:
    if _jars(environ).is_dir() or _found("mvn", environ) is not None:
        return None
    return Lack("its jars are not there, nor Maven to fetch them", GET_MAVEN)


def _jars(environ: Mapping[str, str]) -> Path:
    return engines_dir(environ) / f"dynamodb-local-{VERSION}"


def _java(environ: Mapping[str, str]) -> str | None:
    home = environ.get("JAVA_HOME")
    by_home = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    return by_home or _found("java", environ)


def _found(program: str, environ: Mapping[str, str]) -> str | None:
    return shutil.which(program, path=environ.get("PATH", ""))
