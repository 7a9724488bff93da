"""Fetching, against a local server that plays Hugging Face."""

import errno
import hashlib
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model import hub
from neurofm_bids.model.registry import model_spec

WEIGHTS = (files("neurofm_bids") / "data/weights" / model_spec("open-s").file).read_bytes()
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """One repository; ``server.how`` says how it behaves, ``server.seen`` what it was asked."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        how = self.server.how
        self.server.seen.append((self.command, self.path, self.headers.get("Range", "")))
        if how == "gated" and self.headers.get("Authorization") != "Bearer hf_good":
            self.refuse(401, "GatedRepo")
        elif how == "not accepted":
            self.refuse(403, "GatedRepo")
        elif how == "wrong file" or not self.path.startswith("/NeuroAI-UofG/NeuroFM/resolve/main/"):
            self.refuse(404, "EntryNotFound")
        else:
            self.send_file(body=body)

    def send_file(self, *, body):
        data = self.server.data
        first = 0
        if wanted := self.headers.get("Range"):
            first = int(wanted.removeprefix("bytes=").split("-")[0])
        self.send_response(206 if first else 200)
        self.send_header("ETag", f'"{SHA256}"')
        self.send_header("X-Linked-Etag", f'"{SHA256}"')
        self.send_header("X-Linked-Size", str(len(WEIGHTS)))
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("Content-Length", str(len(WEIGHTS) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(WEIGHTS) - 1}/{len(WEIGHTS)}")
        self.end_headers()
        if not body:
            return
        if self.server.how == "drops once" and not self.server.dropped:
            self.server.dropped = True
            data = data[: len(data) // 2]
        if self.server.how == "truncated":
            data = data[: len(data) // 2]
        self.wfile.write(data[first:])
        self.close_connection = True


@pytest.fixture
def server():
    found = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    found.how, found.seen, found.data, found.dropped = "well", [], WEIGHTS, False
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def tool(server, tmp_path):
    """Return a function that runs ``neurofm-tools weights`` with the server as the hub."""

    def run(*arguments, endpoint=None, **extra):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": endpoint or f"http://127.0.0.1:{server.server_port}",
            "HF_HUB_DISABLE_XET": "1",
            **extra,
        }
        command = [
            sys.executable,
            "-c",
            "import sys; from neurofm_bids.cli.tools import main; sys.exit(main())",
        ]
        return subprocess.run(
            [*command, "weights", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    return run


ACCEPTED = ("fetch", "neurofm-m", "--accept-license")


def weights_in(folder):
    whole = [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".incomplete"]
    return list({p.resolve() for p in whole if p.stat().st_size > 10_000})


def test_fetch_brings_the_file_and_checks_it(tool, tmp_path, server, monkeypatch):
    """open-s plays neurofm-m, so the download is whole and the weights are of another variant."""
    done = tool(*ACCEPTED)
    assert done.returncode == Exit.DATA, done.stderr
    assert "weights" in done.stderr
    assert [p.read_bytes() for p in weights_in(tmp_path / "hf")] == [WEIGHTS]
    assert {path for _, path, _ in server.seen} == {"/NeuroAI-UofG/NeuroFM/resolve/main/neurofm-m.h5"}


FETCH = """
import dataclasses, sys
from neurofm_bids.model import registry
from huggingface_hub import constants
constants.DOWNLOAD_CHUNK_SIZE = 2**16
specs = {{name: registry.model_spec(name) for name in registry.model_names()}}
specs["neurofm-s"] = dataclasses.replace(specs["neurofm-s"], sha256="{sha256}")
registry.model_spec = specs.get  # before any other module imports it
from neurofm_bids.cli.tools import main
sys.exit(main())
"""


@pytest.fixture
def known(tool, monkeypatch):
    """The same with the registry expecting a given hash of neurofm-s."""
    run = subprocess.run

    def fetch(*arguments, sha256=SHA256, **extra):
        code = FETCH.format(sha256=sha256)
        with monkeypatch.context() as patch:
            patch.setattr(
                subprocess, "run", lambda command, **k: run([command[0], "-c", code, *command[3:]], **k)
            )
            return tool(*arguments, **extra)

    return fetch


def test_fetched_weights_are_found_afterwards_without_the_hub(known, server, tmp_path):
    done = known("fetch", "neurofm-s", "--accept-license")
    assert done.returncode == 0, done.stderr
    assert "Checked against the known SHA-256" in done.stderr
    assert "CC BY-NC-SA 4.0" in done.stderr
    path = done.stdout.strip()
    assert path.startswith(str(tmp_path / "hf"))
    before = len(server.seen)
    verified = known("verify", "neurofm-s", "--image", path, HF_HUB_OFFLINE="1")
    assert "passed      file" in verified.stdout
    assert len(server.seen) == before
    again = known("fetch", "neurofm-s")  # accepted once
    assert again.returncode == 0, again.stderr
    assert "CC BY" not in again.stderr


def test_a_connection_that_breaks_is_taken_up_again(known, server):
    server.how = "drops once"
    done = known("fetch", "neurofm-s", "--accept-license")
    assert done.returncode == 0, done.stderr
    spans = [span.removeprefix("bytes=").removesuffix("-") for _, _, span in server.seen if span]
    assert max(int(span) for span in spans) >= len(WEIGHTS) // 2 - 2**16


def test_a_truncated_download_leaves_nothing(known, server, tmp_path):
    server.how = "truncated"
    done = known("fetch", "neurofm-s", "--accept-license")
    assert done.returncode == Exit.TRY_AGAIN, done.stderr
    assert weights_in(tmp_path / "hf") == []


@pytest.mark.parametrize("model", ["neurofm-s", "neurofm-m"])
def test_a_tampered_file_is_removed(known, server, tmp_path, model):
    """The hash of s is in the registry; that of m is not, and the one that the hub states is used."""
    server.data = WEIGHTS[:-1] + b"\x00\x01"[WEIGHTS[-1] == 0 :][:1]
    assert len(server.data) == len(WEIGHTS)
    assert server.data != WEIGHTS
    done = known("fetch", model, "--accept-license")
    assert done.returncode == Exit.DATA, done.stderr
    assert "not the published file" in done.stderr
    assert weights_in(tmp_path / "hf") == []


def test_another_file_than_the_registry_knows_is_removed(tool, tmp_path):
    done = tool("fetch", "neurofm-s", "--accept-license")
    assert done.returncode == Exit.DATA
    assert "8015a0552214" in done.stderr
    assert weights_in(tmp_path / "hf") == []


@pytest.mark.parametrize("how", ["gated", "not accepted"])
def test_gated_weights_say_how_to_get_access(tool, server, how):
    server.how = how
    done = tool(*ACCEPTED)
    assert done.returncode == Exit.NO_INPUT
    assert "accept the terms at https://huggingface.co/NeuroAI-UofG/NeuroFM" in done.stderr
    assert "HF_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_token_of_the_environment_is_used(known, server):
    server.how = "gated"
    done = known("fetch", "neurofm-s", "--accept-license", HF_TOKEN="hf_good")
    assert done.returncode == 0, done.stderr


def test_a_file_that_the_hub_does_not_have(tool, server):
    server.how = "wrong file"
    done = tool(*ACCEPTED)
    assert done.returncode == Exit.NO_INPUT
    assert "no such file or revision" in done.stderr


def test_offline_is_try_again(tool):
    done = tool(*ACCEPTED, HF_HUB_OFFLINE="1")
    assert done.returncode == Exit.TRY_AGAIN, done.stderr
    assert "cannot be reached" in done.stderr


def test_license_has_to_be_accepted(tool, server):
    done = tool("fetch", "neurofm-m")
    assert done.returncode == Exit.USAGE
    assert "--accept-license" in done.stderr
    assert server.seen == []


def test_a_bundled_model_and_an_unknown_one_cannot_be_fetched(tool):
    assert tool("fetch", "open-s").returncode == Exit.USAGE
    assert tool("fetch", "nonsense").returncode == Exit.USAGE


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (errno.ENOSPC, Exit.IO, "the disk is full"),
        (errno.EDQUOT, Exit.IO, "the disk is full"),
        (errno.EROFS, Exit.CANT_CREATE, "the cache cannot be written"),
        (errno.EIO, Exit.TRY_AGAIN, "the download failed"),
    ],
)
def test_trouble_with_the_disk(monkeypatch, number, code, message):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(NeuroFMError, match=message) as error:
        hub.fetch(model_spec("neurofm-s"))
    assert error.value.code is code
