"""The one cattrs converter: strict in.

Structuring never coerces. Text of a protocol file, typed by the field it stands in, and values of JSON, already
typed, go through the same hooks; everything wrong is collected and raised together. It is long because it holds one
hook for each form of value in a file or an event, and they call one another.
"""

from __future__ import annotations

import operator
import re
import types
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import cattrs

from protocol_engine.codec.keys import DERIVED_KEYS, DOSE_KEYS, PRESENCE_WORDS, STEP_KEYS, VALUE_KEYS, keys_of
from protocol_engine.codec.written import MOST_DIGITS, Finding, Invalid, Lines, LongNumber, Table, Text
from protocol_engine.errors import Mark, cut, shortened, shown
from protocol_engine.model import conditions as c
from protocol_engine.model import events as ev
from protocol_engine.model import protocol as p
from protocol_engine.model.claims import Node
from protocol_engine.model.doses import BaseDose, Dose, Rung
from protocol_engine.model.facts import DAY_PATTERN, DECIMAL_PATTERN, Cites, Name, Names
from protocol_engine.model.screening import Derived
from protocol_engine.model.ucum import unit_of
from protocol_engine.model.units import (
    NOT_STATED,
    NOT_STATED_WORD,
    DayPoints,
    DaySpan,
    DoseDays,
    Duration,
    Length,
    NotStated,
    PlainDose,
    Quantity,
    QuantityRange,
    Share,
    UcumUnit,
)
from protocol_engine.model.values import Value

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]*")
NAME_WORDS = "a name is made of letters, digits and _ + . -, and begins with a letter or a digit"
DURATION_PATTERN = re.compile(r"([0-9]{1,4}) (days?|weeks?|months?|years?)")
LENGTH_PATTERN = re.compile(r"([0-9]{1,4}) (hours?|days?|weeks?|months?|years?)")
QUANTITY_PATTERN = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ([!-~]{1,60})")
MOST_CORRECTIONS = 20
SHARE_PATTERN = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}|/[1-9][0-9]{0,5})?")
GRADE_PATTERN = re.compile(r"[1-5]")
WORST_GRADE = 5
SPAN_PATTERN = re.compile(r"([0-9]{1,3}) to ([0-9]{1,3})")


def _fail(value: object, code: str, message: str) -> Invalid:
    return Invalid([Finding((), code, message, getattr(value, "mark", None))])


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, LongNumber):
        return repr(value)
    return shown(value)


def _inside(part: str | int, invalid: Invalid, mark: Mark | None) -> list[Finding]:
    return [
        attrs.evolve(finding, path=(part, *finding.path), mark=finding.mark or mark) for finding in invalid.findings
    ]


def _untaken(written: object, made: object) -> Iterator[str]:
    """The assumptions noted on mappings that became no node, such as the options of a choice: their node takes them."""
    if isinstance(written, Table) and not isinstance(made, Node | c.Condition):
        yield from written.rests
        for key, item in written.items():
            yield from _untaken(item, made.get(key) if isinstance(made, dict) else None)
    elif isinstance(written, Lines) and not isinstance(made, c.Condition):
        pairs = zip(written, made, strict=True) if isinstance(made, tuple) else ((item, None) for item in written)
        for item, inner in pairs:
            yield from _untaken(item, inner)


def unknown_name(name: str, known: tuple[str, ...], what: str) -> str:
    """What to say of a name that is not known: the nearest known one, or all of them."""
    close = get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"{shown(name)} is no {what} here; {hint}"


def _key_mark(value: dict[str, Any], key: str) -> Mark | None:
    return value.key_marks.get(key) if isinstance(value, Table) else None


def _has_fields(kind: Any) -> bool:
    return isinstance(kind, type) and attrs.has(kind)


def _made_of(*origins: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) in origins


