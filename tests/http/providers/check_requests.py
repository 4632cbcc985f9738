#!/usr/bin/env python3
"""Holds the requests of the cases to what the providers document.

    tests/http/providers/check_requests.py [folder with slack.json, intercom.json …]

`requests` holds what the hub may use of it, in OpenAPI's form and told by hand; another folder may hold a
provider's whole description. Needs the Python package jsonschema."""
import json
import pathlib
import re
import sys
import urllib.parse

import jsonschema

# What stands before the paths of a description in the addresses we call.
PREFIXES = {"slack": "https://slack.com", "whatsapp": "https://graph.facebook.com",
            "notion": "https://api.notion.com", "openai": "https://api.openai.com"}


def path_of(provider, url):
    parts = urllib.parse.urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    return (url[len(PREFIXES[provider]):] if base == PREFIXES.get(provider) else parts.path).split("?")[0]


def faults(root, provider, request):
    url = urllib.parse.urlsplit(request["url"])
    path = path_of(provider, request["url"])
    for pattern, item in root["paths"].items():
        found = re.fullmatch(re.sub(r"\\\{([^}]+)\\\}", "([^/]+)", re.escape(pattern)), path)
        if found and request["method"].lower() in item:
            break
    else:
        yield f"no operation {request['method']} {path}"
        return
    operation = item[request["method"].lower()]

    def check(schema, value, where):
        whole = {**{name: value for name, value in root.items() if name != "paths"}, **schema}
        for error in jsonschema.Draft202012Validator(whole).iter_errors(value):
            yield f"{where}{error.json_path[1:]}: {error.message[:200]}"

    def typed(schema, text):
        kind = schema.get("type")
        if kind in ("integer", "number") and re.fullmatch(r"\d+", text):
            return int(text)
        return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text

    given = {"query": dict(urllib.parse.parse_qsl(url.query)),
             "header": {k.lower(): v for k, v in request["headers"].items()},
             "path": dict(zip(re.findall(r"\{([^}]+)\}", pattern), found.groups()))}
    known = set()
    for parameter in item.get("parameters", []) + operation.get("parameters", []):
        if "$ref" in parameter:
            at = root
            for step in parameter["$ref"][2:].split("/"):
                at = at[step]
            parameter = at
        place, name = parameter["in"], parameter["name"]
        key = name.lower() if place == "header" else name
        known.add((place, key))
        if key in given[place]:
            yield from check(parameter["schema"], typed(parameter["schema"], given[place][key]), name)
        elif parameter.get("required"):
            yield f"the {place} lacks {name}"
    yield from (f"unknown query parameter {name}" for name in given["query"] if ("query", name) not in known)

    body = operation.get("requestBody", {})
    if "body" in request:
        content = body.get("content", {}).get("application/json")
        yield from (["the operation takes no JSON"] if content is None else check(content["schema"], request["body"], "body"))
    elif body.get("required"):
        yield "the body is missing"


folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "requests")
checked = bad = 0
for file in sorted((pathlib.Path(__file__).parent / "cases").rglob("*.json")):
    case = json.loads(file.read_text(encoding="utf-8"))
    if "url" not in case["expect"] or "method" not in case["expect"]:
        continue
    provider = file.parent.name
    root = json.loads((folder / f"{provider}.json").read_text(encoding="utf-8"))
    checked += 1
    for fault in faults(root, provider, case["expect"]):
        bad += 1
        print(f"{file.parent.name}/{file.name}: {fault}")
print(f"{checked} requests checked, {bad} faults")
sys.exit(bool(bad) or checked == 0)
