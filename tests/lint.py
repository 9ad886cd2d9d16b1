#!/usr/bin/env python3
"""Checks of the source text that no tool at hand makes.

    tests/lint.py layers|calls|sizes|words FILE...

Prints FILE:LINE: what; exit status 1 if anything was found. Warnings begin
with "warning:" and do not count.
"""
import os
import re
import sys

# Who may include whom (docs/ARCHITECTURE.md). A folder's own headers are
# always allowed; None stands for everything of that folder.
LAYERS = {
    "lib": {},
    "policy": {"lib": None},
    "sandbox": {"lib": None},
    "profiles": {"lib": None, "policy": None, "sandbox": {
        "plan.h", "layers.h", "cgroup.h", "seccomp.h", "landlock.h"}},
    "audit": {"lib": None, "sandbox": {"plan.h", "landlock.h", "caps.h",
                                             "jail.h"},
              "profiles": {"jsonc.h"}},
    "net": {"lib": None, "policy": {"pattern.h"},
            "profiles": {"jsonc.h", "json_read.h"}},
    "shim": {"lib": None, "net": None,
             "sandbox": {"jail.h", "caps.h", "landlock.h"}},
    "supervisor": {"lib": None, "policy": None, "sandbox": None,
                   "profiles": None, "audit": None, "net": None,
                   "shim": {"reasons.h"}},
    "query": {"lib": None, "policy": None, "profiles": None, "audit": None,
              "net": {"reasons.h"}, "shim": {"reasons.h"}},
}

# Which library headers a folder may use.
LIBRARIES = {
    r"jansson\.h": {"profiles", "supervisor", "audit", "query", "net"},
    r"seccomp\.h": {"sandbox", "audit", "shim"},
    r"openssl/.*": {"audit", "shim"},
    r"ares\.h": {"net"},
    r"sqlite3\.h": {"query"},
    r"pcre2\.h": {"policy"},
    r"sha2\.h": {"policy", "audit"},
    r"sys/capability\.h": {"sandbox"},
    r"netlink/.*": {"sandbox"},
    r"event2/.*": {"supervisor", "net", "shim"},
    r"systemd/.*": {"supervisor"},
}

BANNED = {
    "strcpy": "snprintf or memcpy", "strcat": "snprintf",
    "stpcpy": "snprintf", "strncpy": "snprintf or memcpy",
    "strncat": "snprintf", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "strtok": "strcspn", "strtok_r": "strcspn",
    "gets": "fd_read_all", "atoi": "str_to_u64", "atol": "str_to_u64",
    "atoll": "str_to_u64", "atof": "str_to_u64", "scanf": "str_to_u64",
    "sscanf": "str_to_u64", "fscanf": "str_to_u64",
    "system": "an exec of one's own", "popen": "an exec of one's own",
    "tmpnam": "mkdtemp", "tempnam": "mkdtemp", "mktemp": "mkdtemp",
    "alloca": "a fixed buffer or malloc", "strdupa": "strdup",
    "rand": "getrandom", "srand": "getrandom", "random": "getrandom",
    "setjmp": "a return value", "longjmp": "a return value",
    "dup": "fcntl(F_DUPFD_CLOEXEC)", "pipe": "pipe2", "creat": "openat",
    "asctime": "strftime", "ctime": "strftime", "gmtime": "gmtime_r",
    "localtime": "localtime_r", "readdir_r": "readdir",
    "pthread_create": "a process", "getwd": "getcwd", "usleep": "nanosleep",
}

FUNCTION_MAX = 100
FILE_WARN, FILE_MAX = 600, 800


def strip(text):
    """Comments and string contents become blanks; lines stay."""
    def blank(m):
        s = m.group(0)
        if s[0] == '"' or s[0] == "'":
            return s[0] + " " * (len(s) - 2) + s[0]
        return re.sub(r"[^\n]", " ", s)
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                  r"'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def check_include(folder, inc, system):
    if system:
        for pattern, users in LIBRARIES.items():
            if re.fullmatch(pattern, inc) and folder not in users:
                return f"{folder}/ may not use <{inc}>"
        return None
    top, _, name = inc.partition("/")
    if not name:
        return f'"{inc}": say the folder'
    if top == folder:
        return None
    allowed = LAYERS[folder].get(top, set())
    if allowed is not None and name not in allowed:
        return f'{folder}/ may not include "{inc}"'
    return None


def layers(path):
    folder = path.split("/")[0]
    for n, line in enumerate(read(path).splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not m:
            continue
        said = check_include(folder, m.group(2), m.group(1) == "<")
        if said:
            yield n, said


def calls(path):
    is_main = path.endswith("main.c")
    for n, line in enumerate(strip(read(path)).splitlines(), 1):
        for m in re.finditer(r"(?<![\w.>])(\w+)\s*\(", line):
            name = m.group(1)
            if name in BANNED:
                yield n, f"{name}(): use {BANNED[name]}"
            if name == "exit" and not is_main:
                yield n, "exit() outside main.c"
        if re.search(r"#\s*define\s+_GNU_SOURCE", line):
            yield n, "_GNU_SOURCE comes from the Makefile"
        if re.search(r"\b__(DATE|TIME|TIMESTAMP)__\b", line):
            yield n, "makes the build unreproducible"


def sizes(path):
    lines = strip(read(path)).splitlines()
    if len(lines) > FILE_MAX:
        yield len(lines), f"the file has more than {FILE_MAX} lines"
    elif len(lines) > FILE_WARN:
        yield len(lines), f"warning: the file has more than {FILE_WARN} lines"
    start = None
    for n, line in enumerate(lines, 1):
        # a function's brace stands alone; a table's does not
        if line.rstrip() == "{":
            start = n
        elif line.rstrip() == "}" and start:
            if n - start - 1 > FUNCTION_MAX:
                yield start, f"a function of {n - start - 1} lines"
            start = None
        if len(line.expandtabs(8)) > 100:
            yield n, "more than 100 columns"


def words(path):
    if path in ("LICENSE", "tests/lint.py"):
        return
    pattern = r"\b(TODO|FIXME|XXX|HACK)\b"
    try:
        text = open(path, encoding="utf-8").read()
    except UnicodeDecodeError:
        return  # a corpus file
    if path.startswith("tests/fuzz/corpus/"):
        return
    for n, line in enumerate(text.splitlines(), 1):
        m = re.search(pattern, line)
        if m:
            yield n, f"{m.group(1)}: do it, or write an issue"
        if re.search(r"[ \t]$", line) and not path.endswith(".md"):
            yield n, "blanks at the end"
    if text and not text.endswith("\n"):
        yield len(text.splitlines()), "no newline at the end"


def main():
    check = {"layers": layers, "calls": calls, "sizes": sizes,
             "words": words}[sys.argv[1]]
    bad = False
    for path in sys.argv[2:]:
        if os.path.islink(path):
            continue
        for n, said in check(path):
            print(f"{path}:{n}: {said}")
            bad = bad or not said.startswith("warning:")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
