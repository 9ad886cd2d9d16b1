#!/usr/bin/env python3
"""Holds documents and sources together; prints what is missing.

    documents.py AGENTBOX      in the root of the tree
"""
import glob
import json
import os
import re
import subprocess
import sys

missing = []


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def need(text, word, where, what):
    if word not in text:
        missing.append(f"{where}: {what} {word} is missing")


def man(name):
    """A man page without its escapes, as one line of words."""
    text = read("docs/man/" + name)
    return text.replace("\\(dq", '"').replace("\\&", "")


def words(text):
    return set(re.findall(r"[\w.-]+", text))


def macro_words(page, macro):
    """What stands behind a macro, on all lines that have it."""
    found = set()
    for line in re.findall(r"(?:^\.|\s)" + macro + r" ([^\n]*)", page, re.M):
        found |= set(line.split())
    return found


def schema_keys(o, found):
    for name, value in o.get("properties", {}).items():
        found.add(name)
        schema_keys(value, found)
    return found


def check_profile_page():
    page = man("agentbox-profile.5")
    known = words(page)
    keys = schema_keys(json.loads(read(
        "profiles/schema/profile.schema.json")), set())
    for key in sorted(keys):
        if key not in known:
            missing.append(f"agentbox-profile.5: key {key} is missing")
    for path in re.findall(r'\{ "([~/][^"]+)", (?:WS|0),',
                           read("profiles/paths.c")):
        need(page, path, "agentbox-profile.5", "never-inside path")
    named = macro_words(page, "Cm")
    for f in (glob.glob("profiles/sets/*.set") + glob.glob("profiles/*.json")
              + glob.glob("profiles/groups/*.json")):
        name = os.path.basename(f).rsplit(".", 1)[0]
        if name not in named:
            missing.append(f"agentbox-profile.5: {f} is missing")
    for f in glob.glob("profiles/sets/*.paths"):
        need(page, "@" + os.path.basename(f)[:-6], "agentbox-profile.5",
             "path group")


def attributes():
    """Rows of policy/attrs.h as the page has them: pointer, kind, surfaces,
    text."""
    text = read("policy/attrs.h").replace("\\\n", " ")
    rows = re.findall(r'\bATTR\(\w+, "([^"]+)",\s*(\w+),\s*'
                      r'((?:ON\(\w+\)[\s|]*)+|ON_ALL),\s*'
                      r'((?:"[^"]*"\s*)+)\)', text)
    for pointer, kind, on, words_ in rows:
        on = re.findall(r"ON\((\w+)\)", on)
        yield (pointer, kind.lower(), ", ".join(on).lower() or "all",
               "".join(re.findall(r'"([^"]*)"', words_)))


def check_attributes():
    page = man("agentbox-profile.5")
    table = page[page.index(".Sh INPUT DOCUMENT"):page.index(".Sh SEMANTICS")]
    there = re.findall(r"^\.It Pa (/\S+) Pq (\w+) ; ([\w, ]+)\n(.*)$", table,
                       re.M)
    wanted = list(attributes())
    if len(wanted) < 40:
        missing.append("policy/attrs.h: its table was not understood")
    for row in wanted:
        if row not in there:
            missing.append("agentbox-profile.5: no such row in the table of "
                           f"attributes: {row}")
    for row in there:
        if row not in wanted:
            missing.append(f"policy/attrs.h: no such attribute: {row}")


def enum_names(path, prefix):
    names = re.findall(r"^\t" + prefix + r"_(\w+),", read(path), re.M)
    return [n.lower() for n in names if n != "MAX"]


def check_words_of_policy():
    """Operators, reasons, effects and classes by name."""
    page = macro_words(man("agentbox-profile.5"), "Cm")
    for path, prefix, least in (("policy/policy.h", "OP", 25),
                                ("policy/decide.h", "REASON", 12),
                                ("policy/attrs.h", "CLASS", 7)):
        names = enum_names(path, prefix)
        if len(names) < least:
            missing.append(f"{path}: {prefix}_* were not understood")
        for name in names:
            if name not in page:
                missing.append(f"agentbox-profile.5: {prefix} {name} is "
                               "missing")


def check_layers():
    page = words(man("agentbox.1"))
    for name in re.findall(r'^\s+LAYER\(\w+, "([^"]+)"',
                           read("sandbox/layers.h"), re.M):
        if name not in page:
            missing.append(f"agentbox.1: layer {name} is missing")


