"""Configurations and scenarios: refused with sentences that name file and line, or made into settings and plans."""

from __future__ import annotations

from fakenw.config import yaml_file
from fakenw.config.server_file import ConfigFile
from fakenw.config.yaml_file import DocumentError
from fakenw.core.settings import ServerSettings
from harness.scenario.scenario import Scenario
from tests.trust.fuzz.private_folder import private_folder


def configurations(data: bytes) -> None:
    try:
        read = yaml_file.read(ConfigFile, data, "server.yaml", private_folder())
    except DocumentError as problem:
        assert str(problem).startswith("server.yaml"), problem
        return
    ServerSettings(**read.settings())


def scenarios(data: bytes) -> None:
    try:
        scenario = yaml_file.read(Scenario, data, "scenario.yaml", private_folder())
    except DocumentError as problem:
        assert str(problem).startswith("scenario.yaml"), problem
        return
    try:
        scenario.plans()
    except DocumentError as problem:
        assert str(problem), "no reason"
