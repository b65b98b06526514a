"""What Azure Blob Storage's refusal means in words, or that of who gives the credentials; and what to do about it.

No sentence of the service's is repeated: what it says of a signature holds the signature.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import ParseError, fromstring

import requests
from urllib3.exceptions import HTTPError

from synapse_sync.sources.http_refusals import LATER, other, unconnected
from synapse_sync.sources.refusals import Refusal

_KEY = "see the account's access keys, and the variable that the config names, or AZURE_STORAGE_KEY or "
_KEY += "AZURE_STORAGE_CONNECTION_STRING"
_SAS = "make a new one that may read and list, and put it into the variable that sas_token_env names"
_ROLE = "give Storage Blob Data Reader on the container to who asks; a SAS must allow to read and list"
_NETWORK = "let this machine's address in, in the storage account's networking, or use its private endpoint"
_CLOCK = Refusal(
    "this machine's clock differs from the service's by more than 15 minutes", "set it: timedatectl set-ntp true"
)
_EXPIRED = Refusal("the shared access signature has expired, or is not valid yet", _SAS)
_WRONG_KEY = Refusal("the account key is not accepted", _KEY)
_WRONG_SAS = Refusal("the shared access signature is not accepted", _SAS)
_WRONG = Refusal("the credentials are not accepted", f"{_KEY}; or make a new shared access signature")
_DENIED = Refusal("access is denied", _ROLE)
_ARCHIVED = "rehydrate it (`az storage blob set-tier --tier Hot`), or leave it out with exclude"
_CODES = {
    "ContainerNotFound": Refusal("there is no such container", "correct path, or account in [feeds.remote]"),
    "ContainerBeingDeleted": Refusal("the container is being deleted", "correct path if another one is meant"),
    "ContainerDisabled": Refusal("the container is disabled", "enable it in Azure"),
    "AccountIsDisabled": Refusal("the storage account is disabled", "enable it in Azure"),
    "BlobNotFound": Refusal("it is not there any more", "it was deleted since it was listed"),
    "BlobArchived": Refusal("it is archived and can't be read at once", _ARCHIVED),
    "BlobBeingRehydrated": Refusal("it is archived, and being rehydrated", "it is read when that is done"),
    "BlobUsesCustomerSpecifiedEncryption": Refusal(
        "it is encrypted with a key of who wrote it", "leave it out with exclude"
    ),
    "AuthenticationFailed": _WRONG,
    "InvalidAuthenticationInfo": Refusal(
        "the credentials are not accepted", "see that they are of this account's tenant; sign in anew (`az login`)"
    ),
    "NoAuthenticationInformation": Refusal("the container lets nobody in without credentials", "remove anonymous"),
    "PublicAccessNotPermitted": Refusal("the account lets nobody in without credentials", "remove anonymous"),
    "KeyBasedAuthenticationNotPermitted": Refusal(
        "the account does not let anybody in by its keys", "remove the key's variable, and sign in (`az login`, …)"
    ),
    "AuthorizationFailure": Refusal("access is denied", f"{_ROLE}; {_NETWORK}"),
    "AuthorizationSourceIPMismatch": Refusal("the SAS is not for this machine's address", _SAS),
    "AuthorizationProtocolMismatch": Refusal("the SAS is for https alone", "write https:// in endpoint_url"),
    "AuthorizationPermissionMismatch": _DENIED,
    "InsufficientAccountPermissions": _DENIED,
    "AuthorizationResourceTypeMismatch": _DENIED,
    "AuthorizationServiceMismatch": _DENIED,
    "ServerBusy": Refusal("the service asks for fewer requests", LATER),
}
_STATUSES = {
    401: _CODES["InvalidAuthenticationInfo"],
    403: _DENIED,
    404: _CODES["BlobNotFound"],
    429: _CODES["ServerBusy"],
}
_OF_THE_BLOB = {"BlobArchived", "BlobBeingRehydrated", "BlobUsesCustomerSpecifiedEncryption"}
_OF_THE_WHOLE = {
    *("ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled", "AccountIsDisabled", "AuthenticationFailed"),
    *("KeyBasedAuthenticationNotPermitted", "AuthorizationSourceIPMismatch", "AuthorizationProtocolMismatch"),
}
_NO_CREDENTIALS = Refusal(
    "there are no credentials",
    "run `az login`, give this machine a managed identity, set AZURE_STORAGE_CONNECTION_STRING, name a variable with "
    "account_key_env or sas_token_env in [feeds.remote], or write anonymous = true",
)
_SIGN_IN = "sign in anew (`az login`), or see AZURE_CLIENT_ID, AZURE_TENANT_ID and the secret or certificate"


class Refused(Exception):
    """The service answers, and not with what was asked: status (of HTTP), its own word for it, and what it concerns."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        self.status = status
        self.code = code
        self.detail = detail  # never repeated
        super().__init__(f"{status} {code}".rstrip())


