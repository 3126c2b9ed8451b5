"""A journal belongs to one server: it is locked, continued, and never lost without a word."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fakenw.journal.record import read
from fakenw.server_process import ServerFailed, ServerProcess
from harness.judge.audit import books_balance
from harness.judge.history import load
from tests.fakenw.administered_server import DEADLINE, Client, Served
from tests.programs import LISTEN

pytestmark = pytest.mark.process

EVENTS = ["start", "stop"]
SERVE = (sys.executable, "-m", "fakenw", "serve", "--listen", "udp:127.0.0.1:0")


def refused(folder: Path, *options: str) -> str:
    """What a server says that cannot start with the journal of *folder*: exit code 2, and one sentence."""
    (folder / "errors.txt").unlink(missing_ok=True)
    with pytest.raises(ServerFailed) as failure:
        Served(folder, *options)
    assert failure.value.code == 2
    said = (folder / "errors.txt").read_text()
    assert said.startswith("fakenw: ")
    assert said.count("\n") == 1
    assert str(folder / "journal.jsonl") in said
    return said


def lived(folder: Path, *options: str) -> str:
    """A server starts and stops; returns what it says on standard error."""
    (folder / "errors.txt").unlink(missing_ok=True)
    with Served(folder, *options) as server:
        assert server.stop() == 0
    return server.errors.read_text()


def events(journal: Path) -> list[str]:
    return [record.event for record in read(journal).records]


def unanswered(client: Client) -> None:
    """The client's next request has no answer, since the server has ended."""
    client.socket.settimeout(DEADLINE)
    with pytest.raises((OSError, AssertionError)):
        client.login()


def test_one_server_at_a_time(tmp_path: Path) -> None:
    """A second server ends at once, also with --overwrite, and nothing of the journal is changed."""
    with Served(tmp_path) as first:
        before = first.journal.read_bytes(), first.journal.stat().st_mtime_ns
        for more in ((), ("--overwrite",)):
            assert "is the journal of another server" in refused(tmp_path, *more)
        assert (first.journal.read_bytes(), first.journal.stat().st_mtime_ns) == before
        assert first.stop() == 0
    assert events(first.journal) == EVENTS


def test_a_killed_server_has_no_lock(tmp_path: Path) -> None:
    with Served(tmp_path) as first:
        first.send_signal(signal.SIGKILL)
        first.process.wait(DEADLINE)
    assert lived(tmp_path) == ""
    assert events(first.journal) == ["start", *EVENTS]


def test_a_journal_is_continued(tmp_path: Path) -> None:
    """Another start in the same file is another incarnation; the first stays as it is."""
    lived(tmp_path)
    before = (tmp_path / "journal.jsonl").read_bytes()
    assert lived(tmp_path) == ""
    assert (tmp_path / "journal.jsonl").read_bytes().startswith(before)
    journal = read(tmp_path / "journal.jsonl")
    lives = [[record.event for record in records] for _, records in journal.incarnations()]
    assert lives == [EVENTS, EVENTS]


@pytest.mark.parametrize("torn", [b'{"t": 0.1', b"\0" * 200_000, b'{"t": 0.000001, "role": "server", "event": "mark"}'])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    """As a killed writer leaves one, or a file system after a loss of power. It is said in one sentence."""
    path = tmp_path / "journal.jsonl"
    with Served(tmp_path) as first:
        client = Client(first, "tcp")
        first.send_signal(signal.SIGKILL)
        first.process.wait(DEADLINE)
        client.close()
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(torn)
    said = lived(tmp_path)
    assert said == f"fakenw: the last line of {path} was torn, without a line feed: its {len(torn)} bytes are cut off\n"
    assert path.read_bytes().startswith(whole + b'{"t": 0.000000, "role": "server", "event": "start"')
    run = load([path])
    assert books_balance(read(path)) == []
    assert [len(server.histories) for server in run.servers] == [1, 0]


@pytest.mark.parametrize("text", ["", '{"t": 0.00', '{"t": 0.000000, "role": "server", "event": "start", "form'])
def test_a_server_that_was_killed_in_its_first_line(tmp_path: Path, text: str) -> None:
    """Its successor needs no help: the file is empty but for the torn line."""
    path = tmp_path / "journal.jsonl"
    path.write_text(text)
    assert ("torn" in lived(tmp_path)) == bool(text)
    assert events(path) == EVENTS


@pytest.mark.parametrize(
    "text", ["hello", "hello\n", "\n", '{"t": 0.1}\n', '{"t": 0.0, "role": "client", "event": "start"}\n', "\0" * 99999]
)
def test_a_file_that_is_no_journal(tmp_path: Path, text: str) -> None:
    """It is refused and unchanged, unless it may be overwritten."""
    path = tmp_path / "journal.jsonl"
    path.write_text(text)
    assert "--overwrite" in refused(tmp_path)
    assert path.read_text() == text
    assert lived(tmp_path, "--overwrite") == ""
    assert events(path) == EVENTS


