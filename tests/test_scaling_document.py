"""docs/scaling.md is what `make simulate` writes."""

import shutil
import subprocess
import sys

import pytest

from deploy.simulate import document, million, settings
from deploy.simulate.__main__ import main
from deploy.simulate.students import demand
from tests.source import ROOT

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]


def test_the_tables_without_a_simulation_are_up_to_date():
    text = document.DOCUMENT.read_text(encoding="utf-8")

    for name, piece in document.quick_pieces().items():
        assert f"<!-- begin {name} -->\n{piece}\n<!-- end {name} -->" in text, "run make simulate"


@pytest.mark.slow
def test_the_simulated_tables_and_pictures_are_up_to_date(tmp_path):
    copy = tmp_path / "scaling.md"
    shutil.copy(document.DOCUMENT, copy)
    document.write(copy, tmp_path)

    assert copy.read_text() == document.DOCUMENT.read_text(), "run make simulate"
    for name in document.DRAWN:
        drawn = f"scaling-{name}.svg"
        assert (tmp_path / drawn).read_text() == (document.PICTURES / drawn).read_text(), "run make simulate"


def test_a_marker_that_nobody_fills_is_an_error():
    with pytest.raises(KeyError):
        document.filled("<!-- begin nothing -->\n<!-- end nothing -->", {})


def test_a_million_students_by_hand():
    """8,750 watch: 875 reports a second; 12,500 people open a page a minute: 208, and as many pages for visitors."""
    need = demand(1_000_000)
    costs = settings.read_capacity()
    learning, catalogue = costs.milliseconds["learning"], costs.milliseconds["catalogue"]

    assert need.watching == 8_750
    assert need.student_pages == pytest.approx(208.33, abs=0.01)
    assert need.requests == pytest.approx((875 + 2 * 208.33) / 0.95, abs=0.1)
    assert need.processors(costs) == pytest.approx((1083.33 * learning + 208.33 * catalogue) / 1000, rel=0.001)
    tasks = need.processors(costs) / 0.5 / 0.65
    assert need.tasks(costs, settings.task_size("frontend")) == pytest.approx(tasks, abs=1)


def test_what_ends_first_comes_first():
    found = [end.students for end in million.ends(settings.read_capacity())]

    assert found == sorted(found)
    assert all(students > 1_000 for students in found)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tornado"], "there is no tornado"),
        (["burst", "--policies", "/nowhere"], "frontend.json cannot be read"),
        (["burst", "--policies", str(document.DOCUMENT)], "frontend.json cannot be read"),
        (["million", "burst"], "million stands alone"),
        (["document", "--policies", "/nowhere"], "document stands alone"),
    ],
)
@pytest.mark.slow
def test_bad_input_gets_a_sentence(arguments, sentence):
    command = [sys.executable, "-m", "deploy.simulate", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_told(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["simulate", "crash", "--pictures", f"{document.DOCUMENT}/pictures"])

    assert main() == 1
    assert "cannot be written: Not a directory" in capsys.readouterr().err
