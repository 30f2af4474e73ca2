"""What is measured. Each function measures one scene and gives its rows; whatever a command was to do
is looked at before its time counts.

The reference and ours take turns, so that what else the machine does meets both.
"""

import json
import os
import shutil
import subprocess

from host import must
from report import Row

ALL = "--remove-all-storage"
VIRSH = "virsh undefine " + ALL
MEGABYTE = 1_000_000


def undefine(names):
    return ["undefine", *names, ALL, "--yes"]


def listed(host, state):
    """Transactions as `list` has them, the oldest first."""
    run = host.retire(state, "--output", "json", "list")
    return json.loads(run.stdout)["transactions"][::-1]


def must_be_retired(host, state, disks, known=0):
    """All of these domains, and nothing else since the first `known` transactions."""
    there = host.domains()
    must("the domains are gone", not there.intersection(disks))
    must("their disks are gone", not any(map(os.path.exists, disks.values())))
    new = listed(host, state)[known:]
    must("each has a transaction", sorted(it["domain"] for it in new) == sorted(disks))
    must("all are committed", all(it["state"] == "committed" for it in new))
    shown = host.retire(state, "--output", "json", "show", str(new[-1]["id"]))
    kept = json.loads(shown.stdout)["quarantine"]
    must("the disk is in quarantine", kept and all(os.path.exists(it["stored"]) for it in kept))
    return [str(it["id"]) for it in new]


def must_be_back(host, disks, content):
    must("the domains are back", set(disks) <= host.domains())
    for path in disks.values():
        with open(path, "rb") as file:
            must("the disk has the bytes it had", file.read() == content)


class Scene:
    """Domains with a qcow2 disk each in a pool with other volumes."""

    def __init__(self, host, name, domains, volumes):
        self.host, self.folder = host, f"/var/lib/libvirt/{name}"
        self.pool = name
        self.state = host.state(name)
        host.pool(name, self.folder)
        self.disks = {f"{name}-{at}": f"{self.folder}/{at}.qcow2" for at in range(domains)}
        for at in range(volumes):
            host.image(f"{self.folder}/{at}.qcow2")
        with open(host.template, "rb") as file:
            self.content = file.read()
        host.script([f"pool-refresh {name}"])
        host.define(self.disks)

    def again(self, disks):
        """After virsh, which brings nothing back."""
        for path in disks.values():
            self.host.image(path)
        self.host.script([f"pool-refresh {self.pool}"])
        self.host.define(disks)

    def close(self):
        self.host.script([f"undefine {name}" for name in self.disks])
        self.host.script([f"pool-destroy {self.pool}", f"pool-undefine {self.pool}"])
        shutil.rmtree(self.folder)
        shutil.rmtree(self.state)


def virsh_undefines(host, disks):
    run = host.virsh(*[f"undefine {name} {ALL}" for name in disks])
    must("virsh has undefined them", not host.domains().intersection(disks))
    must("virsh has deleted the disks", not any(map(os.path.exists, disks.values())))
    return run


def one(host, runs):
    row = Row("one domain, one pool disk, whole process", VIRSH, 1.5)
    back = Row("rollback of it", "our undefine", 1.5)
    scene = Scene(host, "one", 1, 1)
    for attempt in range(runs(21)):
        reference = virsh_undefines(host, scene.disks)
        scene.again(scene.disks)
        known = len(listed(host, scene.state)) if attempt else 0
        ours = host.retire(scene.state, *undefine(scene.disks))
        ids = must_be_retired(host, scene.state, scene.disks, known)
        undone = host.retire(scene.state, "rollback", *ids, "--yes")
        must_be_back(host, scene.disks, scene.content)
        # The first one of each makes files and folders that the others find.
        if attempt:
            row.reference.append(reference.seconds)
            row.took(ours)
            back.reference.append(ours.seconds)
            back.took(undone)
    scene.close()
    return [row, back]