def test_overwrite(tmp_path: Path) -> None:
    """The earlier journal and the earlier capture are gone."""
    options = ("--pcap", str(tmp_path / "capture.pcap"), "--overwrite")
    for _ in range(2):
        assert lived(tmp_path, *options) == ""
    assert events(tmp_path / "journal.jsonl") == EVENTS
    assert [file.name for file in tmp_path.glob("*.pcap")] == ["capture.pcap"]


def test_an_earlier_capture_is_kept(tmp_path: Path) -> None:
    """Under the next free number; it is said where it is. An empty file is nothing to keep."""
    capture = tmp_path / "capture.pcap"
    capture.touch()
    (tmp_path / "capture.2.pcap").write_text("of the user")
    contents: list[bytes] = []
    for kept in (None, "capture.1.pcap", "capture.3.pcap"):
        with Served(tmp_path, "--pcap", str(capture)) as server:
            Client(server, "tcp").close()
            server.stop()
        said = f"fakenw: the earlier capture is kept as {tmp_path / kept}\n" if kept else ""
        assert server.errors.read_text().endswith(said)
        assert kept is None or (tmp_path / kept).read_bytes() == contents[-1]
        contents.append(capture.read_bytes())
    assert len(set(contents)) == 3
    assert (tmp_path / "capture.2.pcap").read_text() == "of the user"


@pytest.mark.parametrize("idle", [True, False])
def test_a_removed_journal_ends_the_server(tmp_path: Path, idle: bool) -> None:
    """An idle server notices it as well. No login is granted whose line is in no file."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with Served(folder) as server:
        client = None if idle else Client(server, "tcp")
        server.errors.unlink()  # its descriptor stays open
        server.journal.unlink()
        folder.rmdir()
        if client is not None:
            unanswered(client)
            client.close()
        assert server.process.wait(DEADLINE) == 1


def test_a_removed_journal_is_named(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        server.journal.unlink()
        code, _, _ = server.ask("POST", "/api/mark", {"text": "done"})
        assert code == 503
        assert server.process.wait(DEADLINE) == 1
    said = server.errors.read_text()
    assert said == f"fakenw: the journal cannot be written, stopping: {server.journal} was removed\n"


def test_the_disk_fills(tmp_path: Path) -> None:
    """A login that was answered is in the journal; the server says why it ends, and a later one goes on behind it."""
    room = 40_000  # bytes
    clients: list[Client] = []
    with Served(tmp_path, "--licenses", "1000") as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (room, room))
        with suppress(OSError, AssertionError):
            while len(clients) < 500:
                clients.append(Client(server, "tcp"))
        for client in clients:
            client.close()
        assert server.process.wait(DEADLINE) == 1
    assert 0 < len(clients) < 500
    assert server.errors.read_text() == (
        f"fakenw: the journal cannot be written, stopping: [Errno 27] File too large: '{server.journal}'\n"
    )
    journal = read(server.journal)
    assert journal.torn
    assert [record.event for record in journal.records].count("grant") >= len(clients)
    assert "was torn" in lived(tmp_path)
    run = load([server.journal])
    assert len(run.servers) == 2
    assert books_balance(read(server.journal)) == []


def test_the_disk_is_full_at_the_end(tmp_path: Path) -> None:
    """There is no room for the last line: one sentence, and not exit code 0."""
    with Served(tmp_path) as server:
        size = server.journal.stat().st_size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, size))
        server.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 1
    assert server.errors.read_text().startswith("fakenw: the journal cannot be written, stopping: ")
    assert server.errors.read_text().count("\n") == 1


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_hangup_ends_in_order(tmp_path: Path) -> None:
    """As SIGTERM does: a terminal that is closed leaves a whole journal."""
    with Served(tmp_path) as server:
        client = Client(server, "tcp")
        server.send_signal(signal.SIGHUP)
        assert server.process.wait(DEADLINE) == 0
        client.close()
    last = read(server.journal).records[-1]
    assert (last.event, len(last["holders"])) == ("stop", 1)
    assert server.errors.read_text() == ""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_nohup_is_heeded(tmp_path: Path) -> None:
    """A server that was started with SIGHUP ignored outlives its terminal."""
    command = ["nohup", *SERVE, "--journal", str(tmp_path / "journal.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"listening udp")
        status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        (ignored,) = (int(line.split()[1], 16) for line in status if line.startswith("SigIgn"))
        process.terminate()
        assert process.wait(DEADLINE) == 0
    assert ignored & 1 << signal.SIGHUP - 1


def test_a_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is told that nothing keeps another server away."""
    from fakenw.journal import writer

    monkeypatch.setattr(writer, "fcntl", None)
    path = tmp_path / "journal.jsonl"
    journal, notes = writer.JournalFile.of_server(path)
    journal.close()
    assert notes == [f"{path} is not locked, since this system has no fcntl: no other server may write it"]


