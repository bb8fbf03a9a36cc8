"""The forms of values in JSON Schema (draft 2020-12), found from the types of the model's fields.

``WrittenForms`` are those of a protocol file, as an editor sees it: its YAML parser may have made a boolean of ``yes``
and numbers of ``2`` and ``1.0`` where this package's reader keeps the text. ``WireForms`` are those of events in JSON.
It is long because every type of a field has its form here, and one form holds others.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, Literal, NewType, Union, get_args, get_origin

import attrs

from protocol_engine.codec import STEP_KEYS, VALUE_KEYS, keys_of
from protocol_engine.codec.keys import DERIVED_KEYS, PRESENCE_WORDS
from protocol_engine.codec.structuring import (
    DURATION_PATTERN,
    GRADE_PATTERN,
    LENGTH_PATTERN,
    NAME_PATTERN,
    QUANTITY_PATTERN,
    SHARE_PATTERN,
    SPAN_PATTERN,
)
from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import AnyOf, Clause, Condition, Elapsed, InSet, Not, OneOf, Range, Test
from protocol_engine.model.doses import BaseDose, Dose, Rung
from protocol_engine.model.events import EVENT_KINDS, EventTime, PatientEvent
from protocol_engine.model.facts import DAY_PATTERN, DECIMAL_PATTERN, MEMBER_PATTERN, Cites, Name, Names
from protocol_engine.model.protocol import Step
from protocol_engine.model.screening import Derived
from protocol_engine.model.units import (
    NOT_STATED_WORD,
    DoseDays,
    Duration,
    Length,
    NotStated,
    PlainDose,
    Quantity,
    Share,
    UcumUnit,
)
from protocol_engine.model.values import Value
from protocol_engine.reader import READING_KEY

Schema = dict[str, Any]
DayOfCycle = NewType("DayOfCycle", int)
Negated = OneOf | Range | InSet | Elapsed | AnyOf
Attributes = dict[str, tuple[str, ...]] | None
TIME_OF_DAY = r"T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
"""What may follow the day of an event: a time with its offset. The parser also takes the rarer forms of ISO 8601."""


class Forms:
    """The forms of one kind of input, each defined once under its name in ``defs``."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}
        self.special: dict[Any, tuple[str, Callable[[], Schema]]] = {}

    def value(self, kind: Any) -> Schema:
        """What may stand as the value of a key."""
        return self.plain(kind)

    def item(self, kind: Any) -> Schema:
        """What may stand as an item of a list."""
        return self.plain(kind)

    def plain(self, kind: Any) -> Schema:
        """The value itself."""
        kind = _bare(kind, self.special)
        if kind in self.special:
            name, form = self.special[kind]
            return self.defined(name, form)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is tuple:
            return {"type": "array", "items": self.item(arguments[0])}
        if origin is dict:
            return self.by_name(self.value(arguments[1]))
        if origin is Literal:
            return {"enum": list(arguments)} if len(arguments) > 1 else {"const": arguments[0]}
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.plain(option) for option in arguments]}
        return self.defined(kind.__name__, lambda: self.construct(kind))

    def construct(self, kind: type) -> Schema:
        """A mapping with the keys of the class, and no others."""
        docstring = kind.__doc__ or ""
        keys = keys_of(kind)
        properties = {key: {**self.value(f.type), **said_of(key, docstring)} for key, f in keys.items()}
        return mapping(plain_words(docstring), properties, [k for k, f in keys.items() if f.default is attrs.NOTHING])

    def by_name(self, item: Schema) -> Schema:
        """A mapping from free names to one form."""
        return {"type": "object", "propertyNames": {"pattern": anchored(NAME_PATTERN)}, "additionalProperties": item}

    def defined(self, name: str, form: Callable[[], Schema]) -> Schema:
        """A reference to a definition, made when it is first asked for; it may refer to itself."""
        if name not in self.defs:
            self.defs[name] = {}
            self.defs[name].update(form())
        return {"$ref": f"#/$defs/{name}"}


