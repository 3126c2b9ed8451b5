"""Which users are client connection accounts: those that are named; names of SMS are hints."""

from __future__ import annotations

import pytest

from harness.lab.accounts import standing


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("SMSCLIENT_GS1", "hint"),
        ("SMSClient_gs1", "hint"),
        (".SMSCLIENT_GS1.SITES.ACME", "hint"),
        ("CN=SMSClient_GS1.OU=SITES.O=ACME", "hint"),
        ("SMSCCMBootAcct", "hint"),
        ("SMSCCMBootAcct&", "hint"),
        ("SMSCliToknAcct&", "hint"),
        ("SMSCliSvcAcct&", "hint"),
        ("SMS&_DC1", "hint"),
        ("SMSCLIENT_BERLIN", None),
        ("SMSSERVER_GS1", None),
        ("SMSSERVICE", None),
        ("SMSITH", None),
        ("SMSADMIN", None),
        ("JOE", None),
        ("", None),
    ],
)
def test_names_that_sms_gives(user: str, expected: str | None) -> None:
    """The site's and the services' accounts on clients; not every name that begins with SMS."""
    assert standing(user, ()) == expected
    assert standing(user, (), proof=True) == (expected and "proven")


@pytest.mark.parametrize(
    ("user", "name", "same"),
    [
        ("NWREADER", "nwreader", True),
        ("NWREADER", "ACME\\NWReader", True),
        (".NWREADER.SITES.ACME", "NWREADER", True),
        (".NWREADER.SITES.ACME", "CN=NWREADER.OU=SITES.O=ACME", True),
        (".NWREADER.SITES.ACME", ".NWREADER.PLANT.ACME", False),
        ("NWREADER2", "NWREADER", False),
        ("", "NWREADER", False),
        ("NWREADER", "", False),
    ],
)
def test_named_accounts(user: str, name: str, same: bool) -> None:
    """In any spelling; contexts count where both have one."""
    assert standing(user, [name]) == ("named" if same else None)
