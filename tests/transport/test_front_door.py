"""The room's front door: what it gives, and what importing it costs."""

import subprocess
import sys

import pytest

from dynamorm_async import transport


@pytest.mark.parametrize("name", transport.__all__)
def test_each_name_is_there_and_says_what_it_is(name: str) -> None:
    assert (getattr(transport, name).__doc__ or "").strip()


def test_importing_the_room_imports_no_engine_and_no_client() -> None:
    program = (
        "import sys, dynamorm_async.transport\n"
        "print(sorted({'aiobotocore', 'botocore', 'aiohttp', 'moto'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert found.stdout == "[]\n"