class WrittenForms(Forms):
    """The forms of a protocol file, outside its fragments or (``in_fragment``) inside them.

    Three things stand for a value: ``reading_of`` anywhere, ``use`` for an item of a list, and inside a fragment
    ``with`` for what its ``use`` gives. ``settled`` forms know none of them.
    """

    def __init__(self, *, in_fragment: bool = False, settled: bool = False) -> None:
        super().__init__()
        self.in_fragment = in_fragment
        self.settled = settled
        self.listed: list[Any] = []
        self.special = {
            str: ("Text", _text),
            int: ("WholeNumber", lambda: _whole_number(0, r"[0-9]{1,9}")),
            bool: ("YesNo", _yes_no),
            Decimal: ("Decimal", _decimal),
            DayOfCycle: ("DayOfCycle", lambda: _whole_number(1, r"0*[1-9][0-9]*")),
            Cites: ("Claims", lambda: self._one_or_more("Ids of rules, assumptions or silences: one, or a list.")),
            Name: ("Name", _name),
            Names: ("Names", lambda: self._one_or_more("One name, or a list of them.")),
            Quantity: ("Quantity", lambda: matching("A number and its UCUM unit, as `10 mg/kg`.", QUANTITY_PATTERN)),
            Duration: ("Duration", lambda: matching("Days, weeks or months, as `21 days`.", DURATION_PATTERN)),
            Length: ("Length", lambda: matching("Hours, days, weeks or months, as `12 hours`.", LENGTH_PATTERN)),
            NotStated: ("NotStated", lambda: {"description": "The record does not say.", "const": NOT_STATED_WORD}),
            Share: ("Share", _share),
            Dose: ("Dose", lambda: self._any_dose(Dose)),
            BaseDose: ("BaseDose", lambda: self._any_dose(BaseDose)),
            PlainDose: ("PlainDose", lambda: self._any_dose(PlainDose)),
            Rung: ("Rung", lambda: self._any_dose(Rung)),
            DoseDays: ("DoseDays", self._dose_days),
            Step: ("Step", lambda: self._one_of("One step of a course.", STEP_KEYS)),
            Value: ("Value", lambda: self._one_of("What a name stands for.", VALUE_KEYS)),
            Attributes: ("Attributes", self._attributes),
            Derived: ("Derived", lambda: self._one_of("What a criterion reads beside facts.", DERIVED_KEYS)),
            Condition: ("Condition", self._condition),
            Clause: ("Clause", self._clause),
            Test: ("Test", self._test),
            Negated: ("NegatedTest", self._negated),
            Range: ("Range", lambda: {**self.construct(Range), "minProperties": 1}),
            InSet: ("InSet", self._in_set),
            Elapsed: ("Elapsed", self._elapsed),
            AnyOf: ("AnyOf", self._any_of),
        }

    def value(self, kind: Any) -> Schema:
        """A value, or what stands for it."""
        return self._position(kind, "value", [])

    def item(self, kind: Any) -> Schema:
        """An item, or what stands for it."""
        if kind not in self.listed:
            self.listed.append(kind)
        return self._position(kind, "item", [self.defined("Use", self._use)])

    def fragment_item(self, kind: Any, kinds: list[Any]) -> Schema:
        """An item of a fragment, which may be of any of these kinds.

        A clause can have any name as a key, so among other kinds it is told by having none of their keys.
        """
        if kind is not Clause:
            return self.item(kind)
        keys = {key for other in kinds if isinstance(other, type) and issubclass(other, Node) for key in keys_of(other)}
        keys |= {key for step in STEP_KEYS.values() for key in keys_of(step)}
        return {**self._clause(), "propertyNames": {"not": {"enum": sorted({*keys, READING_KEY, "use", "with"})}}}

    def by_name(self, item: Schema) -> Schema:
        """A mapping in which ``reading_of`` is no name."""
        form = super().by_name(item)
        if not self.settled:
            form["propertyNames"]["not"] = {"const": READING_KEY}
        return form

    def defined(self, name: str, form: Callable[[], Schema]) -> Schema:
        """A reference to a definition, of its own inside fragments."""
        return super().defined(f"{name}.in_fragment" if self.in_fragment else name, form)

    def _position(self, kind: Any, where: str, stand_ins: list[Schema]) -> Schema:
        """A value, or what stands for it there."""
        if self.settled:
            return self.plain(kind)
        if self.in_fragment:
            stand_ins = [*stand_ins, self.defined("With", self._with)]
        kind = _bare(kind, self.special)

        def form() -> Schema:
            ways = [self.plain(kind), *stand_ins]
            return {"anyOf": [*ways, self._reading_of({"anyOf": ways} if len(ways) > 1 else ways[0])]}

        return self.defined(f"{where}.{self._name(kind)}", form)

    def _name(self, kind: Any) -> str:
        """A name for the definition of a kind, such as ``list_of_Step``."""
        if kind in self.special:
            return self.special[kind][0]
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is tuple:
            return f"list_of_{self._name(_bare(arguments[0], self.special))}"
        if origin is dict:
            return f"{self._name(_bare(arguments[1], self.special))}_by_name"
        if origin is Literal:
            return "_or_".join(arguments)
        if origin in (Union, types.UnionType):
            return "_or_".join(self._name(option) for option in arguments)
        return str(kind.__name__)

    # --- what stands for a value -----------------------------------------------------------------------------------

    def _reading_of(self, form: Schema) -> Schema:
        about = "The assumption. Each other key is one of its readings, with what stands here under that reading."
        properties = {READING_KEY: {"description": about, **self.plain(str)}}
        return {"type": "object", "properties": properties, "required": [READING_KEY], "additionalProperties": form}

    def _use(self) -> Schema:
        given = {"type": "object", "additionalProperties": {"type": _ANYTHING_WRITTEN}}
        properties = {
            "use": {"description": "The fragment whose items stand here.", **self.plain(str)},
            "with": {"description": "What the fragment is given, by the names it asks for.", **given},
        }
        return mapping("The items of a fragment.", properties, ["use"])

    def _with(self) -> Schema:
        return mapping("What the `use` of this fragment gives under that name.", {"with": self.plain(str)}, ["with"])

    # --- constructs with a form of their own -----------------------------------------------------------------------

    def _one_of(self, about: str, kinds: dict[str, type]) -> Schema:
        return {"description": about, "oneOf": [self.plain(kind) for kind in kinds.values()]}

    def _one_or_more(self, about: str) -> Schema:
        return {"description": about, "anyOf": [self.plain(str), self.plain(tuple[str, ...])]}

    def _any_dose(self, kinds: Any) -> Schema:
        return {"anyOf": [self.plain(kind) for kind in get_args(kinds)]}

    def _dose_days(self) -> Schema:
        ways = [
            {**self.plain(tuple[DayOfCycle, ...]), "minItems": 1, "uniqueItems": True},
            {"const": "every"},
            {"type": "string", "pattern": anchored(SPAN_PATTERN)},
        ]
        return {"description": "Days of a cycle, counted from 1: `[1, 8]`, `1 to 21` or `every`.", "anyOf": ways}

    def _attributes(self) -> Schema:
        about = "What must be reported: a level, a list of levels, or details such as `{unacceptable: yes}`."
        details = {
            "type": "object",
            "properties": {"grade": {"anyOf": [self.value(Cites), _grade_limits()]}},
            "additionalProperties": self.value(Cites),
        }
        return {"description": about, "anyOf": [self.plain(Cites), details]}

    def _condition(self) -> Schema:
        about = "A mapping of tests that must all hold, or a list of such mappings of which one must hold."
        clauses = {**self.plain(tuple[Clause, ...]), "minItems": 1}
        return {"description": about, "anyOf": [self.plain(Clause), clauses]}

    def _clause(self) -> Schema:
        return {
            "description": "Tests by the name of the value they look at; all must hold.",
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"not": {"const": READING_KEY}},
            "additionalProperties": self.value(Test),
        }

    def _test(self) -> Schema:
        opposite = mapping(plain_words(Not.__doc__ or ""), {"not": self.value(Negated)}, ["not"])
        words = ", ".join(f"`{word}`" for word in PRESENCE_WORDS)
        about = f"A level, a list of levels, a range, a test on a set, a time, `not`, or one of {words}."
        return {"description": about, "anyOf": [*self._levels_and_limits(), opposite]}

    def _negated(self) -> Schema:
        return {"not": {"enum": list(PRESENCE_WORDS)}, "anyOf": self._levels_and_limits()}

    def _elapsed(self) -> Schema:
        return {**self.construct(Elapsed), "oneOf": [{"required": ["within"]}, {"required": ["at_least_ago"]}]}

    def _any_of(self) -> Schema:
        ways = [self.value(kind) for kind in (str, tuple[str, ...], Range, Elapsed)]
        return {
            "description": "Levels and tests of which one must hold; one at least is a test.",
            "type": "array",
            "items": {"anyOf": ways},
            "contains": {"type": "object"},
        }

    def _levels_and_limits(self) -> list[Schema]:
        return [self.plain(kind) for kind in (str, tuple[str, ...], Range, InSet, Elapsed, AnyOf)]

    def _in_set(self) -> Schema:
        words = get_args(keys_of(InSet)["how"].type)
        form = mapping(plain_words(InSet.__doc__ or ""), {word: self.value(str) for word in words}, [])
        return {**form, "minProperties": 1, "maxProperties": 1}


