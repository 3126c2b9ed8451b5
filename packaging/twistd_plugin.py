"""The plugin for ``twistd fakenw``. Installed as twisted/plugins/fakenw_plugin.py."""

from twisted.application.service import ServiceMaker

fakenw = ServiceMaker(
    "fakenw", "fakenw.cli.twistd", "A NetWare server that keeps books on connection licenses.", "fakenw"
)
