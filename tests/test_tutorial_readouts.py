"""The tutorial of readouts: its files and commands, as they stand on the page, give its tables."""

import re
import shlex
from contextlib import chdir
from pathlib import Path

import pytest

from neurofm_bids.cli.main import main
from neurofm_bids.cli.tools import main as tools
from neurofm_bids.errors import Exit
from neurofm_bids.readouts.file import read_readout

PAGE = Path(__file__).parent.parent / "docs" / "tutorial-readouts.md"
COMMANDS = {"neurofm": main, "neurofm-tools": tools}


def part(title):
    """Return a section of the page."""
    return re.search(rf"^## {title}.*?(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)[0]


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def rows(text):
    """Return the cells of the tables of a section, by their first cell."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in lines if not cells[0].startswith(("---", "Task"))}


def run(text):
    """Run the commands of a block and return the exit code of the last one."""
    for line in text.strip().splitlines():
        name, *arguments = shlex.split(line)
        code = COMMANDS[name](arguments)
    return code


def numbers(text):
    return [float(number) for number in re.findall(r"-?[0-9]*\.[0-9]+", text)]


def near(*values):
    """Return what rounded numbers of the page are compared with; processors differ in the last bits."""
    return pytest.approx(values, abs=0.011)


@pytest.mark.realdata
def test_cortical_thickness(shared, tmp_path):
    text = part("Cortical thickness")
    (tmp_path / "aomic").symlink_to(shared / "data" / "aomic")
    (tmp_path / "tasks.toml").write_text(blocks(text, "toml")[0])
    with chdir(tmp_path):
        exec(compile(blocks(text, "python")[0], PAGE.name, "exec"), {})
        assert run(blocks(text, "bash")[0]) == Exit.OK
        for name, (label, value) in rows(text).items():
            readout = read_readout(tmp_path / "readouts" / f"{name}.json")
            metric = readout.evaluation.metrics[label.lower()]
            assert numbers(value) == near(metric.value, *metric.interval95)


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.timeout(3600)
def test_depression_and_controls(shared, tmp_path):
    text = part("Depression")
    (tmp_path / "ds002748").symlink_to(shared / "data" / "ds002748")
    (tmp_path / "tasks.toml").write_text(blocks(text, "toml")[0])
    process, fit, score = blocks(text, "bash")
    with chdir(tmp_path):
        assert run(process) == Exit.OK
        assert run(fit) == Exit.SOME_FAILED
        for name, (label, _, _, value, p, *_) in rows(text).items():
            evaluation = read_readout(tmp_path / "out" / "readouts" / f"{name}.json").evaluation
            metric = evaluation.metrics[label.lower()]
            assert numbers(value) == near(metric.value, *metric.interval95)
            assert numbers(p) == near(evaluation.p_value)
        assert not (tmp_path / "out" / "readouts" / "sex.json").exists()
        assert run(score) == Exit.OK
        assert len(list((tmp_path / "out").glob("sub-*/anat/*_readouts.tsv"))) == 22
