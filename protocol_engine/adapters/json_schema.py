"""JSON Schemas (draft 2020-12) of protocol files and of events, from the model that the parser reads.

The keys come from :func:`protocol_engine.codec.keys_of` and the forms of values from the types of the fields, so a
schema and the parser know the same constructs. A schema cannot say everything: days of the calendar, the order of two
dates or doses, and names that must be declared elsewhere are for the parser and the checks alone. An editor that turns
``yes`` into ``true`` cannot tell the two apart, so the schema takes both where the parser takes ``yes`` alone.

``python -m protocol_engine.adapters.json_schema docs/schema`` writes the files anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from protocol_engine.adapters.schema_forms import Schema, WireForms, WrittenForms
from protocol_engine.model.claims import Assumption
from protocol_engine.model.protocol import Protocol
from protocol_engine.reader import FRAGMENTS_KEY

DIALECT = "https://json-schema.org/draft/2020-12/schema"

EXAMPLES: tuple[Schema, ...] = (
    {"id": "e1", "kind": "consent", "effective": "2026-01-02"},
    {"id": "e2", "kind": "eligibility", "effective": "2026-01-03", "met": True},
    {"id": "e3", "kind": "allocation", "effective": "2026-01-04", "arm": "adaptive"},
    {
        "id": "e4",
        "kind": "observation",
        "effective": "2026-01-04",
        "issued": "2026-01-09T14:30:00+01:00",
        "fact": "ctdna",
        "timepoint": "baseline",
        "value": "positive",
        "components": {"mutated_genes": ["PIK3CA"]},
    },
    {"id": "e5", "kind": "observation", "effective": "2026-01-05", "fact": "weight", "value": "62.5", "unit": "kg"},
    {"id": "e6", "kind": "choice", "effective": "2026-04-01", "choice": "after_c4_switch", "option": "ac_h"},
    {"id": "e7", "kind": "procedure", "effective": "2026-06-10", "procedure": "surgery"},
    {
        "id": "e8",
        "kind": "administration",
        "effective": "2026-01-05",
        "regimen": "sg",
        "cycle": 1,
        "day": 1,
        "given": [{"drug": "sg", "dose": "10", "unit": "mg/kg", "route": "IV"}],
    },
    {
        "id": "e9",
        "kind": "omission",
        "effective": "2026-01-12",
        "regimen": "sg",
        "cycle": 1,
        "day": 8,
        "reason": "neutropenia",
    },
    {"id": "e10", "kind": "other_treatment", "effective": "2026-02-01", "drugs": ["denosumab"]},
    {
        "id": "e11",
        "kind": "adverse_event",
        "effective": "2026-01-11",
        "term": "neutropenia",
        "grade": 4,
        "unacceptable": False,
        "drug": "sg",
    },
    {
        "id": "e12",
        "kind": "discontinuation",
        "effective": "2026-05-02",
        "scope": "treatment",
        "reason": "wish of the patient",
    },
    {"id": "e13", "kind": "withdrawal", "effective": "2026-05-03", "scope": "treatment"},
    {"id": "e14", "kind": "study_closure", "effective": "2027-12-31"},
    {"id": "e15", "kind": "death", "effective": "2027-03-04"},
    {"id": "e19", "kind": "new_therapy", "effective": "2026-08-01", "therapy": "capecitabine"},
    {"id": "e20", "kind": "contact", "effective": "2026-11-05"},
    {"id": "e21", "kind": "lost_to_follow_up", "effective": "2027-02-01"},
    {
        "id": "e16",
        "kind": "correction",
        "effective": "2026-02-20",
        "corrects": "e4",
        "event": {
            "kind": "observation",
            "effective": "2026-01-04",
            "fact": "ctdna",
            "timepoint": "baseline",
            "value": "negative",
        },
        "reason": "the tubes were swapped",
    },
    {
        "id": "e17",
        "kind": "retraction",
        "effective": "2026-02-21",
        "retracts": "e11",
        "reason": "entered for another patient",
    },
    {
        "id": "e18",
        "kind": "attestation",
        "effective": "2026-01-03",
        "criterion": "E17",
        "met": False,
        "by": "investigator",
    },
    {"id": "e19", "kind": "amendment", "effective": "2026-03-01", "version": "2"},
    {
        "id": "e20",
        "kind": "unblinding",
        "effective": "2026-04-02",
        "to": "investigator",
        "by": "trial office",
        "reason": "the antidote depends on the drug",
    },
)
"""Events of every kind, as they are written."""


def protocol_schema() -> Schema:
    """The schema of a protocol file, for editors."""
    in_file, in_fragment, settled = WrittenForms(), WrittenForms(in_fragment=True), WrittenForms(settled=True)
    whole = in_file.construct(Protocol)
    whole["properties"]["assumptions"] = settled.plain(dict[str, Assumption])  # readings are selected from them
    items = {"anyOf": [in_fragment.fragment_item(kind, in_file.listed) for kind in in_file.listed]}
    whole["properties"][FRAGMENTS_KEY] = {
        "description": "Steps, or items of any other list, that stand wherever `use` names them.",
        "type": "object",
        "additionalProperties": {"type": "array", "items": items},
    }
    defs = {**in_file.defs, **in_fragment.defs, **settled.defs}
    del defs["value.Assumption"], defs["value.Assumption_by_name"]
    return _document("protocol", "A study protocol", whole, defs)


def event_schema() -> Schema:
    """The schema of one event. Under ``#/$defs/without_id`` it is that of an action which is only asked about."""
    forms = WireForms(EXAMPLES)
    whole = forms.any_kind(with_id=True)
    return _document("event", "One event of a patient's course, as one line of JSON", whole, forms.defs)


def schema_files() -> dict[str, str]:
    """The text of each schema file, by its name."""
    schemas = {"protocol.schema.json": protocol_schema(), "event.schema.json": event_schema()}
    return {name: json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for name, schema in schemas.items()}


def write_schemas(folder: Path) -> None:
    """Write the schema files into the folder."""
    for name, text in schema_files().items():
        (folder / name).write_text(text, encoding="utf-8")


def _document(name: str, title: str, whole: Schema, defs: dict[str, Schema]) -> Schema:
    head = {"$schema": DIALECT, "$id": f"urn:protocol-engine:{name}", "title": title}
    return {**head, **whole, "$defs": dict(sorted(defs.items()))}


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
