"""Screening as pages that a coordinator reads: what keeps the patient out first, then what is open, then the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

from protocol_engine.adapters.blocks import Block, Grid, Heading, Item, Items, Page, Paragraph, section
from protocol_engine.adapters.phrases import (
    capital,
    cites,
    condition_words,
    counted,
    fact_name,
    label,
    listed,
    with_id,
)
from protocol_engine.engine.patient_screening import PatientScreening
from protocol_engine.engine.screening import CriterionAnswer, Screening, Used
from protocol_engine.engine.wording import words
from protocol_engine.model.protocol import Protocol
from protocol_engine.model.screening import Criterion, Derived, Formula, HalfLives, Newest, Ratio, must_hold
from protocol_engine.model.table import Table
from protocol_engine.model.values import Holds

WIDEST = 60
"""Characters of a column of answers: a coordinator reads them beside each other."""
ANSWERS = {"eligible": "eligible", "not_eligible": "not eligible", "not_yet_decidable": "not yet decidable"}
MOST_SHOWN = 5
OUTCOMES = {"met": "met", "not_met": "not met", "unknown": "unknown", "needs_attestation": "needs attestation"}


def screening_page(table: Table, found: PatientScreening) -> Page:
    """One patient under one protocol."""
    screening = found.screening
    return (
        Heading(f"{table.protocol}: {table.title}", 1),
        Paragraph(f"On {screening.as_of}: {_whole_words(screening)}."),
        *section("What keeps the patient out", *_grid(screening.barring)),
        *section("What could not be read", *_unreadable(found)),
        *section("What is missing, the smallest set of examinations first", *_missing(screening)),
        *section("What somebody has to attest", *_questions(screening)),
        *section("All criteria", *_grid(screening.answers.values())),
        *section("Remarks", *_remarks(found)),
    )


def screenings_page(found: Sequence[tuple[Table, PatientScreening]]) -> Page:
    """One patient under several protocols: the answers side by side, then each."""
    rows = tuple(
        (
            table.protocol,
            ANSWERS[item.screening.answer],
            listed(answer.id for answer in item.screening.barring) or "-",
            listed(answer.id for answer in item.screening.undecided) or "-",
        )
        for table, item in found
    )
    pages = [block for table, item in found for block in screening_page(table, item)]
    return (
        Heading("One patient, every protocol", 1),
        Grid(("Protocol", "Answer", "Kept out by", "Still open"), rows),
        *pages,
    )


def _whole_words(screening: Screening) -> str:
    if screening.answer == "not_eligible":
        return f"not eligible, by {listed(answer.id for answer in screening.barring)}"
    if screening.answer == "not_yet_decidable":
        return f"not yet decidable; {counted(len(screening.undecided), 'criterion', 'criteria')} open"
    return "eligible; every criterion is decided, and none keeps the patient out"


def _grid(answers: Iterable[CriterionAnswer]) -> tuple[Grid, ...]:
    rows = tuple((item.id, item.text, OUTCOMES[item.outcome], _why(item), _used(item)) for item in answers)
    return (Grid(("Id", "Criterion", "Answer", "Why", "Results used"), rows, WIDEST),) if rows else ()


def _used(answer: CriterionAnswer) -> str:
    """The results as they were reported, each with its day."""
    return "; ".join(f"{words(used.fact)} {_result_words(used)} of {used.date}" for used in answer.used)


def _result_words(used: Used) -> str:
    value = {True: "yes", False: "no"}.get(used.value, used.value) if isinstance(used.value, bool) else used.value
    unit = f" {used.unit}" if used.unit not in (None, "1") else ""
    parts = [f"{words(name)} {part}" for name, part in used.components.items()]
    return f"{value}{unit}" + (f" ({', '.join(parts)})" if parts else "")


def _why(answer: CriterionAnswer) -> str:
    own = f"{answer.id}: "
    said = [text.removeprefix(own) for text in answer.because if answer.bars or text.startswith(own)]
    if answer.attested is not None:
        said.append(f"attested by {answer.attested.by} on {answer.attested.effective.day} ({answer.attested.id})")
    if answer.open:
        said += [f"{words(name)} is {number}" for name, number in answer.numbers.items()]
    said += [item.because for item in answer.lacking]
    return "; ".join(dict.fromkeys(said))


def _missing(screening: Screening) -> tuple[Items, ...]:
    items = tuple(Item(listed(item.needed_by), capital(item.because)) for item in screening.lacking)
    return (Items(items),) if items else ()


def _questions(screening: Screening) -> tuple[Items, ...]:
    items = tuple(Item(answer.id, answer.question or "") for answer in screening.questions)
    return (Items(items),) if items else ()


def _unreadable(found: PatientScreening) -> tuple[Items, ...]:
    items = tuple(Item(item.event, f"{words(item.fact)} {item.message}") for item in found.unreadable)
    return (Items(items),) if items else ()


def _remarks(found: PatientScreening) -> tuple[Items, ...]:
    said = []
    if found.screening.assumptions:
        chosen = listed(f"{name} as {found.readings.get(name, 'stated')}" for name in found.screening.assumptions)
        said.append(f"Rests on the assumptions {chosen}; `show` says what they are.")
    if found.skipped:
        said.append(f"{counted(found.skipped, 'report')} skipped: this protocol does not read the fact.")
    if found.nameless:
        which = "It names no protocol" if len(found.nameless) == 1 else "They name no protocol"
        aside = f"{counted(len(found.nameless), 'attestation')} left aside: {listed(found.nameless)}."
        said.append(f"{aside} {which}, and the same number asks something else in another.")
    if found.ignored:
        said.append(f"{counted(found.ignored, 'event')} issued later left aside.")
    return (Items(tuple(Item("-", sentence) for sentence in said)),) if said else ()


def cohort_page(rows: Sequence[Mapping[str, Any]]) -> Page:
    """Many patients: how many of each answer by protocol, what keeps most of them out, then each patient."""
    protocols = tuple(dict.fromkeys(row["protocol"] for row in rows))
    counts = Counter((row["protocol"], row["answer"]) for row in rows)
    bars = Counter((row["protocol"], name) for row in rows for name in row["barring"])
    summary = tuple(
        (name, *(str(counts[name, answer]) for answer in ANSWERS), _commonest(bars, name)) for name in protocols
    )
    lines = tuple(
        (
            row["patient"],
            row["protocol"],
            ANSWERS[row["answer"]],
            ", ".join(row["barring"]) or "-",
            ", ".join(row["undecided"]) or "-",
        )
        for row in rows
    )
    return (
        Heading(f"{counted(len({row['patient'] for row in rows}), 'patient')} screened", 1),
        Grid(("Protocol", *(capital(words) for words in ANSWERS.values()), "Most kept out by"), summary),
        *section("Each patient", Grid(("Patient", "Protocol", "Answer", "Kept out by", "Still open"), lines)),
    )


def _commonest(bars: Counter[tuple[str, str]], protocol: str) -> str:
    found = Counter({name: number for (of, name), number in bars.items() if of == protocol})
    return ", ".join(f"{name} ({number})" for name, number in found.most_common(MOST_SHOWN)) or "-"


# --- the criteria of a file ------------------------------------------------------------------------------------------


GROUPS = (("Inclusion criteria", "I"), ("Exclusion criteria", "E"), ("Limits in the header of the record", "H"))


def criteria_page(protocol: Protocol) -> Page:
    """Every criterion of a protocol: data or attestation, by what it is decided, and the question."""
    return (Heading(f"{protocol.protocol}: eligibility criteria", 1), *criteria_sections(protocol))


def criteria_sections(protocol: Protocol) -> Page:
    """The criteria under a heading for each kind, and what the names in them mean."""
    found: list[Block] = []
    for title, letter in GROUPS:
        named = [(name, item) for name, item in protocol.criteria.items() if name.startswith(letter)]
        rows = tuple((name, item.text, decided_by(protocol, name, item), _how(protocol, item)) for name, item in named)
        if rows:
            found += section(title, Grid(("Id", "Criterion", "Decided by", "How"), rows))
    return (*found, *section("What the criteria read", *_derived_items(protocol)))


def criteria_json(protocol: Protocol) -> list[dict[str, Any]]:
    """The same for a program."""
    return [
        {
            "id": name,
            "text": item.text,
            "must_be_met": must_hold(name),
            "decided_by": decided_by(protocol, name, item),
            "condition": condition_words(protocol, item.if_) if item.if_ is not None else None,
            "question": item.ask,
            "window": str(item.window) if item.window is not None else None,
            "retests": item.retests,
        }
        for name, item in protocol.criteria.items()
    ]


def decided_by(protocol: Protocol, name: str, item: Criterion) -> str:
    """Whether data, a person's word, or sub-items decide a criterion."""
    ways = []
    if item.if_ is not None:
        ways.append("data")
    if item.ask is not None:
        ways.append("attestation")
    if any(other.startswith(f"{name}.") for other in protocol.criteria):
        ways.append("its sub-items")
    every = item.joins == "all" if item.joins is not None else must_hold(name)
    return (" and " if every else " or ").join(ways)