def check_options(agentbox):
    pages = {"run": "agentbox-run.1", "doctor": "agentbox-doctor.1",
             "profile": "agentbox-profile.1",
             "audit": "agentbox-audit.1", "decide": "agentbox-decide.1",
             "why": "agentbox-why.1", "trace": "agentbox-trace.1"}
    listed = subprocess.run([agentbox, "help"], capture_output=True,
                            text=True).stdout
    commands = re.findall(r"^  (\w+) ", listed, re.M)
    if len(commands) < 8:
        missing.append("agentbox help lists too few commands")
    for c in commands:
        need(man("agentbox.1"), ".It Cm " + c, "agentbox.1", "command")
        if c in ("help", "version"):
            continue
        text = subprocess.run([agentbox, c, "--help"], capture_output=True,
                              text=True).stdout
        page = pages.get(c, "agentbox-ps.1")
        for o in set(re.findall(r"--([a-z][a-z-]+)", text)):
            need(man(page), "Fl -" + o, page, f"option of {c}")


def record_rows(macro):
    """Rows of a table in audit/record.h: number, name, words, text."""
    text = read("audit/record.h").replace("\\\n", " ")
    for m in re.finditer(r"\b" + macro + r"\(\w+, (\d+), \"([^\"]+)\",\s*"
                         r'((?:\w+,\s*)+)((?:"[^"]*"\s*)+)\)', text):
        kinds = [w.lower() for w in re.findall(r"\w+", m[3])]
        yield " | ".join([m[1], f"`{m[2]}`"] + kinds +
                         ["".join(re.findall(r'"([^"]*)"', m[4]))])


def check_audit_tables():
    """docs/AUDIT.md has the types and fields of records, and no others."""
    text = read("docs/AUDIT.md")
    for macro, title, least in (("RECORD", "### Types", 15),
                                ("FIELD", "### Fields", 100)):
        table = text[text.index(title):]
        table = table[:table.index("\n\n", table.index("|---"))]
        there = re.findall(r"^\| (\d+ \| .*) \|$", table, re.M)
        wanted = list(record_rows(macro))
        if len(wanted) < least:
            missing.append(f"audit/record.h: {macro} was not understood")
        for row in wanted:
            if row not in there:
                missing.append(f"docs/AUDIT.md: {title}: no row {row}")
        for row in there:
            if row not in wanted:
                missing.append(f"audit/record.h: no {macro} of {row}")


def check_audit_commands(agentbox):
    """Each command of `agentbox audit` and its options are in the page."""
    listed = subprocess.run([agentbox, "audit", "--help"],
                            capture_output=True, text=True).stdout
    commands = re.findall(r"^  (\w+) ", listed, re.M)
    page = man("agentbox-audit.1")
    if len(commands) < 10:
        missing.append("agentbox audit --help lists too few commands")
    for c in commands:
        need(page, ".It Cm " + c, "agentbox-audit.1", "command")
        text = subprocess.run([agentbox, "audit", c, "--help"],
                              capture_output=True, text=True).stdout
        for o in set(re.findall(r"--([a-z][a-z-]+)", text)):
            need(page, "Fl -" + o, "agentbox-audit.1", f"option of {c}")


def check_paths():
    """Files and probes that the documents name."""
    probes = set(re.findall(r"^\| ([\w-]+) \|",
                            read("tests/escape/README.md"), re.M))
    probes.add("race-workspace")
    security = read("docs/SECURITY.md")
    for group in re.findall(r"probes?\s((?:`[\w*-]+`[,\s]*)+)", security):
        for p in re.findall(r"`([\w*-]+)`", group):
            pattern = re.compile("^" + p.replace("*", ".*") + "$")
            if not any(pattern.match(x) for x in probes):
                missing.append(f"docs/SECURITY.md: no probe {p}")
    documents = ["README.md", "CHANGELOG.md"] + glob.glob("docs/*.md")
    for doc in documents:
        text = read(doc)
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            if not os.path.exists(os.path.join(os.path.dirname(doc), link)):
                missing.append(f"{doc}: link to {link} leads nowhere")
        for f in re.findall(
                r"(?<![\w/.])((?:tests|policy|sandbox|profiles|supervisor|lib|packaging"
                r"|net|shim|audit|query)"
                r"/[\w/*.-]*[\w*])", text):
            if "X" in f:
                continue
            if not glob.glob(f) and not glob.glob(f + "*"):
                missing.append(f"{doc}: {f} is not there")


check_profile_page()
check_attributes()
check_words_of_policy()
check_layers()
check_options(sys.argv[1])
check_audit_tables()
check_audit_commands(sys.argv[1])
check_paths()
print("\n".join(missing))
sys.exit(1 if missing else 0)