class WireForms(Forms):
    """The forms of events: each kind under its name, and under ``<kind>.without_id`` as it stands in a correction."""

    def __init__(self, examples: tuple[Schema, ...]) -> None:
        super().__init__()
        self.examples = examples
        days = rf"{DAY_PATTERN.pattern}({TIME_OF_DAY})?"
        self.special = {
            str: ("text", lambda: {"description": "Text that is not blank.", "type": "string", "pattern": r"\S"}),
            int: ("whole_number", lambda: {"type": "integer"}),
            bool: ("true_or_false", lambda: {"type": "boolean"}),
            Decimal: ("decimal", lambda: matching('An exact decimal as text, such as "62.5".', DECIMAL_PATTERN)),
            EventTime: ("time", lambda: matching("A day, or a time with its offset (ISO 8601).", re.compile(days))),
            Any: ("value", self._value),
            UcumUnit: (
                "unit",
                lambda: {"description": "A UCUM code, such as mg/kg.", "type": "string", "pattern": r"^[!-~]+$"},
            ),
            dict[str, Any]: ("components", lambda: self.by_name(self._members())),
            PatientEvent: ("without_id", lambda: self.any_kind(with_id=False)),
        }

    def any_kind(self, *, with_id: bool) -> Schema:
        """An event of any kind."""
        suffix = "" if with_id else ".without_id"
        found: list[Schema] = []
        for name, kind in EVENT_KINDS.items():
            form = self.defined(name + suffix, partial(self._event, name, kind, with_id=with_id))
            found.append({"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": form})
        kinds = {"description": "What happened.", "enum": list(EVENT_KINDS)}
        return {"type": "object", "properties": {"kind": kinds}, "required": ["kind"], "allOf": found}

    def _event(self, name: str, kind: type, *, with_id: bool) -> Schema:
        form = self.construct(kind)
        properties = {"kind": {"const": name}, **form["properties"]}
        required = ["kind", *form["required"]]
        examples = [example for example in self.examples if example["kind"] == name]
        if not with_id:
            del properties["id"]
            required.remove("id")
            examples = [{key: item for key, item in example.items() if key != "id"} for example in examples]
        return {**mapping(form["description"], properties, required), "examples": examples}

    def _value(self) -> Schema:
        about = "Text (an exact decimal for a quantity), true or false, or a list of names, as the fact asks for."
        return {"description": about, "type": ["string", "boolean", "array"], "items": {"type": "string"}}

    def _members(self) -> Schema:
        symbol = matching("A symbol in capitals, such as PIK3CA.", MEMBER_PATTERN)
        return {"type": "array", "items": symbol}