def many(host, runs):
    batch = Row("200 domains in one command, 2,000 volumes", VIRSH, 1.0)
    back = Row("rollback of the 200", "our undefine", 1.5)
    apart = Row("50 processes in that pool, all of them", VIRSH, 1.5)
    scene = Scene(host, "many", 200, 2000)
    for _ in range(runs(5)):
        batch.reference.append(virsh_undefines(host, scene.disks).seconds)
        scene.again(scene.disks)
        known = len(listed(host, scene.state)) if batch.ours else 0
        ours = host.retire(scene.state, *undefine(scene.disks))
        ids = must_be_retired(host, scene.state, scene.disks, known)
        undone = host.retire(scene.state, "rollback", *ids, "--yes")
        must_be_back(host, scene.disks, scene.content)
        batch.took(ours)
        back.reference.append(ours.seconds)
        back.took(undone)
    some = dict(list(scene.disks.items())[:50])
    for _ in range(runs(5)):
        apart.reference.append(sum(virsh_undefines(host, {it: some[it]}).seconds for it in some))
        scene.again(some)
        known = len(listed(host, scene.state))
        each = [host.retire(scene.state, *undefine([name])) for name in some]
        ids = must_be_retired(host, scene.state, some, known)
        apart.ours.append(sum(run.seconds for run in each))
        apart.peaks.extend(run.peak for run in each)
        host.retire(scene.state, "rollback", *ids, "--yes")
        must_be_back(host, some, scene.content)
    scene.close()
    return [batch, back, apart]


def large(host, runs):
    reading = "virsh reading all XML"
    first = Row("plan on 1,000 domains, 5,000 volumes, nothing remembered", reading, 0.5)
    plan = Row("plan there again", reading, 0.5)
    row = Row("undefine there", reading, 0.6)
    scene = Scene(host, "large", 1000, 5000)
    [(name, path)] = list(scene.disks.items())[:1]
    some = {name: path}
    # What is read is remembered beside a journal alone: a plan in an empty folder leaves it empty.
    host.retire(scene.state, *undefine(some))
    host.retire(scene.state, "rollback", "last", "--yes")
    must_be_back(host, some, scene.content)
    for attempt in range(runs(9)):
        read = host.virsh("dumpxml " + "; dumpxml ".join(scene.disks))
        must("virsh has read them all", read.stdout.count("</domain>") == len(scene.disks))
        os.remove(os.path.join(scene.state, "survey"))
        for measured in first, plan:
            measured.reference.append(read.seconds)
            run = host.retire(scene.state, "--output", "json", "plan", name, ALL)
            [shown] = json.loads(run.stdout)["plans"]
            must("the plan removes the disk", shown["disks"][0]["fate"] == "quarantine")
            must("the plan is executable", shown["executable"])
            measured.took(run)
        known = len(listed(host, scene.state))
        ours = host.retire(scene.state, *undefine(some))
        ids = must_be_retired(host, scene.state, some, known)
        row.reference.append(read.seconds)
        row.took(ours)
        host.retire(scene.state, "rollback", *ids, "--yes")
        must_be_back(host, some, scene.content)
    scene.close()
    return [first, plan, row]


