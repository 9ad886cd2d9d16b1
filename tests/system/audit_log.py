"""audit_log.py FILE count|get FIELD|want [KEY=VALUE...]

Looks at records as `agentbox audit query --json` prints them: how many match,
a field of the last that does, or (want) whether there is one, else status 1
and what there is. VALUE "*" is anything; "~x" contains x; KEY "!x" must not be
there."""
import json
import sys


def matches(record, wanted):
    for w in wanted:
        key, _, value = w.partition("=")
        if key[0] == "!":
            if key[1:] in record:
                return False
            continue
        if key not in record:
            return False
        have = record[key]
        have = have if isinstance(have, str) else json.dumps(have)
        if value == "*":
            continue
        if value[:1] == "~":
            if value[1:] not in have:
                return False
        elif have != value:
            return False
    return True


def main():
    path, what, *rest = sys.argv[1:]
    field = rest.pop(0) if what == "get" else None
    with open(path, encoding="utf-8") as f:
        records = [json.loads(line) for line in f]
    found = [r for r in records if matches(r, rest)]
    if what == "count":
        print(len(found))
    elif what == "get":
        value = found[-1].get(field, "") if found else ""
        print(value if isinstance(value, str) else json.dumps(value))
    elif not found:
        for r in records:
            if not rest or r["type"] == dict(
                    w.partition("=")[::2] for w in rest).get("type"):
                print({k: v for k, v in r.items()
                       if k not in ("hash", "mac", "peaks", "layers")})
        sys.exit(1)


main()
