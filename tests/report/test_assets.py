import base64
import gzip
import hashlib
import re

from neurofm_bids.report.assets import VIEWER, script_element, script_policy, viewer_code, viewer_licence


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
