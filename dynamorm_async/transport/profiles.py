"""Read one setting of a profile from the AWS configuration files, as botocore would find it.

Takes a name, a profile and the files' text; gives the setting's text or None. Importing botocore for
it would cost a cold start what the fast path saves, so its rules are repeated here: the profile's
section of the credentials file comes before that of the configuration file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dynamorm_async.errors import InvalidRequest

_CONFIG, _CREDENTIALS = "~/.aws/config", "~/.aws/credentials"


def files_of(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the text of the configuration file and of the credentials file, "" for what isn't there."""
    return (
        _text(environ.get("AWS_CONFIG_FILE") or _CONFIG),
        _text(environ.get("AWS_SHARED_CREDENTIALS_FILE") or _CREDENTIALS),
    )


def filed(name: str, *, profile: str | None, session: object, environ: Mapping[str, str]) -> str | None:
    """Return a setting of the profile that is in use, from the files that are in use, or None.

    Args:
        name: As in the files, "max_attempts".
        profile: The profile that `connect` was given, or None for the session's or environment's.
        session: A botocore session, whose profile and files come before the environment's, or None.
        environ: The environment.

    Raises:
        InvalidRequest: A file that names the setting cannot be parsed.
    """
    variable: Any = getattr(session, "get_config_variable", None)
    if variable is None:
        found = profile or environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE")
        return setting_of(name, found or "default", *files_of(environ))
    files = (_text(variable("config_file") or _CONFIG), _text(variable("credentials_file") or _CREDENTIALS))
    return setting_of(name, variable("profile") or "default", *files)


def setting_of(name: str, profile: str, config: str, credentials: str) -> str | None:
    """Return a profile's setting from the text of the two files, or None.

    Raises:
        InvalidRequest: A text that names the setting cannot be parsed.
    """
    sections = (
        (credentials, (profile,)),
        (config, (f"profile {profile}", *(["default"] if profile == "default" else []))),
    )
    for text, titles in sections:
        if name not in text:
            continue  # nothing to parse, and no parser to import
        parsed = _parsed(text)
        for title in titles:
            found = parsed.get(title, {}).get(name)
            if found is not None:
                return found
    return None


def _parsed(text: str) -> dict[str, Mapping[str, str]]:
    """Return the sections by their titles, whose white space and quotes mean nothing."""
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(default_section="")  # a section called "default" is one like the others
    try:
        parser.read_string(text)
    except Error as error:
        raise InvalidRequest(
            "the AWS configuration files cannot be parsed",
            why=type(error).__name__,  # its text has lines of the file, and the file may have secrets
            fix="correct the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name",
            code="transport.configuration",
        ) from None
    return {" ".join(title.replace('"', "").replace("'", "").split()): parser[title] for title in parser}


def _text(name: str) -> str:
    try:
        return Path(name).expanduser().read_text(encoding="utf-8", errors="replace")
    except (OSError, RuntimeError):
        return ""  # there is none, or none that could be read
