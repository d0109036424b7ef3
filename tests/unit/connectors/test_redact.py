from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.redact import MASK, Redactor

TOKEN = "pat-eu1-12345678-90ab-4cde-8f01-234567890abc"
SESSION = "00D5g0000012345!AQ4AQF.x_y_z0123456789"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhYmMifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize("secret", [TOKEN, SESSION, JWT])
def test_tokens_are_recognised_without_being_known(secret: str):
    assert secret not in Redactor()(f"GET https://x/?a={secret} failed for {secret}")


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc.def-123",
        '{"access_token":"s3cr3tvalue","id":1}',
        "grant_type=refresh_token&client_secret=s3cr3tvalue&x=1",
        "password=s3cr3tvalue",
        "{'refresh_token': 's3cr3tvalue'}",
        "-----BEGIN PRIVATE KEY-----\ns3cr3tvalue\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\ns3cr3tvalue cut off",
    ],
)
def test_values_beside_telling_names_are_masked(text: str):
    cleaned = Redactor()(text)
    assert "s3cr3tvalue" not in cleaned
    assert "abc.def-123" not in cleaned
    assert MASK in cleaned


def test_ordinary_text_stays_as_it_is():
    text = "POST /crm/v3/objects/companies: Property values were not valid (pattern pat, bearer of news)"
    assert Redactor(["short"])(text) == text.replace("bearer of", "Bearer ***")


def test_secrets_learned_later_are_masked_too():
    redactor = Redactor()
    redactor.add("opaque value 17")
    assert redactor("x opaque value 17 y") == f"x {MASK} y"


def test_a_secret_within_another_leaves_no_tail():
    assert Redactor(["secret", "secret-and-more"])("secret-and-more") == MASK


@given(st.text(min_size=6).filter(lambda text: len(text.strip()) >= 6), st.text(), st.text())
def test_no_known_secret_survives_in_plain_or_url_form(secret: str, before: str, after: str):
    secret = secret.strip()
    redactor = Redactor([secret])
    try:
        forms = (secret, quote(secret, safe=""))
    except UnicodeEncodeError:
        forms = (secret,)
    for form in forms:
        cleaned = redactor(before + form + after)
        assert form not in cleaned.replace(MASK, "") or form in before + after or form in MASK
