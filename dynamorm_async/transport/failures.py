"""Say in our errors what botocore's and aiohttp's exceptions mean.

The one question that matters is whether the request may have been carried out: botocore's
EndpointConnectionError says "could not connect" also of a connection that broke after the request
was sent, so what aiohttp said is looked at.
"""

from typing import Any

from dynamorm_async.errors import (
    CallTimeout,
    ConnectionLost,
    CredentialsError,
    DynamormError,
    EndpointUnreachable,
    InvalidRequest,
)
from dynamorm_async.wire import Call

# Codes of what ends a call before it is sent, for reasons of the client's own.
NO_CONNECTION = "transport.no-connection"
NOT_READY = "transport.not-ready"
CREDENTIALS = frozenset(
    {
        "CredentialRetrievalError",
        "MetadataRetrievalError",
        "NoAuthTokenError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "RefreshWithMFAUnsupportedError",
        "SSOError",
        "TokenRetrievalError",
        "UnknownTokenProviderError",
    }
)
CONFIGURATION = frozenset(
    {
        "BaseEndpointResolverError",
        "ConfigNotFound",
        "ConfigParseError",
        "EndpointProviderError",
        "InfiniteLoopConfigError",
        "InvalidConfigError",
        "InvalidProxiesConfigError",
        "InvalidRegionError",
        "NoRegionError",
        "ParamValidationError",
        "ProfileNotFound",
    }
)
NEVER_CONNECTED = frozenset(
    {"ConnectTimeoutError", "ProxyConnectionError", "SSLError", "ConnectTimeout", "ConnectError"}
)
REFUSED = frozenset({"ClientConnectorError", "ClientSSLError", "gaierror", "ConnectError", "ConnectTimeout"})
FIXES = {
    "NoCredentialsError": (
        "give connect(credentials=Credentials(…)) or profile=, or set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY; a local engine takes any"
    ),
    "NoRegionError": 'give connect(region="eu-west-1"), or set AWS_DEFAULT_REGION',
    "ProfileNotFound": "name a profile of ~/.aws/config, or leave profile= and AWS_PROFILE out",
    "SSLError": "give AWS_CA_BUNDLE the certificate's authority, or check the endpoint's name",
}


def failure(error: Exception, call: Call, *, sent: bool) -> DynamormError | None:
    """Return our error for an exception of the way through aiobotocore, or None for a foreign one.

    Args:
        error: What the client raised; not a ClientError, which is an answer.
        call: The call that was attempted.
        sent: Whether anything may have been sent.
    """
    if isinstance(error, DynamormError):
        return error
    names = _names(error)
    subject = f"{call.operation} on {call.table}" if call.table else call.operation
    if names & CREDENTIALS:
        found = CredentialsError(f"{subject}: no credentials to sign with", message=str(error))
        found.fix = _fix(names) or found.fix
        return found
    if names & CONFIGURATION or (isinstance(error, ValueError) and not sent):
        return InvalidRequest(
            f"{subject}: the client cannot be set up",
            why=str(error),
            fix=_fix(names) or "correct what connect() was given, or the AWS configuration it reads",
            code="transport.configuration",
        )
    if not _is_about_the_way(error, names):
        return None
    if "ReadTimeoutError" in names or isinstance(error, TimeoutError):
        return silent(f"{subject}: no answer came in time", why=str(error) or None)
    if names & NEVER_CONNECTED or not sent or _was_refused(error):
        return EndpointUnreachable(
            f"{subject}: nothing accepted a connection", why=str(error), fix=_fix(names) or _CHECK_ENDPOINT
        )
    return ConnectionLost(f"{subject}: the connection ended before the answer was there", why=str(error))


def no_credentials() -> CredentialsError:
    """Return the error of a call for which the chain of credentials found none."""
    error = CredentialsError("no credentials to sign with", message="Unable to locate credentials")
    error.fix = FIXES["NoCredentialsError"]
    return error


def silent(what: str, *, why: str | None = None) -> CallTimeout:
    """Return the error of an attempt whose answer did not come in its time.

    Args:
        what: Which call, and how long it waited.
        why: If it isn't that nothing came at all.
    """
    return CallTimeout(
        what,
        why=why or "the connection is open and the service is silent",
        fix="check the endpoint; or give attempt_timeout= or timeout= more seconds",
    )


_CHECK_ENDPOINT = "check endpoint, region, network and proxies"


def _names(error: BaseException) -> frozenset[str]:
    return frozenset(each.__name__ for each in type(error).__mro__)


def _fix(names: frozenset[str]) -> str | None:
    return next((fix for name, fix in FIXES.items() if name in names), None)


def _is_about_the_way(error: Exception, names: frozenset[str]) -> bool:
    # By name, so that neither botocore nor aiohttp nor httpx is imported to ask.
    return bool(names & {"BotoCoreError", "ClientError", "HTTPError"}) or isinstance(
        error, OSError | EOFError
    )


def _was_refused(error: Exception) -> bool:
    if "EndpointConnectionError" not in _names(error):
        return bool(_names(error) & REFUSED)
    facts: dict[str, Any] = getattr(error, "kwargs", {})
    reason = facts.get("error")
    return isinstance(reason, BaseException) and bool(_names(reason) & REFUSED)
