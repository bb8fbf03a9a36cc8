"""The one door: a course is a value, and :func:`step` gives the next one with a decision. Nothing here has a clock.

:func:`propose` answers "may this be done now?", :func:`decide` "what comes next?"; :func:`replay` derives a course.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property

from attrs import evolve, field, frozen

from protocol_engine.codec import canonical
from protocol_engine.engine import deriving
from protocol_engine.engine.deciding import Decider
from protocol_engine.engine.deriving import State
from protocol_engine.engine.folding import Fold, Folder, Trace
from protocol_engine.engine.intake import accept_one
from protocol_engine.engine.judging import judge
from protocol_engine.engine.rewriting import known_too_early
from protocol_engine.engine.shown_names import meant
from protocol_engine.errors import InputError, cut
from protocol_engine.machine import PlaceMachine
from protocol_engine.model.decision import Answer, Decision, each_once
from protocol_engine.model.events import Act, ActEvent, PatientEvent, Rewrite
from protocol_engine.model.table import Table


class Machine:
    """A compiled protocol, ready to decide: its table, and what is worked out from it once."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.places = PlaceMachine(table)
        self.folder = Folder(table, self.places)
        self.decider = Decider(table)
        self.begun = self.folder.begun()
        self.named = canonical({"protocol": self.decider.identity, "readings": table.readings})
        """What every record says of the machine, written once."""

    def under(self, fold: Fold) -> Machine:  # noqa: ARG002  # of several versions it says which
        """The machine of the version of the protocol under which a fold is: there is one."""
        return self

    def of(self, protocol: Mapping[str, str]) -> Machine | None:
        """The machine that a decision or a record names; None if it is another."""
        return self if protocol == self.decider.identity else None

    def like(self, protocol: Mapping[str, str]) -> Machine:  # noqa: ARG002
        """The machine of the version that a record names, whatever its digest, to say how the two differ."""
        return self

    def bases(self, version: str) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """The claims behind each row, as a version of the protocol names them."""
        return self.table.bases

    def cites(self, claims: tuple[str, ...], judged_by: str | None, version: str) -> tuple[str, ...]:  # noqa: ARG002
        """The claims of a verdict, as a version of the protocol names them."""
        return claims

    @cached_property
    def blinded(self) -> Machine | None:
        """The machine of those who must not know the arm; None where nothing is hidden."""
        blinding = self.table.blinding
        return Machine(blinding.table) if blinding is not None and blinding.table is not None else None


@frozen
class Step:
    """What one event did: the new course, the decision after it, the trace, and what a late event changed.

    ``place_before`` and ``place_after`` are places of the course. The trace is of the event in its turn, which for a
    late one lies behind the course.
    """

    event: PatientEvent
    state: State
    decision: Decision
    trace: Trace
    place_before: str
    repeated: bool = False
    changed: tuple[str, ...] = field(default=())

    @property
    def place_after(self) -> str:
        """Where the course is with the event."""
        return self.state.now.position.all_places


def begin(machine: Machine) -> State:
    """A course in which nothing has happened yet."""
    return State({}, {}, machine.begun, machine.begun)


def step(machine: Machine, state: State, event: PatientEvent) -> Step:
    """Take one event into the course. The state is not changed; the new one is in the answer.

    The same id with the same content changes nothing; with other content it is an :class:`InputError`, and so is an
    event that the protocol cannot read, or a correction or retraction issued before the event that it names.
    """
    event = accept_one(machine.table, event)
    known, place = state.events.get(event.id), state.now.position.all_places
    if known is not None:
        if known != event:
            raise InputError(
                f"{cut(event.id)}: this id was reported before with other content; correct that event instead"
            )
        return Step(event, state, decide(machine, state), Trace(place, place), place, repeated=True)
    for fault in known_too_early(event, state.events, state.rewrites if event.id in state.named else ()):
        raise InputError(fault)
    changed: tuple[str, ...] = ()
    if not isinstance(event, Rewrite) and deriving.comes_next(state, event):
        new, trace = deriving.appended(machine.folder, state, event)
    else:
        new, trace = deriving.changed(machine.folder, state, event)
        changed = _changes(state, new, event)
    return Step(event, new, decide(machine, new), trace, place, changed=changed)


