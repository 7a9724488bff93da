import base64
import gzip
import hashlib
import re

from neurofm_bids.report.assets import (
    PLOTS,
    VIEWER,
    group_policy,
    group_script,
    plots_code,
    plots_licence,
    script_element,
    script_policy,
    viewer_code,
    viewer_licence,
)


def hashed(code):
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


def test_only_the_script_and_the_viewer_may_run():
    script = str(script_element()).removeprefix("<script>").removesuffix("</script>")
    viewer = gzip.decompress(base64.b64decode(viewer_code()))
    assert script_policy() == f"script-src 'sha256-{hashed(script.encode())}' 'sha256-{hashed(viewer)}'"
    assert "</script" not in script


def test_the_viewer_is_the_version_that_its_licence_names():
    licence = viewer_licence()
    viewer = gzip.decompress(base64.b64decode(viewer_code()))
    assert f"NiiVue {re.search(r'@niivue/niivue ([0-9.]+),', licence)[1]}" == VIEWER
    assert hashlib.sha256(viewer).hexdigest() in licence
    assert all(words in licence for words in ("BSD 2-Clause", "MIT License", "ISC License", "Copyright"))
    assert len(viewer_code()) < 1_200_000


def test_only_the_script_of_the_group_report_and_its_plots_may_run():
    script = str(group_script()).removeprefix("<script>").removesuffix("</script>")
    plots = gzip.decompress(base64.b64decode(plots_code()))
    assert group_policy() == f"script-src 'sha256-{hashed(script.encode())}' 'sha256-{hashed(plots)}'"
    assert "</script" not in script
    assert "http" not in script


def test_the_plots_are_the_version_that_their_licence_names():
    plots = gzip.decompress(base64.b64decode(plots_code()))
    licence = plots_licence()
    assert f"uPlot {re.search(r'package uplot ([0-9.]+),', licence)[1]}" == PLOTS
    assert f"(v{PLOTS.split()[1]})" in plots.decode()
    assert hashlib.sha256(plots).hexdigest() in licence
    assert "The MIT License" in licence
