"""dynoxide, a native engine over SQLite: one binary, from the PATH or from npm.

Source of the package names: the project's own npm package, `optionalDependencies`.
"""

import platform
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from dynamorm_async.errors import quoted
from dynamorm_async.testing.engines._engine import Engine, Lack
from dynamorm_async.testing.engines._fetch import engines_dir, fetch
from dynamorm_async.testing.engines._process import serving

NAME = "dynoxide"
VERSION = "1.2.1"
GET_NPM = "install npm (Debian: npm), or put dynoxide on the PATH (cargo install dynoxide-rs)"
GET_OTHER = "put dynoxide on the PATH (cargo install dynoxide-rs), or name it in DYNAMORM_DYNOXIDE"

_PLATFORMS = {"darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-x64"}
_MACHINES = {"aarch64": "arm64", "amd64": "x64", "arm64": "arm64", "x86_64": "x64"}


def lack(environ: Mapping[str, str]) -> Lack | None:
    """Return what is missing to start it."""
    named = environ.get("DYNAMORM_DYNOXIDE")
    if named:
        if shutil.which(named) is not None:
            return None
        return Lack(f"DYNAMORM_DYNOXIDE={quoted(named)} is no program", "name the dynoxide binary in it")
    if shutil.which("dynoxide", path=environ.get("PATH", "")) is not None:
        return None
    return lack_to_install(environ)


def lack_to_install(environ: Mapping[str, str]) -> Lack | None:
    """Return what is missing to fetch it."""
    if _binary(environ).is_file():
        return None
    if _platform() not in _PLATFORMS:
        return Lack(f"npm has no dynoxide for {_platform()}", GET_OTHER)
    if shutil.which("npm", path=environ.get("PATH", "")) is None:
        return Lack("dynoxide is not there, nor npm to fetch it", GET_NPM)
    return None


async def install(environ: Mapping[str, str]) -> Path:
    """Fetch the binary unless it is there, and return it."""
    binary = _binary(environ)
    if not binary.is_file():
        unable = lack_to_install(environ)
        if unable is not None:
            raise unable.error(NAME)
        npm = shutil.which("npm", path=environ.get("PATH", "")) or "npm"
        package = f"@dynoxide/{_platform()}"
        await fetch(
            NAME,
            binary.parent,
            lambda folder: _install(npm, folder, package),
            f"node_modules/{package}",
            environ=environ,
        )
    return binary


@asynccontextmanager
async def start(environ: Mapping[str, str]) -> AsyncGenerator[Engine, None]:
    """Run it in memory; fetch it first where it is not there yet."""
    unable = lack(environ)
    if unable is not None:
        raise unable.error(NAME)
    named = environ.get("DYNAMORM_DYNOXIDE") or shutil.which("dynoxide", path=environ.get("PATH", ""))
    program = named or str(await install(environ))
    async with serving(
        NAME,
        lambda port: [program, "--host", "127.0.0.1", "--port", str(port)],
        environ=environ,
        fix=GET_OTHER,
    ) as endpoint:
        yield Engine(name=NAME, endpoint=endpoint)


def _install(npm: str, folder: Path, package: str) -> Sequence[str]:
    options = [
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--ignore-scripts",
        "--loglevel=error",
    ]
    return [npm, "install", *options, "--prefix", str(folder), f"{package}@{VERSION}"]


def _binary(environ: Mapping[str, str]) -> Path:
    suffix = ".exe" if sys.platform == "win32" else ""
    return engines_dir(environ) / f"dynoxide-{VERSION}" / f"dynoxide{suffix}"


def _platform() -> str:
    return f"{sys.platform}-{_MACHINES.get(platform.machine().lower(), platform.machine().lower())}"