def _how(protocol: Protocol, item: Criterion) -> str:
    said = [condition_words(protocol, item.if_)] if item.if_ is not None else []
    if item.ask is not None:
        said.append(f"asked: {item.ask}")
    if item.window is not None:
        said.append(f"results no older than {item.window}")
    if item.retests is not None:
        said.append(f"at most {counted(item.retests, 'retest')}")
    rests = item.if_.rests if item.if_ is not None else ()
    return "; ".join(said) + cites(item.cite, item.rests, rests, silent=item.see)


FORMULAS = {
    "age_in_years": "whole years on the day of consent, or on the day asked about where there is none",
    "cockcroft_gault": "in mL/min, by Cockcroft and Gault from age, sex, weight and creatinine",
    "fridericia": "in ms, by Fridericia from an ECG",
}


def _derived_items(protocol: Protocol) -> tuple[Items, ...]:
    items = tuple(
        Item("-", f"{with_id(label(protocol, name), name)}: {_derived_words(protocol, item)}")
        for name, item in protocol.derived.items()
    )
    return (Items(items),) if items else ()


def _derived_words(protocol: Protocol, item: Derived) -> str:
    rests: tuple[str, ...] = ()
    match item:
        case Ratio():
            told = f"{_number_name(protocol, item.ratio)} divided by {_number_name(protocol, item.to)}"
        case HalfLives():
            told = f"how often the {fact_name(protocol, item.half_lives)} has gone by since the "
            told += fact_name(protocol, item.since)
        case Newest():
            told = f"the newest {fact_name(protocol, item.newest)} that is {listed(item.among, 'or')}"
        case Holds():
            told, rests = condition_words(protocol, item.holds), item.holds.rests
        case Formula():
            which = {"newest": "", "first": "; of the first result", "highest": "; the highest of all"}[item.results]
            if item.mean_of is not None:
                apart = ", the first left aside" if item.after_first else ""
                apart += f", of those after the first above {item.after_above}" if item.after_above is not None else ""
                which = f"; the mean of the newest {item.mean_of} results{apart}"
            told = FORMULAS[item.formula] + which
        case _:
            assert_never(item)
    return told + cites(item.cite, item.rests, rests)


def _number_name(protocol: Protocol, name: str) -> str:
    fact, _, part = name.partition(".")
    return f"the {words(part)} of {fact_name(protocol, fact)}" if part else fact_name(protocol, fact)
