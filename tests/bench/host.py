"""The private libvirt that is measured on: domains and volumes by the thousand, and commands whose
time and memory are taken."""

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass

DOMAIN = """<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='{kind}'/>
      <source file='{path}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='user'/>
    <graphics type='vnc' passwd='secret'/>
  </devices>
</domain>
"""


class Wrong(Exception):
    """What was measured did not do what it has to: its time means nothing."""


def must(what, holds):
    if not holds:
        raise Wrong(what)


@dataclass
class Run:
    """One command: seconds on the wall, the peak of its memory in bytes, what it answered."""

    seconds: float
    peak: int
    stdout: str


class Host:
    def __init__(self, program, generator):
        self.program = os.path.abspath(program)
        self.generator = os.path.abspath(generator)
        self.scratch = tempfile.mkdtemp()
        self.template = os.path.join(self.scratch, "template.qcow2")
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", self.template, "64M"], check=True
        )

    def close(self):
        shutil.rmtree(self.scratch)

    # Commands.

    def measure(self, words, expect=0):
        """Runs it as a process of its own. Its output goes to a file, so nobody waits for a pipe."""
        out = os.path.join(self.scratch, "stdout")
        err = os.path.join(self.scratch, "stderr")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, out, flags, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, err, flags, 0o600),
        ]
        began = time.perf_counter()
        pid = os.posix_spawnp(words[0], words, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - began
        code = os.waitstatus_to_exitcode(status)
        with open(out, encoding="utf-8", errors="replace") as file:
            stdout = file.read()
        if code != expect:
            with open(err, encoding="utf-8", errors="replace") as file:
                raise Wrong(f"exit code {code}: {' '.join(words)[:200]}\n{file.read()}")
        # The kernel counts the peak of the process that started it in: this one's is small.
        return Run(seconds, usage.ru_maxrss * 1024, stdout)

    def retire(self, state, *words):
        return self.measure([self.program, "--state-dir", state, *words])

    def virsh(self, *calls):
        """Any number of calls in one virsh. Those of measured ones are a handful of words each."""
        return self.measure(["virsh", "-q", "; ".join(calls)])

    def script(self, calls):
        """As many calls as anybody likes, not measured."""
        subprocess.run(
            ["virsh", "-q"],
            input="\n".join(calls) + "\n",
            text=True,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    # What there is.

    def pool(self, name, folder):
        os.makedirs(folder, exist_ok=True)
        self.script([f"pool-define-as {name} dir --target {folder}", f"pool-start {name}"])

    def image(self, path):
        shutil.copyfile(self.template, path)

    def define(self, disks, kind="qcow2"):
        """`disks`: of each domain's name, the path of its disk."""
        calls = []
        for number, (name, path) in enumerate(disks.items()):
            file = os.path.join(self.scratch, f"{number}.xml")
            with open(file, "w", encoding="utf-8") as xml:
                xml.write(DOMAIN.format(name=name, path=path, kind=kind))
            calls.append(f"define {file}")
        self.script(calls)

    def domains(self):
        listed = subprocess.run(
            ["virsh", "-q", "list", "--all", "--name"], capture_output=True, text=True, check=True
        )
        return set(listed.stdout.split())

    def state(self, name):
        """The path of a new state folder, where a rename from the pools' folders reaches."""
        path = f"/var/lib/bench-{name}"
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path, 0o700)
        return path
