from __future__ import annotations

import pytest

from connectors.errors import BadAnswer, ConfigError
from connectors.origin import check_origin, is_loopback, local_path

HOSTS = ("hubapi.com",)


@pytest.mark.parametrize(
    "url",
    ["https://api.hubapi.com", "https://hubapi.com/", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9"],
)
def test_vendor_hosts_and_this_machine_are_accepted(url: str):
    assert check_origin(url, vendor_hosts=HOSTS) == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://api.hubapi.com", "plain http"),
        ("https://hubapi.com.evil.example", "not one of the vendor's hosts"),
        ("https://evilhubapi.com", "not one of the vendor's hosts"),
        ("https://user:secret@api.hubapi.com", "user name"),
        ("https://api.hubapi.com/?a=1", "query"),
        ("ftp://api.hubapi.com", "http"),
        ("api.hubapi.com", "http"),
        ("https://api.hubapi.com:99999", "not a valid address"),
        ("http://10.0.0.1", "plain http"),
    ],
)
def test_other_addresses_are_configuration_errors(url: str, reason: str):
    with pytest.raises(ConfigError, match=reason) as caught:
        check_origin(url, vendor_hosts=HOSTS)
    assert "secret" not in str(caught.value)


def test_a_host_can_be_allowed_by_name_but_not_over_plain_http():
    allowed = ("crm.proxy.example",)
    assert check_origin("https://crm.proxy.example", vendor_hosts=HOSTS, allow_hosts=allowed)
    with pytest.raises(ConfigError, match="plain http"):
        check_origin("http://crm.proxy.example", vendor_hosts=HOSTS, allow_hosts=allowed)
    with pytest.raises(ConfigError, match="vendor's hosts"):
        check_origin("https://sub.crm.proxy.example", vendor_hosts=HOSTS, allow_hosts=allowed)


@pytest.mark.parametrize(
    ("host", "answer"), [("127.8.9.1", True), ("LOCALHOST", True), ("127.0.0.1.nip.example", False)]
)
def test_loopback_is_recognised_by_address(host: str, answer: bool):
    assert is_loopback(host) is answer


def test_own_links_keep_path_and_query():
    base = "https://na1.my.salesforce.com"
    assert local_path(f"{base}:443/services/data/q/01g?x=1", base, prefix="/services/") == "/services/data/q/01g?x=1"
    assert local_path("/services/data/q/01g", base, prefix="/services/") == "/services/data/q/01g"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/services/data",
        "//evil.example/services/data",
        "http://na1.my.salesforce.com/services/data",
        "https://na1.my.salesforce.com:8443/services/data",
        "/other/path",
        "/services/../other",
        "services/data",
        "https://na1.my.salesforce.com@evil.example/services/",
        "https://[broken/services/",
        "https://na1.my.salesforce.com:port/services/",
    ],
)
def test_foreign_links_are_not_followed(link: str):
    with pytest.raises(BadAnswer, match="not followed"):
        local_path(link, "https://na1.my.salesforce.com", prefix="/services/")
