"""One target under atheris, which takes the process over.

``python -m tests.trust.fuzz.child TARGET [libFuzzer's options]``

Only this process imports the product with atheris's instruments, which count the branches that an input reaches.
"""

from __future__ import annotations

import sys


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["fakenw", "harness"]):
        from tests.trust.fuzz.targets import target

        name, *options = sys.argv[1:]
        tried = target(name)
    atheris.Setup([sys.argv[0], *options], tried)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
