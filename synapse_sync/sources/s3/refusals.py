"""What an S3 service's refusal, or botocore's, means in words: what happened, and what to do about it."""

from __future__ import annotations

from typing import Any

from synapse_sync.sources.refusals import Refusal

_KEYS = (
    "see `aws configure list`, or the variables that the config names, or the storage in Synapse; and the "
    "service's own list of keys"
)
_RIGHTS = "allow s3:ListBucket on the bucket and s3:GetObject on its objects to this user"
_CODES = {
    "NoSuchBucket": Refusal("there is no such bucket", "correct path, or endpoint_url and region in [feeds.remote]"),
    "NoSuchKey": Refusal("it is not there any more", "it was deleted since it was listed"),
    "404": Refusal("it is not there any more", "it was deleted since it was listed"),
    "AccessDenied": Refusal("access is denied", _RIGHTS),
    "AllAccessDisabled": Refusal("access is denied", _RIGHTS),
    "403": Refusal("access is denied", _RIGHTS),
    "InvalidAccessKeyId": Refusal("the service does not know the access key", _KEYS),
    "InvalidClientTokenId": Refusal("the service does not know the access key", _KEYS),
    "SignatureDoesNotMatch": Refusal("the secret key is not that of the access key", _KEYS),
    "InvalidToken": Refusal("the session token is not valid", "sign in anew, for example with `aws sso login`"),
    "ExpiredToken": Refusal("the credentials have expired", "sign in anew, for example with `aws sso login`"),
    "TokenRefreshRequired": Refusal("the credentials have expired", "sign in anew, for example with `aws sso login`"),
    "RequestTimeTooSkewed": Refusal(
        "this machine's clock differs from the service's by more than 15 minutes", "set it: timedatectl set-ntp true"
    ),
    "PermanentRedirect": Refusal("the bucket is in another region", "name it as region in [feeds.remote]"),
    "AuthorizationHeaderMalformed": Refusal(
        "the bucket is in another region than was asked", "name it as region in [feeds.remote]"
    ),
    "InvalidObjectState": Refusal("it is archived and can't be read at once", "restore it, or exclude it"),
    "SlowDown": Refusal("the service asks for fewer requests", "it is tried again later"),
}
_OF_THE_WHOLE = {
    *("NoSuchBucket", "InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidToken"),
    *("ExpiredToken", "TokenRefreshRequired", "RequestTimeTooSkewed", "PermanentRedirect", "SlowDown"),
    "AuthorizationHeaderMalformed",
}
_SIGN_IN = "sign in anew (`aws sso login`), or set keys with `aws configure`"
_EXCEPTIONS = {  # by class name: botocore is imported only where it is used
    "NoCredentialsError": Refusal(
        "there are no credentials",
        "set keys with `aws configure`, name variables in [feeds.remote] (access_key_env, secret_key_env), "
        "or write anonymous = true",
    ),
    "PartialCredentialsError": Refusal("the credentials are incomplete", "set both keys: `aws configure`"),
    "ProfileNotFound": Refusal("the profile is not in ~/.aws", "see `aws configure list-profiles`"),
    "CredentialRetrievalError": Refusal("no credentials could be had", _SIGN_IN),
    "UnauthorizedSSOTokenError": Refusal("the sign-in has expired", _SIGN_IN),
    "SSOTokenLoadError": Refusal("the sign-in has expired", _SIGN_IN),
    "TokenRetrievalError": Refusal("the sign-in has expired", _SIGN_IN),
    "EndpointConnectionError": Refusal("it can't be reached", "see that it runs, and that this machine may reach it"),
    "ConnectTimeoutError": Refusal("it does not answer", "see that it runs, and that this machine may reach it"),
    "ProxyConnectionError": Refusal("the proxy can't be reached", "see HTTPS_PROXY and HTTP_PROXY"),
    "ReadTimeoutError": Refusal("it stopped answering", "it is tried again later"),
    "SSLError": Refusal(
        "its certificate is not trusted", "name the certificates to trust with ca_bundle in [feeds.remote]"
    ),
    **dict.fromkeys(
        ("ResponseParserError", "ValueError", "LookupError"),
        Refusal("what answers is no S3 service", "correct endpoint_url in [feeds.remote]"),
    ),
}
_OTHER = Refusal("the connection failed", "it is tried again later")


def failures() -> tuple[type[Exception], ...]:
    """What a request to the service raises."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    # botocore lets the last two through: a proxy's page may be in an encoding that XML's parser does not know.
    return BotoCoreError, ClientError, ResponseParserError, HTTPError, OSError, ValueError, LookupError


def code_of(error: BaseException) -> str:
    """The service's own name for what went wrong; "" where it did not answer."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def refusal(error: Exception) -> Refusal:
    """What an error means. Its words carry no credentials: botocore's own name none."""
    if code := code_of(error):
        said = getattr(error, "response", {}).get("Error", {}).get("Message", "")
        return _CODES.get(code) or Refusal(f"the service refuses: {code} {said}".rstrip(), "it is tried again later")
    for kind in type(error).__mro__:
        if kind.__name__ in _EXCEPTIONS:
            return _EXCEPTIONS[kind.__name__]
    return Refusal(f"{_OTHER.what}: {error}", _OTHER.hint)


def concerns_object(error: Exception) -> bool:
    """Whether it is this object that can't be had, while others may."""
    status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return status < 500 and code_of(error) not in _OF_THE_WHOLE


def is_changed(error: Exception) -> bool:
    """Whether another object is there than was asked for (If-Match)."""
    return code_of(error) in ("PreconditionFailed", "412")


def is_gone(error: BaseException) -> bool:
    """Whether there is no such object."""
    return code_of(error) in ("NoSuchKey", "404")