def refused(answer: requests.Response, body: bytes) -> Refused:
    """What an answer that is no success says."""
    code, detail = answer.headers.get("x-ms-error-code", ""), ""
    try:
        said = fromstring(body)  # noqa: S314 - 64 KiB of it, and expat bounds what entities make
    except (ParseError, ValueError, LookupError):  # that to HEAD has none, a proxy's is another one, in any encoding
        pass
    else:
        code = code or said.findtext("Code") or ""
        detail = f"{said.findtext('AuthenticationErrorDetail') or ''} {said.findtext('Message') or ''}"
    return Refused(answer.status_code, code if re.fullmatch(r"\w{1,80}", code) else "", detail)


def failures() -> tuple[type[Exception], ...]:
    """What a request to the service raises."""
    from azure.core.exceptions import AzureError

    return Refused, requests.RequestException, AzureError, HTTPError, OSError


def refusal(error: Exception) -> Refusal:
    """What an error means."""
    if isinstance(error, Refused):
        return _of_answer(error)
    return _of_credentials(error) or unconnected(error, "account or endpoint_url") or other(error)


def _of_answer(error: Refused) -> Refusal:
    if error.code in ("AuthenticationFailed", "AuthorizationFailure") and error.status == 403:
        return _why_not_accepted(error)
    known = _CODES.get(error.code) or _STATUSES.get(error.status)
    return known or Refusal(f"the service refuses: {error}", LATER)


def _why_not_accepted(error: Refused) -> Refusal:
    """Which of the reasons that the service has one word for."""
    if re.search(r"time frame|expiry time|start time", error.detail, re.IGNORECASE):
        return _EXPIRED
    if re.search(r"date header|too old|Date header", error.detail):
        return _CLOCK
    if "MAC signature" in error.detail:
        return _WRONG_KEY
    if re.search("Signature did not match|Signature fields", error.detail):
        return _WRONG_SAS
    if "failed to authenticate" in error.detail:
        return _WRONG
    return _CODES[error.code]


def _of_credentials(error: Exception) -> Refusal | None:
    """What failed before the service was asked; None for what has nothing to do with credentials."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError

    if not isinstance(error, AzureError):
        return None
    words = str(error)
    if type(error).__name__ == "AzureSigningError":
        return Refusal("the account key is none: it is not in base64", _KEY)
    if not isinstance(error, ClientAuthenticationError):
        return Refusal("who gives the credentials can't be reached", "see that this machine may reach Microsoft Entra")
    if code := re.search(r"AADSTS\d+", words):  # Entra's word for it; what follows may be anything
        return Refusal(f"the credentials are refused, or have expired: {code[0]}", _SIGN_IN)
    if re.search("unavailable|failed to retrieve a token|not found", words):
        return _NO_CREDENTIALS
    return Refusal("the credentials are refused, or have expired", _SIGN_IN)


def no_container(error: Exception) -> Refusal:
    """What an error of a listing means."""
    if isinstance(error, Refused) and error.status == 404:
        return _CODES["ContainerNotFound"]
    return refusal(error)


def concerns_object(error: Exception) -> bool:
    """Whether it is this blob that can't be had, while others may."""
    if not isinstance(error, Refused) or error.code in _OF_THE_WHOLE:
        return False
    return error.code in _OF_THE_BLOB or error.status in (400, 403, 404)


def is_changed(error: Exception) -> bool:
    """Whether another blob is there than was asked for: one with another ETag, or a shorter one."""
    return isinstance(error, Refused) and error.status in (412, 416)


def is_gone(error: BaseException) -> bool:
    """Whether there is no such blob."""
    return isinstance(error, Refused) and error.status == 404 and error.code not in _OF_THE_WHOLE
