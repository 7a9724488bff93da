"""What data, weights and packages from elsewhere could do to users and readers of the results."""

import ast
import dataclasses
import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import neurofm_bids
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.discovery import Scan, find_scans
from neurofm_bids.bids.names import SCAN_OUTPUTS
from neurofm_bids.cli.main import main
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model import hub, weights
from neurofm_bids.model.registry import model_spec

PACKAGE = Path(neurofm_bids.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = sorted((PACKAGE / "report" / "templates").iterdir())
LOCK = ROOT / "requirements.lock"

# ---------------------------------------------------------------------------------------------- source

PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal"}
BANNED = {
    "eval": "runs text",
    "exec": "runs text",
    "compile": "runs text",
    "__import__": "imports by text",
    "os.system": "shell",
    "os.popen": "shell",
    "subprocess.getoutput": "shell",
    "subprocess.getstatusoutput": "shell",
    "asyncio.create_subprocess_shell": "shell",
    "joblib.load": "pickle",
    "pandas.read_pickle": "pickle",
    "yaml.full_load": "unsafe YAML",
    "yaml.unsafe_load": "unsafe YAML",
    "shutil.unpack_archive": "extracts an archive blindly",
    "tempfile.mktemp": "a name that another may take first",
}
# Markup() of figures drawn by this package, of its own script, and of addresses without signs of HTML
OWN_MARKUP = {
    "report/assets.py",
    "report/embedding.py",
    "report/fitted_tasks.py",
    "report/group.py",
    "pretrain/evaluation/report.py",
    "pretrain/evaluation/anatomy_report.py",
}


def offences(source, place=""):
    """Yield what a module's source must not do."""
    tree = ast.parse(source)
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    yield from (f"pickle: {name}" for name in names.values() if name.split(".")[0] in PICKLES)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func, names)
            yield from (f"{name}: {why}" for why in call_offences(name, node) if why)
            if name == "markupsafe.Markup" and place not in OWN_MARKUP:
                yield "Markup of what is not an own figure"


def dotted(node, names):
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, names)}.{node.attr}"
    return ""


def call_offences(name, call):
    given = {keyword.arg: keyword.value for keyword in call.keywords}

    def is_not(key, value):
        return getattr(given[key], "value", None) is not value if key in given else value is True

    yield BANNED.get(name)
    yield "shell" if "shell" in given and is_not("shell", False) else None
    yield "extracts an archive blindly" if name.rpartition(".")[2] in {"extract", "extractall"} else None
    if name == "numpy.load":
        yield "pickle" if len(call.args) > 2 or is_not("allow_pickle", False) else None
    if name == "torch.load":
        yield "pickle" if is_not("weights_only", True) else None
    if name == "yaml.load":
        loader = [*call.args[1:], *(v for k, v in given.items() if k == "Loader")]
        safe = any(getattr(v, "attr", getattr(v, "id", "")) in {"SafeLoader", "CSafeLoader"} for v in loader)
        yield None if safe else "unsafe YAML"
    if name in {"jinja2.Environment", "jinja2.Template"}:
        yield "autoescape is off" if is_not("autoescape", True) else None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
