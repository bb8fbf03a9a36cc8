"""Sentences for decisions: what a row asks for, and what is known instead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from protocol_engine.model.conditions import (
    AnyOf,
    Condition,
    Elapsed,
    InSet,
    NamedTest,
    Not,
    OneOf,
    Presence,
    Range,
    Test,
    inner_tests,
)
from protocol_engine.model.evaluation import Evaluation, MemberSet, Missing, Outcome
from protocol_engine.model.table import ActLabel, Guard, Row, Table
from protocol_engine.model.units import plain
from protocol_engine.model.values import Last

CHOICE = "choice."
NOT_SHOWN = "not shown"
"""What stands for the free text of a report in the view of somebody who must not know the arm."""
FEWEST_DIGITS, MOST_DIGITS = 2, 12
TOXICITY_DETAILS = {
    "unacceptable": "whether the adverse event is unacceptable for the treatment",
    "drug": "to which drug the unacceptable adverse event is due",
    "grade": "of which grade the adverse event is",
}


def label_of(table: Table, name: str) -> str:
    """The name of a value in words."""
    value = table.values.get(name, table.derived.get(name))
    match value:
        case None:
            return fact_words(table, name, None) if name in table.facts else words(name)
        case _ if value.label is not None:
            return value.label
        case Last():
            return (
                f"{fact_words(table, value.last.partition('.')[0], None)}{f' at {words(value.at)}' if value.at else ''}"
            )
        case _:
            return words(name)


def words(name: str) -> str:
    """A name as it is read aloud: ``after_cycle_1`` is ``after cycle 1``."""
    return name.replace("_", " ")


def track_words(table: Table, arm: str | None, track: str) -> str:
    """A track by its title."""
    content = table.tracks.get(arm or "", {}).get(track)
    return (content.title if content is not None else None) or words(track)


def fact_words(table: Table, fact: str, timepoint: str | None) -> str:
    """A fact, and the timepoint at which it is asked for."""
    definition = table.facts.get(fact)
    name = (definition.label if definition is not None else None) or words(fact)
    if timepoint is None:
        return name
    at = definition.taken.get(timepoint) if definition is not None else None
    return f"{name} {(at.label if at is not None else None) or words(timepoint)}"


def test_words(test: Test) -> str:
    """A test in words."""
    match test:
        case OneOf(values):
            return " or ".join(values)
        case Range():
            return test.words
        case Presence(word):
            return words(word)
        case InSet(how, name):
            return f"{words(how)} {words(name)}"
        case Elapsed():
            return elapsed_words(test)
        case AnyOf(tests):
            return " or ".join(test_words(inner) for inner in tests)
        case Not(inner):
            return f"not {test_words(inner)}"


def elapsed_words(test: Elapsed) -> str:
    """How long ago something must lie, in words."""
    time = f"within {test.within}" if test.within is not None else f"at least {test.at_least_ago} ago"
    if test.before is None:
        return time
    return f"{time.removesuffix(' ago')} before {words(test.before)}"


def value_words(outcome: Outcome, test: Test | None = None) -> str:
    """What is known of a value, with the events that say so; a number so that it is on its side of a test's limits."""
    value = outcome.value
    if value is None:
        text = "unknown" if outcome.why == "absent" else words(outcome.why)
    elif isinstance(value, Decimal):
        text = plain(value)
    elif isinstance(value, Fraction):
        text = rounded(value, _digits(value, test))
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, MemberSet):
        text = ", ".join(sorted(value.listed)) or "none"
    elif isinstance(value, frozenset):
        text = ", ".join(sorted(value)) or "none"
    else:
        text = str(value)
    return text + (f" ({', '.join(outcome.sources)})" if outcome.sources else "")


def _digits(number: Fraction, test: Test | None) -> int:
    """How many digits show on which side of the limits of a test a number lies: 2, unless these look like a limit."""
    limits = [inner for inner in inner_tests(test) if isinstance(inner, Range)] if test is not None else []
    for digits in range(FEWEST_DIGITS, MOST_DIGITS):
        shown = Fraction(round(number * 10**digits), 10**digits)
        if all(limit.includes(shown) is limit.includes(number) for limit in limits):
            return digits
    return MOST_DIGITS


def rounded(number: Fraction, digits: int) -> str:
    """A number for the eye, with so many digits at most; ``about`` says that there are more."""
    scaled = round(number * 10**digits)
    text = plain(Decimal(f"{scaled}E-{digits}"))
    return text if Fraction(scaled, 10**digits) == number else f"about {text}"


def holding_words(evaluation: Evaluation, named: NamedTest) -> str:
    """One test that holds: what is known."""
    return f"{label_of(evaluation.table, named.name)} is {value_words(evaluation.value(named.name), named.test)}"