def derived(machine: Machine, events: Mapping[str, PatientEvent], watched: str | None = None) -> tuple[State, Trace]:
    """The whole course from its events, in whatever order they came; the trace is that of the event ``watched``."""
    return deriving.derived(machine.folder, events, watched)


def _changes(old: State, new: State, event: PatientEvent) -> tuple[str, ...]:
    """What a late event, a correction or a retraction changed in what was said before."""
    before, after = _verdicts(old), _verdicts(new)
    found = [
        f"{name}: {_said(old, name, before)} before, {_said(new, name, after)} now"
        for name in sorted(before.keys() | after.keys())
        if name in old.events and before.get(name) != after.get(name)
    ]
    moves_by_itself = isinstance(event, Act)
    was, now = old.now.position.all_places, new.now.position.all_places
    if not moves_by_itself and was != now:
        found.append(f"the place was {was} and is {now}")
    if old.now.position.ended != new.now.position.ended:
        found.append("whether and when the course ended has changed")
    return tuple(found)


def _verdicts(state: State) -> dict[str, str]:
    """The verdict on every act that stands."""
    found = {name: "allowed" for name, event in state.standing.items() if isinstance(event, Act)}
    return found | {deviation.event: deviation.verdict for deviation in state.deviations}


def _said(state: State, name: str, verdicts: Mapping[str, str]) -> str:
    """What was said of an event in one or two words: its verdict, or why it has none."""
    if name in verdicts:
        return verdicts[name]
    event = state.standing.get(name, state.events[name])
    if isinstance(event, Rewrite):
        return f"a {event.kind}"
    return "a report" if name in state.standing else "retracted"


def known_by(machine: Machine, state: State, day: date) -> tuple[State, int]:
    """The course of what had been issued by that day, and how many later events it leaves out."""
    if state.as_of is None or day >= state.as_of:
        return state, 0
    events = {name: event for name, event in state.events.items() if event.issued.day <= day}
    return derived(machine, events)[0], len(state.events) - len(events)


def known_on(machine: Machine, state: State, day: date) -> tuple[State, int]:
    """The course as known by a day, and as it stands on it: what falls by the calendar until then has fallen."""
    known, left_out = known_by(machine, state, day)
    return evolve(known, now=machine.folder.on(known.now, day)), left_out


def decide(machine: Machine, state: State, as_of: date | None = None) -> Decision:
    """What comes next as of a day (default: the last date among the events), from what had been issued by then."""
    day = as_of if as_of is not None else state.as_of
    left_out = 0
    if as_of is not None:
        state, left_out = known_by(machine, state, as_of)
    extra = [f"{left_out} {'event' if left_out == 1 else 'events'} issued after {as_of} left aside"] if left_out else []
    fold = machine.folder.on(state.now, day)
    return machine.under(fold).decider.decide(fold, day, state.deviations, state.hindsight, extra)


def propose(machine: Machine, state: State, event: PatientEvent) -> Answer:
    """May this be done on its day, as known at the end of that day? Changes nothing. Reports are always taken."""
    event = accept_one(machine.table, event)
    if not isinstance(event, Act):
        if isinstance(event, Rewrite):
            raise InputError(f"a {event.kind} is recorded, not proposed")
        return Answer(True, "allowed", (), ())
    state, _ = known_by(machine, state, event.effective.day)
    return _answer(machine.folder.on(state.now, event.effective.day), event)


def _answer(now: Fold, event: ActEvent) -> Answer:
    judged = judge(now.standing, meant(now.standing.table, event, now.position.arm))
    tried = each_once(judged.tried, now.standing.ways())
    return Answer(judged.verdict == "allowed", judged.verdict, judged.because, judged.cites, tried)


def replay(machine: Machine, events: Iterable[PatientEvent]) -> Iterator[Step]:
    """Every step of a course, in the order in which its events arrived."""
    state = begin(machine)
    for event in events:
        taken = step(machine, state, event)
        state = taken.state
        yield taken


__all__ = [
    "Machine",
    "State",
    "Step",
    "begin",
    "decide",
    "derived",
    "known_by",
    "propose",
    "replay",
    "step",
]