def test_numbered_files(tmp_path: Path) -> None:
    """A server with --rotate, its successor, and one that overwrites; a server with the same journal is refused."""
    options = ("--rotate", "2K", "--licenses", "100")
    for _ in range(2):
        with Served(tmp_path, *options) as server:
            for _ in range(8):
                Client(server, "tcp").close()
            assert "is the journal of another server" in refused(tmp_path, "--rotate", "2K")
            assert server.stop() == 0
    count = len(list(tmp_path.glob("*.jsonl")))
    assert count > 5
    assert all(file.stat().st_size <= 2048 for file in tmp_path.glob("*.jsonl"))
    run = load([tmp_path])
    assert [len(life.histories) for life in run.servers] == [8, 8]
    assert books_balance(read(server.journal)) == []
    assert events(server.journal).count("grant") == 16
    assert lived(tmp_path, "--overwrite") == ""
    assert [file.name for file in tmp_path.glob("*.jsonl*")] == ["journal.jsonl"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rotate", "1M"), "--rotate needs --journal FILE"),
        (("--rotate", "1M", "--journal", "-"), "--rotate needs --journal FILE"),
        (("--rotate", "1M", "--journal", "/dev/null"), "/dev/null is not a file"),
        (("--rotate", "0", "--journal", "journal.jsonl"), "expected text such as 64K, 100M or 1G"),
        (("--rotate", "a lot", "--journal", "journal.jsonl"), "expected text such as 64K, 100M or 1G"),
    ],
)
def test_what_cannot_be_rotated(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = subprocess.run([*SERVE, *options], capture_output=True, text=True, timeout=DEADLINE, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def logged_in(server: ServerProcess) -> int:
    """How many clients log in until one has no answer."""
    clients: list[Client] = []
    with suppress(OSError, AssertionError):
        while len(clients) < 500:
            clients.append(Client(server, "tcp"))
    for client in clients:
        client.close()
    return len(clients)


def grants(lines: list[str]) -> int:
    return sum('"event": "grant"' in line for line in lines)


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="only Linux has pipes of other sizes")
@pytest.mark.parametrize("journal", ["-", "FIFO"])
def test_a_pipe_that_nobody_reads(tmp_path: Path, journal: str) -> None:
    """The server says why it ends, where somebody can read that. No login is granted whose line is not in the pipe."""
    fifo, errors = tmp_path / "fifo", tmp_path / "errors.txt"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    output = {"stderr": subprocess.STDOUT} if journal == "-" else {"log": errors, "stdout": subprocess.PIPE}
    options = ("--licenses", "1000", *LISTEN, "--journal", "-" if journal == "-" else str(fifo))
    with ServerProcess(*options, **output) as server:
        assert server.process.stdout is not None
        full = server.process.stdout.fileno() if journal == "-" else reader
        fcntl.fcntl(full, fcntl.F_SETPIPE_SZ, 8192)
        clients = logged_in(server)
        assert server.process.wait(DEADLINE) == 1
        lines = server.lines()
    if journal == "FIFO":
        lines = os.read(reader, 65536).decode().splitlines()
        assert errors.read_text() == (
            "fakenw: the journal cannot be written, stopping: the pipe was full for 5 seconds, since nobody reads it\n"
        )
    os.close(reader)
    assert 0 < clients <= grants(lines) < 500


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="only Linux has pipes of other sizes")
@pytest.mark.parametrize("reads", [False, True])
def test_sigterm_and_a_full_pipe(reads: bool) -> None:
    """It is heard. The last line is not written, so the exit code is not 0, unless the reader reads again in time."""
    with ServerProcess(*LISTEN, "--journal", "-", stderr=subprocess.STDOUT) as server:
        pipe = server.process.stdout
        assert pipe is not None
        size = fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
        with open(f"/proc/{os.getpid()}/fd/{pipe.fileno()}", "wb", buffering=0) as filler:
            os.set_blocking(filler.fileno(), False)
            assert filler.write(b"x" * (size - 1) + b"\n")
            server.process.terminate()
            if reads:
                while server.code() is None:
                    server.lines()
            assert server.process.wait(DEADLINE) == (0 if reads else 1)
        assert ('"event": "stop"' in server.lines()[-1]) == reads
