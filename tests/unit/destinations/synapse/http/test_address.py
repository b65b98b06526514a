"""server.url is taken apart once, and what can't be a server's URL is a ConfigError that repeats no secret."""

import pytest

from synapse_sync.destinations.synapse import SynapseDestination
from synapse_sync.destinations.synapse.http.address import Address, parse_address
from synapse_sync.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.synapse.sh", Address("https://api.synapse.sh", "", "api.synapse.sh")),
        ("https://API.Synapse.sh//", Address("https://api.synapse.sh", "", "api.synapse.sh")),
        ("https://h:443/", Address("https://h", "", "h")),
        ("http://h:8000/sub/api/", Address("http://h:8000/sub/api", "/sub/api", "h:8000")),
        ("http://[::1]:80", Address("http://[::1]", "", "[::1]")),
        (" http://h:443 ", Address("http://h:443", "", "h:443")),
    ],
)
def test_address(url, address):
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url",
    ["", "api.synapse.sh", "ftp://h", "https://", "https://h/v2", "https://h/v2/", "https://h:port", "https://h/?a=1"],
)
def test_what_is_no_server_url_is_refused(url):
    with pytest.raises(ConfigError, match=r"server\.url"):
        parse_address(url)


def test_a_password_in_the_url_is_refused_and_not_repeated():
    with pytest.raises(ConfigError) as refused:
        parse_address("https://ada:tr0ub4dor@h")
    assert "tr0ub4dor" not in str(refused.value)


def test_the_destinations_name_is_host_and_tenant():
    assert SynapseDestination("https://h:8443/x", "syn_x", "acme").name == "h:8443|acme"
    assert SynapseDestination("https://h", "syn_x").name == "h|"


def test_auto_is_not_known_until_the_server_was_asked():
    assert SynapseDestination("https://h", "syn_x").api == ""
    assert SynapseDestination("https://h", "syn_x", api="v2").api == "v2"
