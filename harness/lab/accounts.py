r"""Whether the user of a connection is a client connection account: one with which NAL logs in to servers.

Rules of this file:

* Such accounts are made by the administrator of SMS, under any name; so only the administrator can name them.
* A name that SMS itself gives is a *hint*: ``SMSClient_<site>``, the account with which clients connect to CAPs and
  distribution points (KB Q237759, Q235169, Q217044); ``SMSCCMBootAcct``, which KB Q257223 names; and the other local
  accounts of a client's services (KB Q231399, Q241982), which a server knows only if they were made there too.
  ``SMSServer_<site>`` and ``SMSService`` are the site server's, and ordinary.
* A hint is *proven* where NAL's own registry or journal says that it opened the connection with this account.
* A name is compared without case, without the domain before it, the ``&`` after it, and NDS's dots and ``CN=``. Where
  one of two names has no NDS context, the contexts are not compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Standing = Literal["named", "proven", "hint"]

_SMS = re.compile(r"SMSCLIENT_[A-Z0-9]{3}|SMSCCMBOOTACCT|SMSCLISVCACCT|SMSCLITOKN(?:LOCAL)?ACCT|SMS[&#]_[^.]+")
_SITE_SERVER = re.compile(r"SMSSERVER_[A-Z0-9]{3}|SMSSVC_[A-Z0-9]{3}_[A-Z0-9]+|SMSSERVICE")
_TYPE = re.compile(r"(?:CN|OU|O|C)=")


def standing(user: str, named: Iterable[str], *, proof: bool = False) -> Standing | None:
    """What speaks for *user* as such an account; None: nothing. *proof*: NAL says it."""
    if not user:
        return None
    if any(same_account(user, name) for name in named):
        return "named"
    if not _SMS.fullmatch(_parts(user)[0]):
        return None
    return "proven" if proof else "hint"


def is_site_server(user: str) -> bool:
    """Whether *user* has the name of an account with which a site server works (KB Q217044)."""
    return _SITE_SERVER.fullmatch(_parts(user)[0]) is not None


def same_account(one: str, other: str) -> bool:
    """Whether two names are those of one account."""
    ours, theirs = _parts(one), _parts(other)
    return ours[0] != "" and ours[0] == theirs[0] and (ours == theirs or len(ours) == 1 or len(theirs) == 1)


def _parts(name: str) -> list[str]:
    name = name.strip().upper().rpartition("\\")[2].strip(".")
    return [_TYPE.sub("", part, count=1).removesuffix("&") for part in name.split(".")]
