"""The rule that a skipped test is not a passed one, tried on runs of pytest of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project with our conftest, under CI, that allows one skip."""
    pytester.path.joinpath("conftest.py").write_text((TESTS / "conftest.py").read_text())
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    pytester.path.joinpath("skips.toml").write_text(
        '[[skip]]\ntest = "test_*.py::*"\nreason = "no camera here*"\nwhy = "CI has none"\n'
        '[[skip]]\ntest = "*"\nreason = "*EDGEDET_TEST_DATA is not set*"\nwhy = "not shipped"\n'
    )
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("EDGEDET_TEST_DATA", raising=False)
    # The plugins installed here are not under test, and to load them costs more than all of these runs.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester


def run(project: pytest.Pytester, body: str) -> pytest.RunResult:
    project.makepyfile(f"import pytest\n{body}")
    return project.runpytest_subprocess("-p", "no:cacheprovider")


def test_a_listed_skip_passes(project: pytest.Pytester) -> None:
    result = run(project, "def test_a(): pytest.skip('no camera here: no /dev/video0')\ndef test_b(): pass")
    assert result.ret == 0
    result.assert_outcomes(passed=1, skipped=1)


def test_an_unlisted_skip_fails_the_run_and_is_named(project: pytest.Pytester) -> None:
    result = run(project, "def test_a(): pytest.skip('too tired')\ndef test_b(): pass")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*::test_a was skipped and tests/skips.toml does not list it: too tired"])


def test_a_whole_file_that_skips_itself_fails_the_run(project: pytest.Pytester) -> None:
    result = run(project, "pytest.importorskip('no_such_module')\ndef test_a(): pass")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*.py was skipped and tests/skips.toml does not list it: *no_such_module*"])


def test_an_expected_failure_is_no_skip(project: pytest.Pytester) -> None:
    result = run(project, "@pytest.mark.xfail\ndef test_a(): assert False")
    assert result.ret == 0


def test_outside_ci_any_skip_passes(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")
    assert run(project, "def test_a(): pytest.skip('too tired')").ret == 0


def test_without_the_data_its_tests_skip_and_the_run_passes(project: pytest.Pytester) -> None:
    result = run(project, "def test_a(test_data): pass\ndef test_b(): pass")
    assert result.ret == 0
    result.assert_outcomes(passed=1, skipped=1)


def test_data_that_is_there_and_never_used_fails_the_run(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEDET_TEST_DATA", str(project.path))
    result = run(project, "def test_a(): pass")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["EDGEDET_TEST_DATA is set to *, but no test that uses it passed"])


def test_data_that_is_used_passes_the_run(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDET_TEST_DATA", str(project.path))
    assert run(project, "def test_a(test_data): assert test_data.is_dir()").ret == 0


def test_a_data_folder_that_is_missing_is_an_error(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDET_TEST_DATA", str(project.path / "gone"))
    result = run(project, "def test_a(test_data): pass")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["EDGEDET_TEST_DATA is set to */gone, which is not a folder"])


@pytest.mark.parametrize("entry", ['test = "*"\nreason = "*"', 'test = "*"\nreason = "*"\nwhy = ""'])
def test_an_entry_that_does_not_say_why_is_refused(project: pytest.Pytester, entry: str) -> None:
    project.path.joinpath("skips.toml").write_text(f"[[skip]]\n{entry}\n")
    result = run(project, "def test_a(): pass")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*every ?[[]skip]] has test, reason and why*"])