class Codec:
    """The converter with all its hooks. Use the module's :data:`CODEC`."""

    def __init__(self) -> None:
        self.converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False)
        hooks: dict[Any, Callable[[Any, Any], Any]] = {
            str: self._text,
            int: self._whole,
            bool: self._yes_no,
            Decimal: self._decimal,
            date: self._day,
            Any: lambda value, _: value,
            Cites: self._cites,
            Names: self._cites,
            Name: self._name,
            Duration: self._duration,
            Length: self._length,
            Quantity: self._quantity,
            Share: self._share,
            UcumUnit: self._unit,
            ev.EventTime: self._event_time,
            c.Condition: self._condition,
        }
        register = self.converter.register_structure_hook_func
        register(_has_fields, self._attrs)
        for origins, hook in (((tuple,), self._list), ((dict,), self._dict), ((Literal,), self._literal)):
            register(_made_of(*origins), hook)
        register(_made_of(Union, types.UnionType), self._union)
        for union, union_hook in self._unions().items():
            register(partial(operator.eq, union), union_hook)
        for kind, kind_hook in hooks.items():
            register(partial(operator.is_, kind), kind_hook)
        for primitive in (str, int, bool):  # cattrs has hooks of its own for these, which coerce and come first
            self.converter.register_structure_hook(primitive, hooks[primitive])

    def structure(self, value: object, kind: Any) -> Any:
        """The value as ``kind``; :class:`Invalid` carries every finding."""
        return self.converter.structure(value, kind)

    def _unions(self) -> dict[Any, Callable[[Any, Any], Any]]:
        return {
            p.Step: lambda value, _: self._keyed(value, STEP_KEYS, "step"),
            Value: lambda value, _: self._keyed(value, VALUE_KEYS, "value"),
            Derived: lambda value, _: self._keyed(value, DERIVED_KEYS, "value"),
            Dose: self._dose,
            BaseDose: self._dose,
            PlainDose: self._dose,
            Rung: self._rung,
            DoseDays: self._dose_days,
            c.Test: self._test,
            dict[str, tuple[str, ...]] | None: self._attributes,
            ev.PatientEvent: self._event,
        }

    # --- scalars -----------------------------------------------------------------------------------------------

    def _text(self, value: object, _: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise _fail(value, "text-expected", f"needs text here, not {_shown(value)}")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _fail(
                value, "text-expected", "has half a character (a lone surrogate); write the whole character"
            ) from None
        return str(value)

    def _name(self, value: object, _: object) -> Name:
        text = self._text(value, str)
        if not NAME_PATTERN.fullmatch(text):
            raise _fail(value, "bad-name", f"{NAME_WORDS}; this is {_shown(value)}")
        return Name(text)

    def _whole(self, value: object, _: object) -> int:
        if isinstance(value, Text) and re.fullmatch(r"[0-9]{1,9}", value):
            return int(value)
        if type(value) is int:
            return value
        if isinstance(value, LongNumber):
            raise _fail(value, "number-too-long", f"is {value!r}; at most {MOST_DIGITS} are read")
        raise _fail(value, "whole-number-expected", f"needs a whole number here, not {_shown(value)}")

    def _yes_no(self, value: object, _: object) -> bool:
        if isinstance(value, Text) and value in ("yes", "no"):
            return value == "yes"
        if type(value) is bool:
            return value
        words = "yes or no" if isinstance(value, Text) else "true or false"
        raise _fail(value, "yes-or-no-expected", f"needs {words} here, not {_shown(value)}")

    def _decimal(self, value: object, _: object) -> Decimal:
        if not isinstance(value, str) or not DECIMAL_PATTERN.fullmatch(value):
            raise _fail(
                value,
                "decimal-expected",
                f'needs a decimal number as text, such as "62.5", not {_shown(value)}',
            )
        return Decimal(value)

    def _day(self, value: object, _: object) -> date:
        if not isinstance(value, str) or not DAY_PATTERN.fullmatch(value):
            raise _fail(value, "date-expected", f"needs a date such as 2026-01-31, not {_shown(value)}")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise _fail(value, "date-expected", f"is not a day of the calendar: {value}") from None

    def _event_time(self, value: object, _: object) -> ev.EventTime:
        if not isinstance(value, str):
            raise _fail(value, "date-expected", f"needs a date such as 2026-01-31, not {_shown(value)}")
        try:
            return ev.EventTime.of(value)
        except ValueError as error:
            raise _fail(value, "date-expected", str(error)) from None

    def _cites(self, value: object, _: object) -> Cites:
        if isinstance(value, str):
            return Cites((self._text(value, str),))
        return Cites(self._list(value, tuple[str, ...]))

    def _duration(self, value: object, _: object) -> Duration:
        found = self._length(value, Length)
        if found.unit == "hours":
            message = "is counted in days here; hours can stand in a `window`, and under `within` of a `last`"
            raise _fail(value, "duration-expected", f"{message}, not {_shown(value)}")
        return found

    def _length(self, value: object, _: object) -> Length:
        match = LENGTH_PATTERN.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise _fail(
                value,
                "duration-expected",
                f"needs a duration such as 21 days or 24 months, not {_shown(value)}",
            )
        unit: Any = match[2].rstrip("s") + "s"
        return Length(Duration(int(match[1]), unit))

    def _quantity(self, value: object, _: object) -> Quantity:
        match = QUANTITY_PATTERN.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise _fail(
                value,
                "dose-expected",
                f"needs a number and a UCUM unit such as 10 mg/kg, not {_shown(value)}",
            )
        amount = Decimal(match[1])
        if not amount:
            raise _fail(value, "dose-expected", f"needs a number above 0, not {_shown(value)}")
        return Quantity(amount, match[2])

    def _unit(self, value: object, _: object) -> UcumUnit:
        text = self._text(value, str)
        try:
            unit_of(text)
        except ValueError as error:
            raise _fail(value, "unknown-unit", shortened(str(error))) from None
        return UcumUnit(text)

    def _share(self, value: object, _: object) -> Share:
        if not isinstance(value, str) or not SHARE_PATTERN.fullmatch(value) or not Share(value).fraction:
            raise _fail(value, "dose-expected", f"needs a part of a dose, such as 3/4 or 0.75, not {_shown(value)}")
        return Share(str(value))

    def _rung(self, value: object, _: object) -> Rung:
        if isinstance(value, str) and SHARE_PATTERN.fullmatch(value):
            return self._share(value, Share)
        return self._quantity(value, Quantity)

    def _dose(self, value: object, kind: Any) -> Any:
        """A dose, one of those that may stand where this one does."""
        known = get_args(kind)
        if not isinstance(value, dict):
            return self._quantity(value, Quantity)
        forms = {key: form for key, form in DOSE_KEYS.items() if form in known}
        tags = [key for key in forms if key in value]
        if len(tags) != 1 and len(forms) > 1:
            words = ", ".join(forms)
            raise _fail(value, "dose-expected", f"needs a number with its unit, or a mapping with one of {words}")
        form = forms[tags[0]] if len(tags) == 1 else next(iter(forms.values()))
        if form is not QuantityRange:
            return self._attrs(value, form)
        found: QuantityRange = self._attrs(value, QuantityRange)
        if found.from_.unit != found.to.unit or found.from_.value > found.to.value:
            raise _fail(value, "dose-expected", "needs a range from a lower to a higher dose in one unit")
        return found

    def _dose_days(self, value: object, _: object) -> DoseDays:
        if isinstance(value, list):
            days = self._list(value, tuple[int, ...])
            if not days or min(days) < 1:
                raise _fail(value, "days-expected", "counts days of the cycle from 1")
            if list(days) != sorted(set(days)):
                raise _fail(value, "days-expected", "names each day once, in order")
            return DayPoints(days)
        if value == "every":
            return DaySpan(1, None)
        match = SPAN_PATTERN.fullmatch(value) if isinstance(value, str) else None
        if match is None or not 1 <= int(match[1]) < int(match[2]):
            raise _fail(value, "days-expected", f"needs days such as [1, 8], 1 to 21 or every, not {_shown(value)}")
        return DaySpan(int(match[1]), int(match[2]))

    def _literal(self, value: object, kind: Any) -> Any:
        options = get_args(kind)
        if not isinstance(value, str) or value not in options:
            words = ", ".join(str(option) for option in options)
            raise _fail(
                value,
                "word-expected",
                f"must be {words if len(options) == 1 else 'one of ' + words}, not {_shown(value)}",
            )
        return str(value)

    # --- containers --------------------------------------------------------------------------------------------

    def _list(self, value: object, kind: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _fail(value, "list-expected", f"needs a list here, not {_shown(value)}")
        item_kind = get_args(kind)[0]
        items, findings = [], []
        for index, item in enumerate(value):
            try:
                items.append(self.structure(item, item_kind))
            except Invalid as invalid:
                findings += _inside(index, invalid, getattr(item, "mark", None))
        if findings:
            raise Invalid(findings)
        return tuple(items)

    def _dict(self, value: object, kind: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _fail(value, "mapping-expected", f"needs a mapping here, not {_shown(value)}")
        item_kind = get_args(kind)[1]
        items: dict[str, Any] = {}
        findings: list[Finding] = []
        for key, item in value.items():
            mark = value.key_marks[key] if isinstance(value, Table) else None
            if not NAME_PATTERN.fullmatch(key):
                findings.append(Finding((key,), "bad-name", NAME_WORDS, mark))
                continue
            try:
                items[str(key)] = self.structure(item, item_kind)
            except Invalid as invalid:
                findings += _inside(key, invalid, mark)
        if findings:
            raise Invalid(findings)
        return items

    def _attrs(self, value: object, kind: Any) -> Any:
        if not isinstance(value, dict):
            raise _fail(value, "mapping-expected", f"needs a mapping here, not {_shown(value)}")
        keys = keys_of(kind)
        findings = [
            Finding((key,), "unknown-key", unknown_name(key, tuple(keys), "key"), _key_mark(value, key))
            for key in value
            if key not in keys
        ]
        arguments: dict[str, Any] = {}
        for key, attribute in keys.items():
            if key not in value:
                if attribute.default is attrs.NOTHING:
                    findings.append(
                        Finding(
                            (key,),
                            "missing-key",
                            f"is missing: {attribute.name.rstrip('_')} must be given here",
                            getattr(value, "mark", None),
                        )
                    )
                continue
            try:
                arguments[str(attribute.alias)] = self.structure(value[key], attribute.type)
            except Invalid as invalid:
                findings += _inside(key, invalid, _key_mark(value, key))
        if findings:
            raise Invalid(findings)
        if isinstance(value, Table) and issubclass(kind, Node):
            inside = (_untaken(item, arguments[str(keys[key].alias)]) for key, item in value.items())
            rests = dict.fromkeys((*value.rests, *(name for names in inside for name in names)))
            arguments |= {"mark": value.mark, "rests": tuple(rests)}
        return kind(**arguments)

    def _attributes(self, value: object, _: object) -> dict[str, tuple[str, ...]]:
        """``is: PD``, ``is: [PD, SD]`` or ``is: {unacceptable: yes}``."""
        if not isinstance(value, dict):
            return {"value": self._cites(value, Cites)}
        return {
            key: self._grades(item) if key == "grade" and isinstance(item, dict) else self._cites(item, Cites)
            for key, item in value.items()
        }

    def _grades(self, value: dict[str, Any]) -> tuple[str, ...]:
        """The grades within limits, such as ``{at_least: 3}``, each by itself."""
        limits: c.Range = self._attrs(value, c.Range)
        wrong = [limit for limit in limits.limits.values() if not GRADE_PATTERN.fullmatch(limit)]
        if wrong or not limits.limits:
            raise _fail(value, "test-expected", "needs limits of a grade from 1 to 5, such as {at_least: 3}")
        return tuple(str(grade) for grade in range(1, WORST_GRADE + 1) if limits.includes(Decimal(grade)))

    def _union(self, value: object, kind: Any) -> Any:
        kinds = [option for option in get_args(kind) if option is not type(None)]
        if NotStated in kinds:
            if value == NOT_STATED_WORD:
                return NOT_STATED
            kinds.remove(NotStated)
        words = [option for option in kinds if get_origin(option) is Literal]
        for option in words:
            if isinstance(value, str) and value in get_args(option):
                return str(value)
            kinds.remove(option)
        for doses in (Dose, BaseDose):
            if set(kinds) == set(get_args(doses)):
                return self._dose(value, doses)
        if set(kinds) == set(get_args(DoseDays)):
            return self._dose_days(value, DoseDays)
        if not kinds:
            known = [word for option in words for word in get_args(option)] or [NOT_STATED_WORD]
            raise _fail(value, "word-expected", f"must be {' or '.join(known)}, not {_shown(value)}")
        return self.structure(value, kinds[0])

    def _keyed(self, value: object, kinds: dict[str, Any], what: str) -> Any:
        if not isinstance(value, dict):
            raise _fail(value, f"{what}-expected", f"needs a {what} here: a mapping with one of {', '.join(kinds)}")
        tags = [key for key in kinds if key in value]
        if len(tags) != 1:
            hint = "it has " + (" and ".join(tags) or ", ".join(map(cut, map(str, value))) or "nothing")
            raise _fail(value, f"{what}-expected", f"needs exactly one of {', '.join(kinds)}; {hint}")
        return self._attrs(value, kinds[tags[0]])

    # --- conditions --------------------------------------------------------------------------------------------

    def _condition(self, value: object, _: object) -> c.Condition:
        if isinstance(value, dict):
            return c.Condition((self._clause(value),))
        if not isinstance(value, list) or not value:
            raise _fail(
                value,
                "condition-expected",
                "needs a mapping of tests, or a list of such mappings of which one must hold",
            )
        clauses, findings = [], []
        for index, item in enumerate(value):
            try:
                clauses.append(self._clause(item))
            except Invalid as invalid:
                findings += _inside(index, invalid, getattr(item, "mark", None))
        if findings:
            raise Invalid(findings)
        return c.Condition(tuple(clauses))

    def _clause(self, value: object) -> c.Clause:
        if not isinstance(value, dict) or not value:
            raise _fail(value, "condition-expected", f"needs a mapping of names to tests, not {_shown(value)}")
        tests, findings = [], []
        for name, test in value.items():
            try:
                tests.append(c.NamedTest(str(name), self._test(test, None), _key_mark(value, name) or Mark()))
            except Invalid as invalid:
                findings += _inside(name, invalid, _key_mark(value, name))
        if findings:
            raise Invalid(findings)
        return c.Clause(tuple(tests), tuple(dict.fromkeys(_untaken(value, None))))

    def _test(self, value: object, _: object) -> c.Test:
        if isinstance(value, str):
            if value in get_args(c.Presence.__annotations__["word"]) or value in PRESENCE_WORDS:
                word: Any = str(value)
                return c.Presence(word)
            return c.OneOf((self._text(value, str),))
        if isinstance(value, list):
            return self._any_of(value)
        if not isinstance(value, dict):
            raise _fail(value, "test-expected", f"needs a level, a list of levels, or a test, not {_shown(value)}")
        if set(value) == {"not"}:
            inner = self._test(value["not"], None)
            if isinstance(inner, c.Presence | c.Not):
                raise _fail(
                    value, "test-expected", "`not` stands before a level, a range, a time or a set, and nothing else"
                )
            return c.Not(inner)
        set_words = [word for word in ("some_in", "all_in", "none_in") if word in value]
        if set_words and len(value) == 1:
            how: Any = set_words[0]
            return c.InSet(how, self._text(value[how], str))
        if "within" in value or "at_least_ago" in value:
            return self._elapsed(value)
        limits: c.Range = self._attrs(value, c.Range)
        if limits == c.Range():
            raise _fail(value, "test-expected", "needs at least one of at_least, above, at_most, below, or within")
        return limits

    def _elapsed(self, value: dict[str, Any]) -> c.Elapsed:
        found: c.Elapsed = self._attrs(value, c.Elapsed)
        if (found.within is None) == (found.at_least_ago is None):
            raise _fail(value, "test-expected", "says how long ago a date lies: within, or at_least_ago, not both")
        return found

    def _any_of(self, value: list[Any]) -> c.OneOf | c.AnyOf:
        """A list of levels, or of tests of which one must hold."""
        if not any(isinstance(item, dict) for item in value):
            return c.OneOf(self._list(value, tuple[str, ...]))
        tests, findings = [], []
        for index, item in enumerate(value):
            try:
                test = self._test(item, None)
                if not isinstance(test, c.OneOf | c.Range | c.Elapsed):
                    raise _fail(item, "test-expected", "in a list of tests each is a level, a range or a time")
                tests.append(test)
            except Invalid as invalid:
                findings += _inside(index, invalid, getattr(item, "mark", None))
        if findings:
            raise Invalid(findings)
        return c.AnyOf(tuple(tests))

    # --- events ------------------------------------------------------------------------------------------------

    def _corrected(self, correction: dict[str, Any]) -> dict[str, Any]:
        """The event that a correction puts in place, with the id it keeps."""
        if "id" in correction["event"]:
            message = "leave the id out: the corrected event keeps the id it has"
            raise Invalid([Finding(("event", "id"), "unknown-key", message)])
        depth, inner = 0, correction
        while isinstance(inner.get("event"), dict):
            depth, inner = depth + 1, inner["event"]
            if depth > MOST_CORRECTIONS:
                message = f"holds corrections of corrections more than {MOST_CORRECTIONS} deep"
                raise Invalid([Finding(("event",), "too-deep", message)])
        return {**correction["event"], "id": correction.get("corrects", "?")}

    def _event(self, value: object, _: object) -> Any:
        if not isinstance(value, dict):
            raise _fail(value, "mapping-expected", f"needs a JSON object here, not {_shown(value)}")
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in ev.EVENT_KINDS:
            message = (
                unknown_name(str(kind), tuple(ev.EVENT_KINDS), "kind of event")
                if kind is not None
                else "is missing: every event has a kind"
            )
            raise Invalid([Finding(("kind",), "unknown-kind", message)])
        if kind == "correction" and isinstance(value.get("event"), dict):
            value = {**value, "event": self._corrected(value)}
        event = self._attrs(value, ev.EVENT_KINDS[kind])
        faults = []
        if event.issued.day < event.effective.day:
            faults.append(f"{event.issued.text} lies before it happened on {event.effective.text}")
        if isinstance(event, ev.CorrectionEvent) and event.issued.day < event.event.issued.day:
            faults.append(
                f"{event.issued.text} lies before the event that it puts in place became known on "
                f"{event.event.issued.text}; give the day on which the correction became known"
            )
        if faults:
            raise Invalid([Finding(("issued",), "issued-too-early", fault) for fault in faults])
        return event


CODEC = Codec()
