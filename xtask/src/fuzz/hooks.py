"""Hooks of schemathesis: tokens for the requests, and a check of JSON lines."""

import itertools
import json
import os

import jsonschema_rs
import schemathesis

# The limits of diagnoses, probes and test mails are per account, so the accounts take turns.
TOKENS = itertools.cycle(os.environ["POSTERN_TOKENS"].split() or [None])
ACCEPTED = itertools.cycle(["application/json", "application/json", "*/*"])
LINES = "application/x-ndjson"

# Random preconditions refuse almost every request, so half of the requests are sent without.
UNCONDITIONAL = itertools.cycle([True, False])
PRECONDITIONS = ["Idempotency-Key", "If-Match"]
RECIPIENTS = itertools.cycle(json.loads(os.environ["POSTERN_RECIPIENTS"]))


@schemathesis.hook
def before_call(context, case, kwargs):
    token = next(TOKENS)
    if token:
        case.headers["Authorization"] = f"Bearer {token}"
    case.headers["Accept"] = next(ACCEPTED)
    if case.operation.path.endswith("/policy/networks") and isinstance(case.body, dict):
        # Networks without the address of the fuzzer would refuse every request after this one.
        case.body.pop("confirm_lockout", None)
    if next(UNCONDITIONAL):
        for name in PRECONDITIONS:
            case.headers.pop(name, None)
        if isinstance(case.body, dict):
            case.body.pop("revision", None)
            if case.operation.path.endswith("/send-email"):
                case.body["to"] = next(RECIPIENTS)


@schemathesis.check
def json_lines_conformance(ctx, response, case):
    """Every line of a stream matches the schema of its media type."""
    if response.headers.get("content-type", [""])[0] != LINES:
        return
    document = case.operation.schema.raw_schema
    operation = document["paths"][case.operation.path][case.operation.method.lower()]
    content = operation["responses"][str(response.status_code)]["content"]
    schema = {**content[LINES]["schema"], "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema)
    for line in response.content.splitlines():
        fault = next(validator.iter_errors(json.loads(line)), None)
        if fault is not None:
            raise AssertionError(f"{fault.message} in {line.decode()}")
