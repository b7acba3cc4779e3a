"""What stands between this library and others: rich, for now.

A guest: each needs an extra of its own, which is imported when it is used. May use `client` and
what is below it; no other room imports it.
"""

from dynamorm_async.integrations.progress import RichProgress

__all__ = ["RichProgress"]
