"""What an engine is known to do otherwise than DynamoDB: each a strict xfail, with its source.

An engine that is mended turns the build red, and its line goes.
"""

from fnmatch import fnmatchcase

import attrs


@attrs.frozen(kw_only=True)
class Gap:
    """One difference of one engine.

    Attributes:
        test: The test's id with no brackets, `tests/client/test_batches.py::test_two_*`; or the whole id of
            one case, brackets and all, `tests/…::test_numbers[memory-39 digits]`.
        engine: The engine's name.
        why: What it does, and what the service does instead.
        source: Where that is written or how it was seen: a URL, or a version and a date.
    """

    test: str
    engine: str
    why: str
    source: str

    def covers(self, test_id: str, engine: str) -> bool:
        """Whether the test of this id on this engine is expected to fail."""
        if engine != self.engine:
            return False
        if "[" in self.test:
            return test_id == self.test
        return fnmatchcase(test_id.partition("[")[0], self.test)


KNOWN_GAPS: tuple[Gap, ...] = ()
