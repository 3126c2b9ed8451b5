"""A client with a planted race: it leaks only if its cable is cut between two of its requests."""

from __future__ import annotations

from harness.behavior import Component, File, ServerName, sleep, verb
from harness.client.workstation import Lost

SECOND = 1_000_000
SCENARIO = """\
format: 1
id: forgetful
title: a program with a race
source: ours
servers: [{name: FAKENW}]
clients:
  - name: workstation
    script:
      - forgetful.work: {file: 'SYS:PUBLIC/NLIST.EXE', server: FAKENW}
      - wait: 1h
"""


class Forgetful(Component):
    """A program that forgets its connection where the close of its file is not answered."""

    name = "forgetful"

    @verb
    async def work(self, file: File, server: ServerName) -> None:
        """The program opens a file, closes it after half a minute, and goes on for ten without it."""
        redirector = self.workstation.redirector
        connection = await redirector.connect(server, *self.workstation.account())
        self.opened(connection, file=file)
        handle = await redirector.open(connection, file)
        await sleep(30 * SECOND)
        forgotten = False
        try:
            await redirector.close(handle)
        except Lost:
            forgotten = True
        await sleep(600 * SECOND)
        self.closed(connection, file=file)
        if not forgotten:
            await redirector.release(connection)