@pytest.mark.fault("a file that executes code when it is loaded", "the source uses no pickle, eval or shell")
def test_source_runs_nothing_that_is_data(path):
    assert list(offences(path.read_text(), path.relative_to(PACKAGE).as_posix())) == []


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("import pickle", "pickle"),
        ("import os, marshal as m", "pickle"),
        ("from dill import loads", "pickle"),
        ("from pickle import loads as l", "pickle"),
        ("import shelve", "pickle"),
        ("from joblib import load\nload(p)", "pickle"),
        ("import pandas as pd\npd.read_pickle(p)", "pickle"),
        ("eval(text)", "runs text"),
        ("exec(text)", "runs text"),
        ("compile(text, 'x', 'exec')", "runs text"),
        ("__import__(name)", "imports by text"),
        ("import os\nos.system(c)", "shell"),
        ("from os import popen as p\np(c)", "shell"),
        ("import subprocess as s\ns.run(c, shell=True)", "shell"),
        ("import subprocess as s\ns.run(c, shell=choice)", "shell"),
        ("import subprocess as s\ns.getoutput(c)", "shell"),
        ("import yaml\nyaml.load(t)", "unsafe YAML"),
        ("import yaml\nyaml.load(t, Loader=yaml.Loader)", "unsafe YAML"),
        ("import yaml\nyaml.unsafe_load(t)", "unsafe YAML"),
        ("import torch\ntorch.load(p)", "pickle"),
        ("import torch\ntorch.load(p, weights_only=False)", "pickle"),
        ("import numpy as np\nnp.load(p, allow_pickle=True)", "pickle"),
        ("import numpy as np\nnp.load(p, None, x)", "pickle"),
        ("import tarfile\ntarfile.open(p).extractall()", "archive"),
        ("import zipfile\nwith zipfile.ZipFile(p) as z:\n    z.extract('a')", "archive"),
        ("import shutil\nshutil.unpack_archive(p)", "archive"),
        ("from tempfile import mktemp\nmktemp()", "another may take"),
        ("from jinja2 import Environment\nEnvironment()", "autoescape"),
        ("from jinja2 import Environment\nEnvironment(autoescape=False)", "autoescape"),
        ("from markupsafe import Markup\nMarkup(data)", "Markup"),
    ],
)
def test_the_check_of_the_source_finds(source, offence):
    assert offence in " ".join(offences(source))


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.compile('a')\nmodel.eval()",
        "import subprocess\nsubprocess.run(['a'], shell=False)",
        "import yaml\nyaml.safe_load(t)\nyaml.load(t, Loader=yaml.SafeLoader)",
        "import numpy as np\nnp.load(p)\nnp.load(p, allow_pickle=False)",
        "import torch\ntorch.load(p, weights_only=True)",
    ],
)
def test_the_check_of_the_source_lets_pass(source):
    assert list(offences(source)) == []


