"""What the plugin says of a mistake in a test: at collection where it can, and always with what was expected."""

from __future__ import annotations

import re

import pytest

AT_COLLECTION = {
    "licenses='two'": "licenses='two'; expected a whole number from 0 to 65534",
    "licenses=True": "licenses=True; expected a whole number from 0 to 65534",
    "release='5.0'": "release='5.0'; expected one of '3.12', '4.11', '5.1', '6.5'",
    "policy='users'": "policy='users'; expected one of 'attach', 'login', 'service', 'nls', 'ual', or None",
    "users='JOE:SECRET'": "users=str; expected a list such as ['JOE:PASSWORD']",
    "users=['J*E']": "users: ",
    "options='--speed 10'": "options=str; expected a list of words for fakenw serve",
    "may_hold='yes'": "may_hold='yes'; expected True or False",
    "license=2": "no setting license; expected licenses, release, policy, users, options, may_hold",
    "2": "2; expected settings by name, such as licenses=2",
}


def test_markers_with_mistakes(pytester: pytest.Pytester) -> None:
    """Each is an error of its file, and no server is started."""
    for number, marker in enumerate(AT_COLLECTION):
        pytester.makepyfile(
            **{
                f"test_{number}": f"import pytest\n@pytest.mark.netware({marker})\ndef test_it(netware): pass",
            }
        )
    pytester.makepyfile(
        test_lonely="import pytest\n@pytest.mark.netware(licenses=2)\ndef test_lonely(): pass",
        test_right="import pytest\npytestmark = pytest.mark.netware(licenses=2)\ndef test_not_its_own(): pass",
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--continue-on-collection-errors")
    done.assert_outcomes(errors=len(AT_COLLECTION) + 1, passed=1)
    output = done.stdout.str()
    for expected in AT_COLLECTION.values():
        assert f"test_it: the marker netware: {expected}" in output
    assert "test_lonely: the marker netware without its fixture; expected an argument netware of the test" in output
    assert "Traceback" not in output
    assert "SECRET" not in output


AT_START = """
    import pytest

    @pytest.mark.netware(options=["--speed", "fast"])
    def test_option(netware): pass

    @pytest.mark.netware(options=["--config", "nowhere.yaml"])
    def test_file(netware): pass

    def test_factory(netware_factory):
        netware_factory(licenses=-1)
"""


def test_a_server_that_cannot_start(pytester: pytest.Pytester) -> None:
    """The server's own sentence, once, and nothing else."""
    pytester.makepyfile(AT_START)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    done.assert_outcomes(errors=2, failed=1)
    assert [line for line in done.stdout.lines if line.startswith("netware: ")] == [
        "netware: Error: Invalid value for '--speed': 'fast' is not a valid float range.",
        "netware: nowhere.yaml: cannot be read: No such file or directory; expected a configuration file",
        "netware: licenses=-1; expected a whole number from 0 to 65534",
    ]
    assert "During handling" not in done.stdout.str()


WORDS = """
    import pytest

    def test_by(netware):
        netware.assert_released(by="logof")

    def test_what(netware):
        netware.assert_denied(what="licence")

    def test_since(netware):
        netware.assert_released(since="start")
"""


def test_words_that_are_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WORDS)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(failed=3)
    said = re.findall(r"^E +ValueError: (.*)$", done.stdout.str(), re.MULTILINE)
    assert [text.split("; expected")[0] for text in said] == ["by='logof'", "what='licence'", "since='start'"]
    assert all("; expected " in text for text in said)
