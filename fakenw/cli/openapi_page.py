"""docs/openapi.json, from the declarations of the administration: ``python -m fakenw.cli.openapi_page``."""

from __future__ import annotations

import json

from fakenw.admin.http import AdminResource
from fakenw.admin.openapi import document
from fakenw.admin.operations import Administration


def page() -> str:
    """The whole document, in JSON."""
    return json.dumps(document(AdminResource, Administration), indent=1) + "\n"


if __name__ == "__main__":
    print(page(), end="")