EVERYWHERE = {
    "above": "A value must be above this.",
    "arm": "The id of an arm.",
    "at_least": "A value must be this or more.",
    "at_most": "A value must be this or less.",
    "below": "A value must be below this.",
    "by": "Who chooses, such as `investigator`.",
    "choose": "The id of a choice.",
    "cite": "The rules of the record and the assumptions that this rests on.",
    "codes": "Codes by coding system, such as `loinc`, `atc` or `local`.",
    "course": "The steps, in order.",
    "cycle": "Which cycle, counted from 1; or how long a cycle is.",
    "date": "`yes` if the fact is a date.",
    "day": "Which day of the cycle, counted from 1.",
    "drug": "The id of a drug.",
    "effective": "When it happened to the patient.",
    "element": "The id of the element, told apart from the others of its arm.",
    "end": "Why protocol treatment ends.",
    "follow_up": "What is still done after the end.",
    "id": "The id of the event: the same id with the same content is one event.",
    "if": "The condition under which this holds.",
    "issued": "When it became known; if it is left out, when it happened.",
    "label": "What it is called in sentences.",
    "levels": "Its ordered levels, the worst or lowest first.",
    "may": "What may be done beside.",
    "needs": "Conditions without which no dose is given.",
    "never": "Drugs that nobody here is given under the protocol.",
    "no_result": "What may be reported and is still no result.",
    "one_of": "Its values, in no order.",
    "options": "What can be chosen, each with the steps that follow.",
    "parts": "Details that are reported together with it.",
    "perform": "The id of a procedure.",
    "procedure": "The id of a procedure.",
    "quantity": "The UCUM unit in which it is read.",
    "reason": "Why, in words.",
    "regimen": "The id of a regimen.",
    "rows": "The lines of the table. Exactly one must hold for each combination of known values.",
    "see": "What the record does not state here.",
    "set_of": "What kind of names the set has.",
    "stops": "What stops treatment, wherever the patient is in it.",
    "taken": "The named timepoints at which it is assessed.",
    "then": "The steps that follow.",
    "title": "What it is called.",
    "unit": "The UCUM unit.",
    "until": "What closes this and opens what follows.",
    "when": "The condition that stops.",
    "yes_no": "`yes` if the fact is true or false.",
}
"""What a key means where the docstring of its construct does not say."""
_ANYTHING_WRITTEN = ["string", "number", "boolean", "array", "object"]


