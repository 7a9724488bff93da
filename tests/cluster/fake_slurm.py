"""Commands with the names and the answers of SLURM, which run the tasks of an array at once.

``sbatch`` runs the script of each task and remembers how it ended; ``squeue`` says so in columns. What the
real commands do is tested in test_real_slurm.py.
"""

import json
import sys
from pathlib import Path

SBATCH = """
import json, os, re, signal, subprocess, sys
from pathlib import Path
folder = Path(__file__).parent
options = dict(word.partition("=")[::2] for word in sys.argv[1:-1])
calls = json.loads((folder / "calls.json").read_text())
calls.append(sys.argv[1:])
(folder / "calls.json").write_text(json.dumps(calls))
if "--refuse" in options or (folder / "refuse").exists():
    sys.exit("sbatch: error: Requested node configuration is not available")
ranges = [part.split("-") for part in options["--array"].split(",")]
tasks = [n for first, *last in ranges for n in range(int(first), int((last or [first])[0]) + 1)]
states = {}
for task in tasks:
    memory = options["--mem"].removesuffix("M")
    environ = os.environ | {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_MEM_PER_NODE": memory}
    with open(options["--output"].replace("%a", str(task)).replace("%%", "%"), "a") as out:
        done = subprocess.run(["bash", sys.argv[-1]], env=environ, stdout=out, stderr=subprocess.STDOUT)
    code = done.returncode
    states[task] = ["COMPLETED" if code == 0 else "FAILED", -code if code < 0 else code << 8]
    named = folder / f"state-{task}"
    if named.exists():
        states[task][0] = named.read_text()
        named.unlink()
job = str(100 + len(calls))
(folder / f"job-{job}.json").write_text(json.dumps(states))
print(f"{job};cluster")
"""
SQUEUE = """
import json, sys
from pathlib import Path
job = sys.argv[sys.argv.index("-j") + 1]
path = Path(__file__).parent / f"job-{job}.json"
if not path.exists():
    sys.exit("slurm_load_jobs error: Invalid job id specified")
for task, (state, code) in json.loads(path.read_text()).items():
    print(f"{task:<40}{state:<40}{code:<40}")
"""
SCONTROL = 'print("MaxArraySize            = 1001")'
SCANCEL = """
import sys
from pathlib import Path
with (Path(__file__).parent / "cancelled").open("a") as stream:
    stream.write(sys.argv[1] + "\\n")
"""
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
folder = Path(__file__).parent
words = sys.argv[2:]
option = lambda name: words[words.index(name) + 1]
number, count = map(int, option("--shard").split("/"))
index = Path(option("--index"))
labels = [json.loads(line)["Participant"] for line in index.read_text().splitlines()[1:]][number - 1::count]
plan = json.loads((folder / "plan.json").read_text())
log = index.parent / "tasks" / str(number)
log.mkdir(exist_ok=True)
(log / "failed.tsv").unlink(missing_ok=True)
rows = []
for label in labels:
    acts = plan.get(label, ["done"])
    act = acts.pop(0) if len(acts) > 1 else acts[0]
    (folder / "plan.json").write_text(json.dumps(plan))
    if act == "done":
        (folder / f"done-{label}").touch()
    elif act == "kill":
        os.kill(os.getppid(), signal.SIGKILL)
        sys.exit(1)
    elif act.startswith("state "):
        (folder / f"state-{number}").write_text(act[6:])
        sys.exit(1)
    elif act.startswith("exit "):
        print("weights not found")
        sys.exit(int(act[5:]))
    elif act != "silent":
        reason, _, fix = act.partition("|")
        name = f"sub-{label}/anat/sub-{label}_T1w.nii.gz"
        rows.append("\\t".join((name, "encode", reason, fix or "n/a")))
if rows:
    (log / "failed.tsv").write_text("\\n".join(["scan\\tstep\\treason\\tfix", *rows]) + "\\n")
sys.exit(bool(rows))
"""


class FakeSlurm:
    """A folder of commands; ``plan`` says for each participant what happens in each attempt."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        commands = {"sbatch": SBATCH, "squeue": SQUEUE, "scontrol": SCONTROL, "scancel": SCANCEL}
        for name, code in {**commands, "program": PROGRAM}.items():
            path = folder / name
            path.write_text(f"#!{sys.executable}\n{code}")
            path.chmod(0o755)
        (folder / "calls.json").write_text("[]")
        self.plan({})

    def plan(self, acts):
        (self.folder / "plan.json").write_text(json.dumps(acts))

    def forget_jobs(self):
        for path in self.folder.glob("job-*.json"):
            path.unlink()

    @property
    def prefix(self):
        return str(self.folder / "program")

    @property
    def calls(self):
        return json.loads((self.folder / "calls.json").read_text())

    def is_done(self, scan):
        return Path(self.folder / f"done-{scan.subject}").exists()