def size(host, runs):
    """On an XFS of its own, where 64 GiB are allocated in no time and on no disk."""
    row = Row("a disk of 64 GiB allocated", "of 1 GiB", 1.0)
    row.tolerance = 0.1
    medium, folder = os.path.join(host.scratch, "medium"), "/var/lib/libvirt/size"
    os.makedirs(folder)
    with open(medium, "wb") as file:
        file.truncate(100 << 30)
    subprocess.run(["mkfs.xfs", "-q", medium], check=True)
    subprocess.run(["mount", "-o", "loop", medium, folder], check=True)
    state = os.path.join(folder, "state")
    os.mkdir(state, 0o700)
    host.pool("size", os.path.join(folder, "pool"))
    disks = {f"size-{gib}": os.path.join(folder, "pool", f"{gib}.raw") for gib in (1, 64)}
    for (name, path), gib in zip(disks.items(), (1, 64)):
        subprocess.run(["fallocate", "--length", f"{gib}G", path], check=True)
    host.script(["pool-refresh size"])
    host.define(disks, "raw")
    for attempt in range(runs(15)):
        for (name, path), times in zip(disks.items(), (row.reference, row.ours)):
            allocated = os.stat(path).st_blocks
            known = len(listed(host, state)) if os.listdir(state) else 0
            run = host.retire(state, *undefine([name]))
            ids = must_be_retired(host, state, {name: path}, known)
            host.retire(state, "rollback", *ids, "--yes")
            must("it is allocated as it was", os.stat(path).st_blocks == allocated)
            if attempt:
                times.append(run.seconds)
                row.peaks.append(run.peak)
    host.script([f"undefine {name}" for name in disks])
    host.script(["pool-destroy size", "pool-undefine size"])
    subprocess.run(["umount", folder], check=True)
    os.remove(medium)
    return [row]


def history(host, runs):
    """The same with ten closed transactions in the journal, with a thousand and with 100,000."""
    few, sizes = 10, (1_000, 100_000)
    states = {}
    rows = []
    taken = Row("import of 100,000 closed transactions, for each of them", "for each of 1,000", 1.3)
    taken.peak_goal = 60 * MEGABYTE
    checked = Row("verify of the 100,000, for each of them", "for each of 1,000", 1.3)
    checked.peak_goal = 60 * MEGABYTE
    for count in (few, *sizes):
        states[count] = host.state(f"history-{count}")
        lines = os.path.join(host.scratch, "lines")
        with open(lines, "w", encoding="utf-8") as file:
            subprocess.run([host.generator, str(count)], stdout=file, check=True)
        run = host.retire(states[count], "journal", "import", lines, "--yes")
        os.remove(lines)
        check = host.retire(states[count], "verify")
        run.seconds /= count
        check.seconds /= count
        if count == sizes[0]:
            taken.reference.append(run.seconds)
            checked.reference.append(check.seconds)
        if count == sizes[1]:
            taken.took(run)
            checked.took(check)
    rows.extend([taken, checked])
    scene = Scene(host, "history", 1, 1)
    for count in sizes:
        against = f"with {few}"
        measured = {}
        verbs = "list --limit 10", "undefine", "recover", "purge --expired -n", "rollback"
        for verb in verbs:
            row = Row(f"{verb} with {count:,} transactions", against, 1.3)
            row.peak_goal = 60 * MEGABYTE
            measured[verb] = row
        rows.extend(measured.values())
        for attempt in range(runs(15)):
            for known in few, count:
                state = states[known]
                took = {
                    "list --limit 10": host.retire(state, "--output", "json", "list", "--limit", "10"),
                    "undefine": host.retire(state, *undefine(scene.disks)),
                    "recover": host.retire(state, "--output", "json", "recover", "--yes"),
                }
                shown = json.loads(took["list --limit 10"].stdout)["transactions"]
                must("ten are listed", len(shown) == 10)
                took["purge --expired -n"] = host.retire(state, "purge", "--expired", "-n")
                must("the domain is gone", not host.domains().intersection(scene.disks))
                must("nothing was open", not json.loads(took["recover"].stdout)["transactions"])
                took["rollback"] = host.retire(state, "rollback", "last", "--yes")
                must_be_back(host, scene.disks, scene.content)
                if not attempt:
                    continue
                for verb, run in took.items():
                    if known == few:
                        measured[verb].reference.append(run.seconds)
                    else:
                        measured[verb].took(run)
    scene.close()
    for state in states.values():
        shutil.rmtree(state)
    return rows


SCENES = {"one": one, "many": many, "large": large, "size": size, "history": history}