def _text() -> Schema:
    about = "Text. A number, or a yes or no, is the text that was written."
    return {"description": about, "type": ["string", "number", "boolean"], "pattern": r"\S"}


def _name() -> Schema:
    return {**_text(), "description": "A name.", "pattern": anchored(NAME_PATTERN)}


def _whole_number(least: int, written: str) -> Schema:
    number = {"type": "integer", "minimum": least, "maximum": 999_999_999}
    return {"description": "A whole number.", "anyOf": [number, {"type": "string", "pattern": f"^{written}$"}]}


def _yes_no() -> Schema:
    return {"description": "`yes` or `no`; write no other word.", "enum": ["yes", "no", True, False]}


def _share() -> Schema:
    text = {"type": "string", "pattern": anchored(SHARE_PATTERN)}
    return {"description": "A part of a dose, as `3/4` or `0.75`.", "anyOf": [{"type": "number"}, text]}


def _grade_limits() -> Schema:
    grade = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 5}, matching("A grade.", GRADE_PATTERN)]}
    limits = mapping("Limits of a grade.", dict.fromkeys(keys_of(Range), grade), [])
    return {**limits, "minProperties": 1}


def _decimal() -> Schema:
    text = {"type": "string", "pattern": anchored(DECIMAL_PATTERN)}
    return {"description": "A decimal number.", "anyOf": [{"type": "number"}, text]}


def _bare(kind: Any, special: dict[Any, Any]) -> Any:
    """The kind without None, which nobody can write, and a union in its special form where it has one."""
    if kind in special or get_origin(kind) not in (Union, types.UnionType):
        return kind
    options = [option for option in get_args(kind) if option is not type(None)]
    return Union[tuple(options)]  # noqa: UP007  # the number of options is known only here


def mapping(about: str, properties: dict[str, Schema], required: list[str]) -> Schema:
    """A mapping with exactly these keys, of which some must be there."""
    form: Schema = {"description": about, "type": "object", "properties": properties}
    return {**form, "required": required, "additionalProperties": False}


def matching(about: str, pattern: re.Pattern[str]) -> Schema:
    """Text in which everything matches the pattern."""
    return {"description": about, "type": "string", "pattern": anchored(pattern)}


def anchored(pattern: re.Pattern[str]) -> str:
    """The pattern as one of JSON Schema, which anchors nothing by itself."""
    return f"^({pattern.pattern})$"


def plain_words(docstring: str) -> str:
    """A docstring as one paragraph, without its markup."""
    text = re.sub(r":\w+:`~?([^`]*)`", lambda match: f"`{match[1].rpartition('.')[2]}`", docstring)
    return " ".join(text.replace("``", "`").split())


def said_of(key: str, docstring: str) -> Schema:
    """What is said of one key: the sentences of the docstring that name it, or else what it means everywhere."""
    sentences = re.split(r"(?<=\.)\s+(?=[A-Z`])", plain_words(docstring))
    found = [sentence for sentence in sentences if re.search(rf"`{key}\b", sentence)] or [EVERYWHERE.get(key, "")]
    return {"description": " ".join(found)} if found != [""] else {}
