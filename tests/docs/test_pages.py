"""Every page of the documentation does what it says: its Python blocks run, as one program, in order.

What a page prints is what its `# → …` comments say, in the order of the page; a comment that
begins a line continues the text above it. Blocks run against `memory://`; there is no skip list.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMISED = re.compile(r"# → (.*)$", re.MULTILINE)


def program(page: str) -> str:
    """Return the blocks of a page, each on the lines that it has in the page."""
    text = ""
    for block in BLOCK.finditer(page):
        before = page.count("\n", 0, block.start(1))
        text += "\n" * (before - text.count("\n")) + block[1]
    return text


def printed_by(source: str, *, filename: str) -> list[str]:
    """Run a program, whose top level may await, in a module of its own; return the lines it prints."""
    module = ModuleType("a_page_of_the_documentation")
    code = compile(source, filename, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    out = io.StringIO()
    sys.modules[module.__name__] = module
    try:
        with contextlib.redirect_stdout(out):
            result = eval(code, module.__dict__)
            if inspect.iscoroutine(result):
                asyncio.run(result)
    finally:
        del sys.modules[module.__name__]
    return out.getvalue().splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_prints_what_it_says(page: Path) -> None:
    source = program(page.read_text())

    assert printed_by(source, filename=str(page)) == PROMISED.findall(source)


def test_the_readme_shows_the_quickstart_word_for_word() -> None:
    _, docstring, quickstart = (ROOT / "examples/quickstart.py").read_text().partition("\n\n")

    assert docstring
    assert BLOCK.findall((ROOT / "README.md").read_text())[0] == quickstart


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    link = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")

    broken = [
        f"{page.name}: {file}#{anchor}"
        for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
        for file, anchor in link.findall(page.read_text())
        for target in [page.parent / file if file else page]
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]

    assert broken == []


def test_contributors_are_told_of_make_targets_only() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    named = re.findall(r"`make ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text())

    assert set(named) <= set(targets)
    assert {"check", "test", "test-fast", "format", "docs"} <= set(named)
