"""A headless Chromium, driven over its debugging pipe: no package and no open port is needed."""

import base64
import contextlib
import fcntl
import json
import os
import select
import subprocess
import time

FLAGS = (
    "headless no-sandbox disable-quic no-first-run disable-background-networking disable-component-update "
    "disable-sync hide-scrollbars remote-debugging-pipe use-angle=swiftshader enable-unsafe-swiftshader "
    "host-resolver-rules=MAP\x00*\x00~NOTFOUND"
)


class Page:
    """One tab: what its console and its network did, and the means to look at it."""

    def __init__(self, send, receive):
        self._send, self._receive = send, receive
        self._count, self._session = 0, None
        self.messages, self.requests = [], []

    def call(self, method, **params):
        """Return the result of a method of the DevTools protocol."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._send(message)
        while True:
            answer = self._receive(120)
            self._note(answer)
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]

    def _note(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self.messages.append(str([value.get("value") for value in params["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.messages.append(json.dumps(params["exceptionDetails"])[:500])
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.messages.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"][:100])

    def open(self, uri, width=1200, height=900, **media):
        """Load a page in a new tab of this size, shown as in :meth:`media`, and wait until it is complete."""
        self._session = None
        self.messages.clear()
        self.requests.clear()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.media(**media)
        self.call("Page.navigate", url=uri)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def resize(self, width, height):
        """Give the page this size in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def media(self, kind="", *, scheme="light", scripts=True):
        """Show the page as on this medium, in a light or dark scheme, with or without scripts."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=kind, features=features)
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def run(self, expression):
        """Return the value of a JavaScript expression."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression, seconds=60):
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({expression})"):
            assert time.monotonic() < end, f"{expression} is not true after {seconds} s: {self.messages}"
            time.sleep(0.1)

    def key(self, name):
        """Press and release a key, such as Tab or Enter."""
        text = {"Enter": "\r", "Space": " "}.get(name, "")
        code = {"Enter": 13, "Space": 32, "Tab": 9}.get(name, 0)
        about = {"key": " " if name == "Space" else name, "code": name, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def picture(self, *, whole=False):
        """Return the page as PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        return base64.b64decode(data)

    def pdf(self):
        """Return the page as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])


@contextlib.contextmanager
def browsing(browser, profile):
    """Yield a :class:`Page` of a new browser that keeps its profile in this folder."""
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()

    def keep():
        far = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands_out, answers_in)]
        os.dup2(far[0], 3)
        os.dup2(far[1], 4)

    flags = [f"--{flag.replace(chr(0), ' ')}" for flag in FLAGS.split(" ")]
    process = subprocess.Popen(
        [browser, *flags, f"--user-data-dir={profile}"],
        close_fds=False,
        preexec_fn=keep,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands_out)
    os.close(answers_in)
    left = bytearray()

    def send(message):
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(commands_in, data) :]

    def receive(seconds):
        while b"\0" not in left:
            assert select.select([answers_out], [], [], seconds)[0], "the browser does not answer"
            data = os.read(answers_out, 1 << 20)
            assert data, "the browser ended"
            left.extend(data)
        message, _, rest = bytes(left).partition(b"\0")
        left[:] = rest
        return json.loads(message)

    try:
        yield Page(send, receive)
    finally:
        os.close(commands_in)
        os.close(answers_out)
        process.terminate()
        process.wait(20)
