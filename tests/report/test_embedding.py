import base64
import xml.etree.ElementTree as ET
from urllib.parse import unquote

import pytest

from neurofm_bids.report.assets import viewer_code
from neurofm_bids.report.embedding import LIMIT_BYTES, Room, base64_of, data_uri


@pytest.mark.parametrize("text", ["<a b='c#d'>100% \"x\" &amp; y</a>", "<a>\n\u00e9</a>"])
def test_an_address_holds_the_figure(tmp_path, text):
    (tmp_path / "a.svg").write_text(text, encoding="utf-8")
    uri = data_uri(tmp_path / "a.svg")
    head, _, body = uri.partition(",")
    assert head == "data:image/svg+xml"
    assert not set("\"'<>#&\n") & set(body)
    assert ET.tostring(ET.fromstring(unquote(body))) == ET.tostring(ET.fromstring(text))


def test_bytes_are_kept(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(256)))
    assert base64.b64decode(base64_of(tmp_path / "a")) == bytes(range(256))


def test_what_does_not_fit_takes_no_room():
    room = Room(1)
    most = LIMIT_BYTES - len(viewer_code())
    assert not room.admit(["x" * most])
    assert room.admit(["x" * (most - 1_000_000)])
    assert not room.admit(["x" * 900_000])
    assert room.admit(["x" * 300_000, "x" * 300_000])