TEMPLATE_FAULTS = {
    "an unescaped value": r"\|\s*safe\b|autoescape\s+false|Markup",
    "a script": r"<script|\son\w+\s*=|javascript:",
    "an attribute without quotation marks": r"=\{\{",
    "a value in a style": r"<style>[^<]*\{\{|style=\"[^\"]*\{\{",
    "an outside address": r"https?://|//\w",
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_escape_everything(path):
    found = [what for what, pattern in TEMPLATE_FAULTS.items() if re.search(pattern, path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{{ x | safe }}", "unescaped"),
        ("{% autoescape false %}", "unescaped"),
        ("<script>", "script"),
        ("<a onclick='x'>", "script"),
        ("<td class={{ x }}>", "quotation"),
        ("<style>a { color: {{ x }} }</style>", "style"),
        ("<img src='https://x'>", "outside"),
    ],
)
def test_the_check_of_the_templates_finds(template, fault):
    found = [what for what, pattern in TEMPLATE_FAULTS.items() if re.search(pattern, template)]
    assert fault in " ".join(found)


@pytest.mark.fault(
    "a Python file in the data folder that is named like a library",
    "child processes do not import from the current folder",
)
def test_the_reader_of_weights_does_not_import_from_the_current_folder(tmp_path):
    """An HDF5 file that is not known to be the published one is read in a process of its own."""
    for name in ("h5py", "numpy", "neurofm_bids"):
        (tmp_path / f"{name}.py").write_text(f"open('{name}-ran', 'w').close()")
    (tmp_path / "w.h5").write_bytes(b"\x89HDF\r\n\x1a\n junk")
    code = "from pathlib import Path; from neurofm_bids.model.registry import model_spec; "
    code += "from neurofm_bids.model.weights import load_network as load; "
    done = subprocess.run(
        [sys.executable, "-P", "-c", code + "load(Path('w.h5'), model_spec('open-s'))"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "not a whole Keras weights file" in done.stderr
    assert list(tmp_path.glob("*-ran")) == []


# ----------------------------------------------------------------------------------------------- paths


def outputs(scan, out=Path("/out")):
    names = Derivatives(out, "openS")
    yield from (names.path(scan, output) for output in SCAN_OUTPUTS)
    yield names.report(scan.subject)


def inside(path, root=Path("/out")):
    return "\0" not in str(path) and Path(os.path.normpath(path)).is_relative_to(root)


ODD = (
    "sub-../anat/sub-.._T1w.nii.gz",
    "sub-01/anat/sub-01_ses-.._T1w.nii.gz",
    "sub-01/ses-../anat/sub-01_ses-.._T1w.nii.gz",
    "sub-01/anat/sub-01_acq-..\\..\\x_T1w.nii.gz",
)


@pytest.mark.fault("file names with .. in a dataset", "refused")
def test_scans_of_names_that_lead_elsewhere_are_refused(bids_dataset):
    root = bids_dataset(*ODD)
    found = find_scans(Config(bids_dir=root, out_dir=Path("/out")))
    assert found.scans == ()
    assert {refused.path for refused in found.refused} >= {root / name for name in ODD}


@pytest.mark.parametrize("label", ["../../x", "/etc", "x/../../../etc", ".."])
@pytest.mark.parametrize("option", ["--participant-label", "--session-label"])
@pytest.mark.fault(
    "a label with ../ on the command line",
    "nothing is selected, and nothing is written outside the output folder",
)
def test_labels_that_lead_elsewhere_select_nothing(bids_dataset, tmp_path, option, label):
    root = bids_dataset("sub-01/anat/sub-01_T1w.nii.gz")
    arguments = [str(root), str(tmp_path / "a" / "out"), "participant", "-w", str(tmp_path / "work")]
    assert main([*arguments, option, label]) == Exit.NOTHING_SELECTED
    assert {path.name for path in tmp_path.iterdir()} <= {"bids", "a", "work"}
    assert not (tmp_path / "a").exists() or [p.name for p in (tmp_path / "a").iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("subject", "session"), [("x/../../../etc", None), ("01", "x/../../../../etc"), ("01\0", None)]
)
def test_derivatives_never_lead_out_of_the_output_folder(subject, session):
    root = Path("/data")
    scan = Scan(root / "sub-01" / "anat" / "sub-01_T1w.nii.gz", root, subject, session, (("sub", subject),))
    try:
        found = list(outputs(scan))
    except NeuroFMError:
        return
    assert [path for path in found if not inside(path)] == []


# --------------------------------------------------------------------------------------------- weights


def changed(path, target):
    """Copy a file with one bit of its last byte changed."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    target.write_bytes(data)
    return target


@pytest.mark.fault("bundled weights with one bit changed", "refused, exit code 74")
def test_bundled_weights_with_a_bit_changed_are_refused(tmp_path, monkeypatch):
    spec = model_spec("open-s")
    folder = tmp_path / "data" / "weights"
    folder.mkdir(parents=True)
    changed(files("neurofm_bids") / "data" / "weights" / spec.file, folder / spec.file)
    monkeypatch.setattr(weights, "files", lambda _: tmp_path)
    for load in (weights.identify, weights.load_model):
        with pytest.raises(NeuroFMError, match="weights of open-s are damaged") as caught:
            load("open-s")
        assert caught.value.code is Exit.IO


@pytest.mark.fault("fetched weights changed afterwards", "refused when loaded, exit code 74")
def test_fetched_weights_with_a_bit_changed_are_refused(tmp_path, monkeypatch):
    """Of neurofm-s, whose hash is known; for m and l the registry has none to compare with."""
    bundled = files("neurofm_bids") / "data" / "weights" / model_spec("open-s").file
    known = dataclasses.replace(model_spec("neurofm-s"), sha256=weights.file_sha256(bundled))
    monkeypatch.setattr(weights, "model_spec", lambda _: known)
    monkeypatch.setattr(hub, "fetched", lambda _: bundled)
    assert weights.identify("neurofm-s")[1] == known.sha256
    monkeypatch.setattr(hub, "fetched", lambda _: changed(bundled, tmp_path / "w"))
    with pytest.raises(NeuroFMError, match="weights of neurofm-s are damaged") as caught:
        weights.load_model("neurofm-s")
    assert caught.value.code is Exit.IO


# -------------------------------------------------------------------------------------------- packages


@pytest.mark.slow
@pytest.mark.fault("a package with a known vulnerability", "pip-audit of requirements.lock names it")
def test_the_lock_has_no_known_holes():
    tool = shutil.which("pip-audit", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if tool is None:
        pytest.skip("pip-audit is not installed")
    command = [sys.executable, "release/audit.py", "requirements.lock", "--pip-audit", tool]
    done = subprocess.run(command, cwd=LOCK.parent, capture_output=True, text=True)
    if done.returncode == 2:
        pytest.skip(done.stderr.splitlines()[0] if done.stderr else done.stdout[-300:])
    assert done.returncode == 0, done.stdout