def failing_words(evaluation: Evaluation, named: NamedTest) -> str:
    """One test that does not hold: what is asked, and what is known."""
    known = value_words(evaluation.value(named.name), named.test)
    asked = f"not be {test_words(named.test.test)}" if isinstance(named.test, Not) else f"be {test_words(named.test)}"
    return f"{label_of(evaluation.table, named.name)} must {asked}; it is {known}"


def guard_words(evaluation: Evaluation, guard: Guard) -> tuple[str, ...]:
    """Why a guard does not let its row pass, a sentence for each failing test."""
    if guard.refutes:
        known = "; ".join(condition_words(evaluation.table, guard.condition, evaluation))
        return (f"{guard.named}: {known}",)
    return tuple([f"{guard.named}: {failing_words(evaluation, test)}" for test in evaluation.failing(guard.condition)])


def condition_words(table: Table, condition: Condition, evaluation: Evaluation | None = None) -> tuple[str, ...]:
    """A condition in words, a sentence for each clause; with an evaluation, what is known instead of what is asked."""
    found = []
    for clause in condition.clauses:
        if evaluation is None:
            found.append(
                " and ".join(f"{label_of(table, t.name)} is {test_words(t.test)}" for t in clause.tests) or "always"
            )
        else:
            found.append(
                " and ".join(
                    f"{label_of(table, t.name)} is {value_words(evaluation.value(t.name))}" for t in clause.tests
                )
            )
    return tuple(found)


def observed_words(table: Table, title: str, since: date | None, falls: Sequence[Row]) -> str:
    """That a patient is in a stretch without treatment, or where a trial stands, and what leads out of it."""
    told = "; or ".join(
        f"{' and '.join(' or '.join(condition_words(table, guard.condition)) for guard in row.guards)} "
        f"({', '.join(row.basis)})"
        for row in falls
    )
    if table.subject == "trial":
        return f"{title}, until {told or 'something stops it'}"
    since_when = f" since {since.isoformat()}" if since is not None else ""
    return f"no treatment is due in {title}{since_when}, until {told or 'something stops it'}"


def missing_words(table: Table, missing: Missing) -> str:
    """Why a detail is missing, in words."""
    if missing.fact == "adverse_event" and missing.component in TOXICITY_DETAILS:
        reports = f" ({', '.join(missing.sources)})" if missing.sources else ""
        detail = TOXICITY_DETAILS[missing.component]
        detail = (
            detail.replace("unacceptable ", "", 1) if table.grades_asked and missing.component == "drug" else detail
        )
        return f"{detail} is not reported{reports}; correct the report, or retract it"
    if missing.fact.startswith(CHOICE) and missing.why == "muddled":
        choice = words(missing.fact.removeprefix(CHOICE))
        which = f"{', '.join(missing.sources)} of one day differ, and no time tells which was the last"
        return f"what was chosen for {choice} is in doubt: {which}; give times, correct or retract"
    name = fact_words(table, missing.fact, missing.timepoint)
    detail = f"{words(missing.component)} of {name}" if missing.component is not None else name
    reports = f" ({', '.join(missing.sources)})" if missing.sources else ""
    match missing.why:
        case "absent":
            return f"{detail} is not reported{reports}"
        case "no_result":
            return f"{detail} was reported without a result{reports}"
        case "stale" if missing.fact in table.facts and table.facts[missing.fact].date:
            return f"{detail} is stale{reports}: said too early to cover the time asked about; ask again"
        case "stale":
            return f"{detail} is stale{reports}: too old on the day asked about; report it anew"
        case "untimed":
            return f"{_untimed_words(missing, detail)}{reports}"
        case "other" | "too_few" | "unreadable":
            return f"{detail} was reported{HOW_REPORTED[missing.why]}{reports}"
        case _:
            return f"{detail} is in doubt: correct, complete or retract{reports}"


HOW_REPORTED = {
    "other": ", but not of the kind that is asked for",
    "too_few": " too few times",
    "unreadable": " in a form that cannot be read",
}


def _untimed_words(missing: Missing, detail: str) -> str:
    """That something has a day and no time, where hours are counted."""
    if missing.component is not None:
        return f"the time of {words(missing.fact.replace('.', ' '))} is not reported, and hours count from it"
    return f"how many hours old {detail} is cannot be told: give the times"


def act_words(table: Table, act: ActLabel, cycle: int | None = None) -> str:
    """An act in words, such as ``SG, cycle 2 day 8`` or ``SG, day 8``."""
    match act.kind:
        case "administration":
            name = table.regimens[act.name].name if act.name in table.regimens else act.name
            numbers = [f"cycle {cycle}"] if cycle is not None else []
            numbers += [f"day {act.day}"] if act.day not in (None, 1) else []
            return ", ".join([name, " ".join(numbers)] if numbers else [name])
        case "choice":
            choice, _, option = act.name.partition("=")
            return f"the choice {words(choice)}: {words(option)}"
        case "allocation":
            return f"allocation to {act.name}"
        case "procedure":
            return table.procedures[act.name].name if act.name in table.procedures else words(act.name)
        case _:
            return words(act.kind)
