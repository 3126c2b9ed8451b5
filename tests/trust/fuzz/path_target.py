"""NAL paths: refused with the expected form, or written and read again to the same."""

from __future__ import annotations

from harness.client.nal_path import NalPath


def nal_paths(data: bytes) -> None:
    try:
        path = NalPath.parse(data.decode("utf-8", "replace"))
    except ValueError as problem:
        assert "expected" in str(problem), problem
        return
    assert NalPath.parse(str(path)) == path, f"{path!r}, written {path}"
    _ = path.site, path.preferred, path.server, path.volume, path.directory
    assert path.same_place(path), path
    path.begins(path)
