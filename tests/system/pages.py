#!/usr/bin/env python3
"""Runs the commands of a page and compares what they print.

    pages.py PAGE FOLDER

A block that begins with ```sh is run by bash in FOLDER; the block ```text
right behind it, if there is one, is what it prints, standard error included.
"..." in that text stands for anything within a line or, alone on a line, for
any number of lines. The status is not looked at: what is printed says it.
One line for each block: "ok" or "not ok", a tab, its first command, and what
was different.
"""
import re
import subprocess
import sys

BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\s*^```text\n(.*?)^```\n)?",
                   re.M | re.S)


def pattern(text):
    parts = []
    for line in text.splitlines():
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(r".*?".join(map(re.escape, line.split("..."))) +
                         r"\n")
    return re.compile("".join(parts))


def run(script, folder):
    done = subprocess.run(["bash", "-c", script], cwd=folder, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.stdout


def main(page, folder):
    with open(page, encoding="utf-8") as f:
        blocks = BLOCK.findall(f.read())
    if not blocks:
        print("not ok\tblocks\tthere is none")
    for script, wanted in blocks:
        name = script.splitlines()[0][:60]
        got = run(script, folder)
        if got and not got.endswith("\n"):
            got += "\n"
        if pattern(wanted).fullmatch(got):
            print(f"ok\t{name}")
        else:
            shown = (got or "(nothing)").replace("\\", "\\\\")
            print(f"not ok\t{name}\t" + shown.replace("\n", "\\n")
                  .replace("\t", " "))
        sys.stdout.flush()


main(sys.argv[1], sys.argv[2])
