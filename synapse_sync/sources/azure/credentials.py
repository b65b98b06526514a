"""Whom a service is asked as: by an account's key, a shared access signature, or a token of Microsoft Entra."""

from __future__ import annotations

import logging
import os
import threading
import time
from email.utils import formatdate
from typing import Any

import requests
from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.pipeline.transport import HttpRequest
from requests.auth import AuthBase

from synapse_sync.config import Remote
from synapse_sync.config.urls import is_unprotected
from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources.azure.accounts import ACCOUNT, Account, connection_string, library
from synapse_sync.sources.http_asking import NOBODY
from synapse_sync.sources.secrets import password_of

KEY = "AZURE_STORAGE_KEY"
SAS = "AZURE_STORAGE_SAS_TOKEN"

SCOPE = "https://storage.azure.com/.default"
RENEWED = 300  # seconds before a token ends


def credentials_of(access: Remote, account: Account) -> AuthBase:
    """What signs: as the config says, else what Azure's own variables hold for this account, else an identity.

    Raises SourceUnavailable where a variable that the config names is not set, or a secret would cross a network in
    clear.
    """
    if access.anonymous:
        return NOBODY
    if access.account_key_env:
        return _by_key(account, password_of(access.account_key_env))
    sas = password_of(access.sas_token_env)
    connected = None if sas else connection_string()
    if connected is not None and connected.account.is_that_of(account):
        if connected.key is not None:
            return SharedKey(connected.key)
        sas = connected.sas
    if not sas and os.environ.get(ACCOUNT, account.name) == account.name:
        if key := os.environ.get(KEY, ""):
            return _by_key(account, key)
        sas = os.environ.get(SAS, "")
    if is_unprotected(account.address):
        raise SourceUnavailable(
            "its address is not encrypted, so that no token is sent there",
            hint="write https:// in endpoint_url, or name an account key, which is not sent, with account_key_env",
        )
    return SharedAccess(sas) if sas else Identity(_identity(access))


def _by_key(account: Account, key: str) -> SharedKey:
    if not account.name:
        raise SourceUnavailable(
            "an account key is of no use without the account's name", hint="write account in [feeds.remote]"
        )
    service = library().BlobServiceClient
    with service(account.address, credential={"account_name": account.name, "account_key": key}) as client:
        return SharedKey(client.credential)


def _identity(access: Remote) -> Any:
    from azure.identity import DefaultAzureCredential

    for name in ("azure", "msal"):
        logging.getLogger(name).setLevel(logging.ERROR)  # it says what it tried, each time; a failure is told anyhow
    return DefaultAzureCredential(
        connection_timeout=access.connect_timeout, read_timeout=access.read_timeout, retry_total=2
    )


class SharedKey(AuthBase):
    """Requests that are signed with an account's key. policy: that of the library which signs."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Raises AzureError where the key is none."""
        request.headers["x-ms-date"] = formatdate(usegmt=True)
        signed = HttpRequest(str(request.method), str(request.url), headers=dict(request.headers))
        self._policy.on_request(PipelineRequest(signed, PipelineContext(None)))
        request.headers["Authorization"] = signed.headers["Authorization"]
        return request


class SharedAccess(AuthBase):
    """Requests whose address ends in a shared access signature. It stands in no URL but those that are sent."""

    def __init__(self, signature: str) -> None:
        self._signature = signature.strip().lstrip("?")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Append it as it is: it is quoted already, and what it signs is not the address."""
        url = str(request.url)
        request.url = f"{url}{'&' if '?' in url else '?'}{self._signature}"
        return request


class Identity(AuthBase):
    """Requests with a token, which is had anew before it ends. For several threads."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential
        self._lock = threading.Lock()
        self._token: Any = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Raises AzureError where no token can be had."""
        with self._lock:
            request.headers["Authorization"] = f"Bearer {self._valid().token}"
        return request

    def _valid(self) -> Any:
        left = self._token.expires_on - time.time() if self._token is not None else 0
        if left < RENEWED:
            try:
                self._token = self._credential.get_token(SCOPE)
            except AzureError:
                if left <= 0:
                    raise
        return self._token
