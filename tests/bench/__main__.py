"""How fast, against virsh on the same libvirt in the same run; and that it did what it has to.

    tests/private-libvirt python3 -B tests/bench PROGRAM GENERATOR [options]

PROGRAM is virt-retire, GENERATOR the example `journal_lines`; `make bench` builds both for release.
Prints a table, beside it the last result that was committed (tests/bench/last.json), and writes the
same as JSON. Ends with 1 if a command did not do what it has to; a goal that is missed is told.
"""

import argparse
import json
import os
import subprocess
import sys
import time

from host import Host, Wrong
from report import table
from rows import SCENES

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("program")
    parser.add_argument("generator")
    parser.add_argument("--only", help="scenes, with commas: " + ",".join(SCENES))
    parser.add_argument("--quick", action="store_true", help="a third of the runs")
    parser.add_argument("--json", help="where to write the result as JSON")
    return parser.parse_args()


def about():
    def said(*words):
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()

    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": said("git", "-C", HERE, "describe", "--always", "--dirty"),
        "kernel": os.uname().release,
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "libvirt": said("virsh", "version", "--daemon").splitlines()[-1:],
    }


def main():
    options = arguments()
    # Nothing of the host's own may be measured, let alone retired.
    if not os.path.isdir("/var/lib/virt-retire") or "LIBVIRT_DEFAULT_URI" not in os.environ:
        sys.exit("bench: run it by `make bench`, not on this host's own libvirt")
    os.umask(0o022)
    scenes = options.only.split(",") if options.only else list(SCENES)
    report = {"about": about(), "rows": []}
    try:
        with open(os.path.join(HERE, "last.json"), encoding="utf-8") as file:
            last = json.load(file)
    except FileNotFoundError:
        last = {"rows": []}

    def runs(number):
        return max(3, number // 3) if options.quick else number

    host = Host(options.program, options.generator)
    rows, wrong = [], None
    try:
        for scene in scenes:
            began = time.monotonic()
            rows += SCENES[scene](host, runs)
            print(f"{scene}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    except Wrong as error:
        wrong = error
    host.close()
    print(table(rows, last["rows"]))
    if missed := sum(not row.is_met for row in rows):
        print(f"\n{missed} of {len(rows)} rows miss their goal.")
    report["rows"] = [row.json() for row in rows]
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
    if wrong:
        sys.exit(f"bench: WRONG: {wrong}")


if __name__ == "__main__":
    main()
