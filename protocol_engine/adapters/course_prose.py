"""The steps of a course as numbered sentences, with decision tables as tables.

It is long because it is one recursion over the kinds of steps: each has its sentence, and stands inside others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from attrs import evolve

from protocol_engine.adapters.blocks import Block, Grid, Item, Items, Page, Paragraph
from protocol_engine.adapters.phrases import (
    Applied,
    Book,
    applied,
    capital,
    cell,
    cites,
    claims,
    condition_words,
    counted,
    drug_name,
    label,
    listed,
    option_name,
    procedure_name,
    regimen_name,
    with_id,
)
from protocol_engine.adapters.worked_prose import moment_words
from protocol_engine.engine.wording import words
from protocol_engine.model.conditions import Clause
from protocol_engine.model.protocol import (
    Allocate,
    ArmRule,
    Choose,
    Consent,
    Decide,
    Eligibility,
    End,
    Give,
    May,
    Need,
    Never,
    Observe,
    OpenIf,
    Perform,
    Refutation,
    Repeat,
    Step,
    Stop,
    Track,
    Until,
    Window,
)
from protocol_engine.model.units import NotStated

SAME_REGIMEN = "same_regimen"
ENDINGS = (
    ("the course ends (", "this track ends ("),
    ("The course ends (", "This track ends ("),
    ("protocol treatment ends, and", "the track ends, and"),
)
"""How an end is told of the course, and of a track."""


def course_items(book: Book, steps: Sequence[Step]) -> Page:
    """The steps of a course, numbered."""
    items = tuple(Item(f"{number}.", *_step(book, step)) for number, step in enumerate(steps, 1))
    return (Items(items),) if items else ()


def _step(  # noqa: C901  # one case for each kind of step
    book: Book, step: Step
) -> tuple[str, tuple[Block, ...]]:
    """A step as a sentence, and what stands below it."""
    match step:
        case Consent():
            return f"Written consent is given.{_claims(step)}", ()
        case Eligibility():
            return f"Eligibility is confirmed.{_claims(step)}", _refutations(book, step.refuted_by)
        case Allocate():
            return _allocation(book, step)
        case Give():
            return f"{capital(give_words(book, step))}.{_claims(step)}", _around(book, step)
        case Perform():
            when = "; when is not stated" if isinstance(step.timing, NotStated) else window_words(step.window)
            needs = _items(Item("-", need_words(book, need, what="It")) for need in step.needs)
            return f"{capital(procedure_name(book, step.perform))} is performed{when}.{_claims(step)}", needs
        case Decide():
            inner = _details(book, (inner for row in step.rows for inner in row.then))
            return f"Decision {step.decide}: {_rows_words(step)}.{_claims(step)}", (
                _decision_grid(book, step),
                *_items(inner),
            )
        case Choose():
            when = window_words(step.window)
            return f"The {step.by} chooses ({step.choose}){when}.{_claims(step)}", (
                _options(book, step),
                *_advice(book, step),
                *_items(_opens(book, step.option_if, step.while_unknown)),
                *_items(_details(book, (inner for option in step.options.values() for inner in option))),
            )
        case Repeat():
            return f"These steps are {_rounds_words(step)}.{_claims(step)}", (
                *course_items(book, step.steps),
                *_items(_until_item(book, until) for until in step.until),
            )
        case Observe():
            return f"{capital(observe_words(book, step))}.{_claims(step)}", _items(
                (
                    *(may_item(book, may) for may in step.may),
                    *(_until_item(book, until) for until in step.until),
                )
            )
        case End():
            return f"{capital(_end_words(step.end, step.follow_up))}.{_claims(step)}", ()
        case _:
            assert_never(step)


def _claims(step: Step | May | Until | Stop | Need | Never | Refutation) -> str:
    return cites(step.cite, step.rests, silent=getattr(step, "see", ()))


def _items(items: Iterable[Item]) -> Page:
    found = tuple(items)
    return (Items(found),) if found else ()


def _refutations(book: Book, refutations: Sequence[Refutation]) -> Page:
    return _items(
        Item("-", f"Not while it is known that {condition_words(book, refuted.if_)}.{_claims(refuted)}")
        for refuted in refutations
    )


def _allocation(book: Book, step: Allocate) -> tuple[str, tuple[Block, ...]]:
    refuted = _refutations(book, step.refuted_by)
    when = window_words(step.window)
    named = "" if step.is_first else f" ({step.allocate})"
    arms = (Item("-", _later_arm(book, name, steps)) for name, steps in (step.arms or {}).items())
    opens = _opens(book, step.arm_if, step.while_unknown)
    inside = _details(book, (inner for steps in (step.arms or {}).values() for inner in steps))
    if step.menu is None:
        told = f"The patient is allocated to an arm{named}{_ratio_words(step)}{when}; the draw is made elsewhere."
        return f"{told}{_claims(step)}", (*_items((*arms, *opens, *inside)), *refuted)
    lines = (Item("-", _arm_rule(book, line)) for line in step.menu)
    open_ones = "every arm whose line is known to hold is possible" if step.several is not None else "nobody chooses"
    waiting = _waiting_words(step) if step.several is not None else ""
    return f"The patient is allocated to an arm{named} by rule{when}, and {open_ones}{waiting}.{_claims(step)}", (
        *_items((*lines, *arms, *inside)),
        *refuted,
    )


def _ratio_words(step: Allocate) -> str:
    if isinstance(step.ratio, NotStated):
        return " in a ratio that is not stated"
    return f", {' to '.join(f'{share} {arm}' for arm, share in step.ratio.items())}" if step.ratio else ""


def _later_arm(book: Book, name: str, steps: Sequence[Step]) -> str:
    return f"Arm {name}: {steps_words(book, steps)}.{cites(_claims_in(steps))}"


def _only_if(book: Book, opens: OpenIf | None) -> str:
    """When an arm or an option is open, in a few words."""
    return f" (only if {condition_words(book, opens.if_)})" if opens is not None else ""


def _opens(book: Book, opens: Mapping[str, OpenIf], while_unknown: str) -> Iterable[Item]:
    """When single arms or options are open."""
    for name, item in opens.items():
        asked = applied(book, item.if_)
        told = f"{capital(words(name))} is open only if {asked.told or 'nothing more is asked'}{_only_with(asked)}."
        yield Item("-", told + cites(item.cite, item.rests, asked.rests))
    if opens and while_unknown == "wait":
        yield Item("-", "While this is unknown of one, the others wait.")
    elif opens:
        yield Item("-", "While this is unknown of one, the others are offered.")


def _arm_rule(book: Book, line: ArmRule) -> str:
    where = f"arm {line.arm}" if line.arm is not None else _end_words(line.end or "")
    return f"If {condition_words(book, line.if_)}: {where}.{cites(line.cite, line.rests)}"


# --- tracks ---------------------------------------------------------------------------------------------------------


def track_page(book: Book, name: str, track: Track) -> Page:
    """A track: when it begins, its steps, and what ends it alone."""
    begins = "with allocation"
    told = cites(track.cite, track.rests)
    idle = ""
    if track.when is not None:
        asked = applied(book, track.when)
        begins = f"as soon as it is known that {asked.told}" if asked.told else begins
        told, idle = cites(track.cite, track.rests, asked.rests), _only_with(asked)
    title, stops = with_id(track.title or words(name), name), stop_items(book, track.stops)
    return (
        Paragraph(f"Beside it, {title}: it may begin {begins}{idle}.{told}"),
        *(_of_a_track(block) for block in course_items(book, track.course)),
        *((Paragraph("Throughout this track:"), _of_a_track(Items(stops))) if stops else ()),
    )


def _of_a_track(block: Block) -> Block:
    """Steps and stops of a track: what ends there is this track, and the course goes on."""
    match block:
        case Items():
            return Items(tuple(Item(i.label, _ending(i.text), tuple(map(_of_a_track, i.inner))) for i in block.items))
        case Grid():
            return evolve(block, rows=tuple(tuple(map(_ending, row)) for row in block.rows))
        case _:
            return block


def _ending(text: str) -> str:
    for was, now in ENDINGS:
        text = text.replace(was, now)
    return text


# --- what is given -------------------------------------------------------------------------------------------------


def give_words(book: Book, step: Give) -> str:
    """What is given, and for how long."""
    regimen = "the regimen given before" if step.give == SAME_REGIMEN else regimen_name(book, step.give)
    if isinstance(step.cycles, NotStated):
        cycles = "for a number of cycles that is not stated"
    elif step.cycles == "without_end":
        cycles = "cycle after cycle until something stops it"
    else:
        cycles = f"for {counted(step.cycles, 'cycle')}"
    anew = "; its cycles are counted anew" if step.numbering == "anew" else ""
    first = window_words(step.window).replace(", ", ", its first dose ", 1)
    given = f"{regimen} is given {cycles}{anew}{first}"
    if step.element == step.give and step.title in (None, book.regimens[step.give].name):
        return given
    return f"{step.title or words(step.element)} (element {step.element}): {given}"


def _rounds_words(step: Repeat) -> str:
    if step.repeat == "without_end":
        return "repeated without end"
    return "taken once, as one group" if step.repeat == 1 else f"taken {step.repeat} times"


def observe_words(book: Book, step: Observe) -> str:
    """That nothing is given for a while."""
    given = ": no treatment is given" if book.subject == "patient" else ""
    return f"{step.title or words(step.observe)} (element {step.observe}){given}"


def window_words(window: Window | None) -> str:
    """When an act may be done; empty where no window says so."""
    if window is None:
        return ""
    times = (
        f"{told} {length} after"
        for told, length in (
            ("not earlier than", window.earliest),
            ("due", window.due),
            ("not later than", window.latest),
        )
        if length is not None
    )
    return f", {listed(times)} {moment_words(window.from_)}{cites(window.cite, window.rests)}"


def _around(book: Book, step: Give) -> Page:
    return _items(
        (
            *(Item("-", need_words(book, need)) for need in step.needs),
            *(may_item(book, may) for may in step.may),
            *(_until_item(book, until) for until in step.until),
        )
    )


def _details(book: Book, steps: Iterable[Step]) -> Iterable[Item]:
    """What steps need, permit and are closed by that are told in one line: each as an item with that below it."""
    for step in steps:
        match step:
            case Give() | Observe():
                name = step.element if isinstance(step, Give) else step.observe
                below = _around(book, step) if isinstance(step, Give) else _step(book, step)[1]
                if below:
                    yield Item("-", f"{capital(step.title or words(name))} (element {name}):", below)
            case Perform() if step.needs:
                yield Item("-", f"{capital(procedure_name(book, step.perform))}:", _step(book, step)[1])
            case Choose() if step.advised or any(step.options.values()):
                advice = (Item("-", f"The choice {step.choose}:", _advice(book, step)),) if step.advised else ()
                yield from (*advice, *_details(book, (inner for option in step.options.values() for inner in option)))
            case Allocate() | Decide() | Repeat():
                if isinstance(step, Repeat) and step.until:
                    yield Item("-", "These steps together:", _items(_until_item(book, until) for until in step.until))
                groups = (step.steps,) if isinstance(step, Repeat) else tuple(inner_steps(step))
                yield from _details(book, (inner for group in groups for inner in group))
            case _:
                pass


def _until_item(book: Book, until: Until) -> Item:
    return Item("-", _until_words(book, until), _items(_details(book, until.then)))


def may_item(book: Book, may: May) -> Item:
    """What may be done beside a course, with what its steps need below it."""
    steps = (inner for option in (may.options or {}).values() for inner in option or ())
    return Item("-", may_words(book, may), _items(_details(book, steps)))


def need_words(book: Book, need: Need, what: str = "Every dose") -> str:
    """What must be known to hold before a dose, or before a procedure."""
    asked = applied(book, need.if_)
    if asked.told:
        return f"{what} needs: {asked.told}{_only_with(asked)}.{_claims(need)}"
    reading = listed(f"{name} is read as {book.readings[name]}" for name in asked.rests)
    nothing = "No dose needs anything more" if what == "Every dose" else f"{what} needs nothing more"
    return f"{nothing}, since {reading}.{_claims(need)}"


def _only_with(asked: Applied) -> str:
    return f" (only with {asked.idle}, which is not selected)" if asked.idle else ""


def may_words(book: Book, may: May) -> str:
    """What may be done beside a course, in a sentence."""
    if may.perform is not None:
        act = f"{procedure_name(book, may.perform)} may be performed"
    elif may.give_also is not None:
        act = f"{regimen_name(book, may.give_also)} may be given also"
    else:
        act = f"the {may.by} may choose" if may.by is not None else "a new choice may be made"
        act += f" ({may.choose})"
        if may.options is not None:
            act += f": {_alternatives(book, {name: steps or () for name, steps in may.options.items()})}"
    act += ", listed as an option" if may.strength == "option" else ""
    if may.if_ is None:
        return f"{capital(act)}.{_claims(may)}"
    asked = applied(book, may.if_)
    condition = f"if {asked.told}, " if asked.told else ""
    return f"{capital(condition + act)}{_only_with(asked)}.{cites(may.cite, may.rests, asked.rests, silent=may.see)}"


def never_words(book: Book, never: Never) -> str:
    """A drug that nobody in an arm is given."""
    return f"Nobody in this arm is given {drug_name(book, never.drug)} under the protocol.{_claims(never)}"


def _until_words(book: Book, until: Until) -> str:
    asked = applied(book, until.if_)
    then = steps_words(book, until.then) if until.then else "what follows comes next"
    claims_too = _claims_in(until.then)
    end = f"It ends as soon as it is known that {asked.told}; then {then}{_only_with(asked)}."
    return end + cites(until.cite, until.rests, asked.rests, claims_too)


# --- stops and ends ------------------------------------------------------------------------------------------------


def stop_items(book: Book, stops: Sequence[Stop]) -> tuple[Item, ...]:
    """What stops a course from outside."""
    steps = ((stop, stop.then or stop.instead or ()) for stop in stops)
    return tuple(Item("-", _stop_words(book, stop), _items(_details(book, inner))) for stop, inner in steps)


def _stop_words(book: Book, stop: Stop) -> str:
    asked = applied(book, stop.when)
    if stop.end is not None:
        then = _end_words(stop.end, stop.follow_up)
    elif stop.instead is not None:
        then = f"the course is left, and what takes its place is: {steps_words(book, stop.instead)}"
    else:
        then = f"protocol treatment ends, and what stays open is: {steps_words(book, stop.then or ())}"
    told = f"As soon as it is known that {asked.told}: {then}{_only_with(asked)}."
    return told + cites(stop.cite, stop.rests, asked.rests, _claims_in(stop.then or stop.instead or ()))


def _end_words(reason: str, follow_up: str | None = None) -> str:
    return f"the course ends ({reason})" + (f", and {follow_up} is followed" if follow_up is not None else "")


def _rows_words(step: Decide) -> str:
    """Which rows of a table say what comes next."""
    if step.several is None:
        return "the row that is known to hold says what comes next"
    who = f"the {step.by}" if step.by is not None else "whoever acts"
    several = f"where several do, no priority is given, and {who} takes one by acting"
    return f"each row that is known to hold says what may come next; {several}{_waiting_words(step)}"


def _waiting_words(step: Decide | Allocate) -> str:
    if step.while_unknown == "wait":
        return "; nothing is offered before it is known of all of them whether they hold"
    return "; those that hold are offered while others are not known"


# --- decisions and choices -----------------------------------------------------------------------------------------


def _decision_grid(book: Book, step: Decide) -> Grid:
    """A column for each value that some row tests, a line for each clause; empty where any value will do."""
    names = tuple(dict.fromkeys(test.name for row in step.rows for test in row.if_.tests))
    rows = []
    for row in step.rows:
        then = capital(steps_words(book, row.then))
        told = claims(row.cite, row.rests, row.if_.rests, _claims_in(row.then))
        for clause in row.if_.clauses:
            rows.append((*(_cell(book, clause, name) for name in names), then, told))
            then, told = "the same", ""
    return Grid((*(label(book, name) for name in names), "then", "claims"), tuple(rows))


def _cell(book: Book, clause: Clause, name: str) -> str:
    return listed(cell(book, named) for named in clause.tests if named.name == name)


def _options(book: Book, step: Choose) -> Items:
    items = []
    for name, steps in step.options.items():
        named = "; which one is said in words" if name == step.says_which else ""
        told = (*step.option_cites.get(name, ()), *_claims_in(steps))
        items.append(Item("-", f"{capital(_option_words(book, name, steps))}{named}.{cites(told)}"))
    return Items(tuple(items))


def _advice(book: Book, step: Choose) -> Page:
    """Which option is advised when; another one may be taken with a reason."""
    return _items(
        Item(
            "-",
            f"Advised if {condition_words(book, line.if_)}: {option_name(book, line.option)}; "
            f"another option needs a reason.{cites(line.cite, line.rests, line.if_.rests)}",
        )
        for line in step.advised
    )


def _option_words(book: Book, name: str, steps: Sequence[Step]) -> str:
    if not steps:
        return option_name(book, name)
    first = steps[0]
    if isinstance(first, Give) and first.give == name:
        return steps_words(book, steps)
    return f"{option_name(book, name)}: {steps_words(book, steps)}"


def _alternatives(book: Book, options: Mapping[str, Sequence[Step]]) -> str:
    return "; or ".join(_option_words(book, name, steps) for name, steps in options.items())


def steps_words(book: Book, steps: Sequence[Step]) -> str:
    """Steps in one line, for a cell or the end of a sentence; without their claims, see :func:`_claims_in`."""
    return ", then ".join(_step_words(book, step) for step in steps) or "nothing more"


def _step_words(book: Book, step: Step) -> str:
    match step:
        case Give():
            return give_words(book, step)
        case Choose():
            opens = listed(f"{words(name)}{_only_if(book, item)}" for name, item in step.option_if.items())
            only = f"; {opens}" if opens else ""
            when = window_words(step.window)
            return f"the {step.by} chooses ({step.choose}){when}: {_alternatives(book, step.options)}{only}"
        case Perform():
            return f"{procedure_name(book, step.perform)}{window_words(step.window)}"
        case Observe():
            return observe_words(book, step)
        case End():
            return _end_words(step.end, step.follow_up)
        case Repeat():
            rounds = "without end" if step.repeat == "without_end" else _rounds_words(step)
            return f"{rounds}: {steps_words(book, step.steps)}"
        case Decide():
            return "; ".join(f"if {condition_words(book, row.if_)}: {steps_words(book, row.then)}" for row in step.rows)
        case Allocate() if not step.is_first:
            arms = "; or ".join(
                f"{name}{_only_if(book, step.arm_if.get(name))}: {steps_words(book, inner)}"
                for name, inner in (step.arms or {}).items()
            )
            return f"allocation {words(step.allocate)} to {arms}"
        case Consent() | Eligibility() | Allocate():
            return _step(book, step)[0].partition(".")[0].lower()
        case _:
            assert_never(step)


def _claims_in(steps: Iterable[Step]) -> tuple[str, ...]:
    """Every claim that steps rest on, with those of the steps inside them."""
    found: list[str] = []
    for step in steps:
        found += [*step.cite, *step.rests, *getattr(step, "see", ())]
        opens = getattr(step, "arm_if", None) or getattr(step, "option_if", None) or {}
        found += [claim for item in opens.values() for claim in (*item.cite, *item.rests)]
        for inner in inner_steps(step):
            found += _claims_in(inner)
    return tuple(found)


def inner_steps(step: Step) -> Iterable[Sequence[Step]]:
    """The lists of steps that stand inside a step."""
    match step:
        case Choose():
            yield from step.options.values()
        case Allocate():
            yield from (step.arms or {}).values()
        case Decide():
            for row in step.rows:
                yield row.then
        case Repeat():
            yield step.steps
            for until in step.until:
                yield until.then
        case Give() | Observe():
            for until in step.until:
                yield until.then
        case _:
            return
