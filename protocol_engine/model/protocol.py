"""A study protocol as it is written in its file: frozen nodes, one for each construct of the language.

Nothing here moves a patient; :mod:`protocol_engine.compiler` turns it into a table of rows.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from protocol_engine.errors import Mark
from protocol_engine.model.claims import Assumption, Node, Silence
from protocol_engine.model.conditions import Condition
from protocol_engine.model.doses import Dose, Ladder, Modification
from protocol_engine.model.facts import NO_CITES, NO_NAMES, Cites, FactDefinition, Name, Names
from protocol_engine.model.masking import Masking
from protocol_engine.model.screening import Criterion, Derived
from protocol_engine.model.units import DoseDays, Duration, Length, NotStated, Route
from protocol_engine.model.values import Value

FIRST_ALLOCATION = "arm"
"""The name of the allocation to the arms of the file; others have names of their own."""


@frozen(kw_only=True)
class Record(Node):
    """Which registry record the file was written from: registry, and the date or version of the record."""

    registry: str
    version: str


@frozen(kw_only=True)
class Moved(Node):
    """Where a patient of the version before goes on: from a place (of ``arm``) ``to`` another, or she ``stays``.

    A place is called by its element, procedure or ``choice=option``. Without ``from`` all places of ``arm`` are meant.
    """

    arm: str | None = None
    from_: str | None = None
    to_arm: str | None = None
    to: str | None = None
    stays: bool = False
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Amends(Node):
    """Which ``version`` of the protocol this one amends, and ``when`` a course that is under it may move over.

    ``move`` says how the move is listed once it may be made. ``map`` names places that are called otherwise here.
    """

    version: str
    when: Condition
    move: Literal["required", "permitted"] = "required"
    map: tuple[Moved, ...] = ()
    see: Cites = NO_CITES
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Design(Node):
    """Design of the study. ``ratio`` maps arms to their share; ``planned`` is the planned number of patients."""

    allocation: Literal["randomised", "by_rule"]
    masking: Literal["open_label", "blinded"]
    phase: int
    planned: int
    ratio: dict[str, int] | NotStated | None = None
    see: Cites = NO_CITES


@frozen(kw_only=True)
class Drug(Node):
    """A drug by its display name. ``codes`` maps a coding system (atc, rxnorm, ncit, local) to a code."""

    name: str
    codes: dict[str, str]
    see: Cites = NO_CITES


@frozen(kw_only=True)
class Procedure(Node):
    """A procedure the protocol names. With ``history: yes`` one done before allocation is medical history."""

    name: str
    codes: dict[str, str] = field(factory=dict)
    history: bool = False


@frozen(kw_only=True)
class NamedSet(Node):
    """A set of names that facts are tested against; ``are`` maps each name to its code in ``system``."""

    of: str
    system: str
    are: dict[str, str]
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Administration(Node):
    """One line of a regimen: a ``drug``, or the ``part`` that an option of a choice fills.

    ``times_a_day`` counts doses a day; ``in_cycles`` limits the line to those cycles, counted from the first cycle of
    the element, or of the chosen option. ``named_in`` takes the drug's name from a choice.
    """

    drug: str | None = None
    part: str | None = None
    named_in: str | None = None
    dose: Dose | None = None
    route: Route | None = None
    times_a_day: int | None = None
    days: DoseDays | None = None
    in_cycles: tuple[int, ...] | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class PartOption(Node):
    """What one option of a choice adds to a regimen."""

    gives: tuple[Administration, ...]
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Part(Node):
    """A piece of a regimen that is filled by the option taken in the choice ``chosen_in``."""

    chosen_in: str
    options: dict[str, PartOption]


@frozen(kw_only=True)
class NextCycle(Node):
    """When the next cycle is due: ``due`` after ``after_day`` of this one; never earlier than its whole length.

    The length counts ``from`` the day 1 that was given, or from the planned one: then no delay moves later cycles. A
    planned cycle is due on the day after the last dose at the earliest.
    """

    due: Duration | None = None
    after_day: int = 1
    from_: Literal["given", "planned"] = "given"


@frozen(kw_only=True)
class Delay(Node):
    """A reason for which a dose may be given later: ``up_to`` so long after it is due.

    It counts once it holds on the day on which the dose is due or on a later one, until the dose is given; of several
    reasons the longest. ``doses`` narrows it to day 1 of the cycles, or to their later days.
    """

    if_: Condition
    up_to: Duration
    doses: Literal["day_1", "later_days"] | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Omitted(Node):
    """What becomes of a dose that is left out.

    Day 1 of a further cycle is ``made_up`` (it stays due and uses no number), ``skipped`` (the cycle runs under its
    number without it, from the day on which it was due, and is not one of the ``cycles`` of the element), or ``counts``
    (the same, and is one of them). A later day is ``skipped`` (it is settled), or ``made_up`` (it stays due).
    """

    day_1: Literal["made_up", "skipped", "counts"] = "made_up"
    later_days: Literal["skipped", "made_up"] = "skipped"
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Tolerance(Node):
    """How long before and after the day on which a dose is due it may be given."""

    before: Duration | None = None
    after: Duration | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Window(Node):
    """When an act may be done, counted ``from`` an earlier one: ``earliest``, ``due``, and ``latest``.

    Hours count from the instant of that act, all others from its day.
    """

    from_: str
    earliest: Length | None = None
    due: Length | None = None
    latest: Length | None = None
    cite: Cites = NO_CITES

    @property
    def in_hours(self) -> bool:
        """Whether one of its ends counts hours."""
        return any(end is not None and end.unit == "hours" for end in (self.earliest, self.due, self.latest))


@frozen(kw_only=True)
class Regimen(Node):
    """Drugs given together in cycles. A field that is left out must be covered by a line of ``not_stated``."""

    name: str | None = None
    cycle: Duration | None = None
    gives: tuple[Administration, ...]
    next_cycle: NextCycle | None = None
    tolerance: Tolerance | None = None
    delays: tuple[Delay, ...] = ()
    omitted: Omitted | None = None
    not_stated: Cites = NO_CITES
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Consent(Node):
    """Written consent must be given."""

    consent: Literal["written"]
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Refutation(Node):
    """A known fact that contradicts what somebody attests. Unknown does not contradict."""

    if_: Condition
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Eligibility(Node):
    """Eligibility must be attested as met; a known contradiction in ``refuted_by`` withdraws the offer."""

    eligibility: Literal["met"]
    refuted_by: tuple[Refutation, ...] = ()
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class ArmRule(Node):
    """A line of an allocation by rule: the arm, or the end, that the condition leads to."""

    if_: Condition
    arm: str | None = None
    end: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class OpenIf(Node):
    """When an arm of an allocation, or an option of a choice, is open."""

    if_: Condition
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Allocate(Node):
    """Allocation to an arm: randomised elsewhere, or by the rules of ``menu``.

    ``allocate: arm`` is the first, to the arms of the file. A later one has a name of its own, and ``arms`` with the
    steps of each, which come before what follows. With ``several: offer`` several lines of the menu may hold, and all
    their arms are offered. ``arm_if`` says when single arms are open; with ``while_unknown``
    ``wait`` an arm of which that is unknown keeps the others waiting, with ``offer`` it does not. ``ratio`` is that of
    a later allocation; the design holds that of the first.
    """

    allocate: Name
    arms: dict[str, tuple[Step, ...]] | None = None
    menu: tuple[ArmRule, ...] | None = None
    arm_if: dict[str, OpenIf] = field(factory=dict)
    several: Literal["offer"] | None = None
    while_unknown: Literal["wait", "offer"] = "wait"
    ratio: dict[str, int] | NotStated | None = None
    window: Window | None = None
    refuted_by: tuple[Refutation, ...] = ()
    see: Cites = NO_CITES
    cite: Cites = NO_CITES

    @property
    def is_first(self) -> bool:
        """Whether it is the allocation to the arms of the file."""
        return self.allocate == FIRST_ALLOCATION


@frozen(kw_only=True)
class May(Node):
    """An act that is possible beside what an element does: a procedure, a regimen given also, or a choice.

    Without ``options`` steps the patient stays where she is. ``strength`` says how it is listed.
    """

    perform: str | None = None
    give_also: str | None = None
    choose: Name | None = None
    options: dict[str, tuple[Step, ...] | None] | None = None
    by: str | None = None
    if_: Condition | None = None
    strength: Literal["option", "permitted"] = "permitted"
    see: Cites = NO_CITES
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Until(Node):
    """What closes an element: as soon as the condition is true, ``then`` and what follows come next."""

    if_: Condition
    then: tuple[Step, ...] = ()
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Stop(Node):
    """What stops every element of its scope: an ``end``, or other steps that cut the rest.

    ``then`` stands behind the end of treatment. ``instead`` takes the place of the course and is treatment: the other
    stops, the needs and the permissions of the file and of the arm hold in it.
    """

    when: Condition
    end: str | None = None
    follow_up: Literal["survival"] | None = None
    then: tuple[Step, ...] | None = None
    instead: tuple[Step, ...] | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Need(Node):
    """A condition without which no dose in its scope is given; unknown waits."""

    if_: Condition
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Never(Node):
    """A drug that nobody in this arm is given under the protocol."""

    drug: str
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Give(Node):
    """An element that gives a regimen for a number of cycles.

    ``cycles`` is a number, ``without_end`` (only its stops leave it) or ``not_stated``. Cycles are numbered through the
    arm unless ``numbering: anew``. ``window`` is that of its first dose. ``give: same_regimen`` repeats the regimen
    that led here.
    """

    give: str
    element: Name
    title: str | None = None
    cycles: int | Literal["without_end"] | NotStated
    numbering: Literal["through", "anew"] = "through"
    window: Window | None = None
    needs: tuple[Need, ...] = ()
    may: tuple[May, ...] = ()
    until: tuple[Until, ...] = ()
    see: Cites = NO_CITES
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Perform(Node):
    """A procedure that must be done; ``needs`` are conditions without which it is not."""

    perform: str
    timing: NotStated | None = None
    window: Window | None = None
    needs: tuple[Need, ...] = ()
    see: Cites = NO_CITES
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class DecisionRow(Node):
    """One line of a decision table."""

    if_: Condition
    then: tuple[Step, ...]
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Decide(Node):
    """A decision table. It guards the first acts behind it and commits to nothing until one of them happens.

    With ``several: offer`` several rows may hold, and what they begin with is offered side by side: whoever acts takes
    the branch, and ``by`` says who that is. ``while_unknown`` says what becomes of rows that hold while another is
    unknown: they ``wait`` for it, or are offered.
    """

    decide: str
    rows: tuple[DecisionRow, ...]
    several: Literal["offer"] | None = None
    while_unknown: Literal["wait", "offer"] = "wait"
    by: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Advice(Node):
    """An ``option`` of a choice that is advised while a condition holds; another one may be taken with a reason."""

    if_: Condition
    option: str
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Choose(Node):
    """A choice that a person makes among exactly these options.

    ``says_which`` names the option that must come with a ``name`` in words. An option's steps come before what follows.
    ``option_cites`` gives claims that single options rest on, beside those of the choice. ``option_if`` says when
    single options are open; with ``while_unknown`` ``wait`` an option of which that is unknown keeps the others
    waiting, with ``offer`` it does not. ``advised`` says which option is advised when.
    """

    choose: Name
    by: str
    options: dict[str, tuple[Step, ...]]
    says_which: str | None = None
    advised: tuple[Advice, ...] = ()
    window: Window | None = None
    option_if: dict[str, OpenIf] = field(factory=dict)
    while_unknown: Literal["wait", "offer"] = "wait"
    option_cites: dict[str, Cites] = field(factory=dict)
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Repeat(Node):
    """Steps that start again when they are done: a number of times, after which comes what follows, or without end.

    Each of its ``until`` leaves the whole of it. ``repeat: 1`` is a group of steps with an exit of its own.
    """

    repeat: int | Literal["without_end"]
    steps: tuple[Step, ...]
    until: tuple[Until, ...] = ()
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Observe(Node):
    """A stretch without treatment, such as surveillance, that is entered by itself as soon as it comes next.

    ``observe`` is its name, in one space with the elements that give. Only ``until`` or a stop leaves it; what it
    ``may`` permit beside, assessments and calendars go on.
    """

    observe: Name
    title: str | None = None
    may: tuple[May, ...] = ()
    until: tuple[Until, ...] = ()
    see: Cites = NO_CITES
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class End(Node):
    """The end of protocol treatment, with its reason."""

    end: str
    follow_up: Literal["survival"] | None = None
    cite: Cites = NO_CITES


Step = Consent | Eligibility | Allocate | Give | Perform | Decide | Choose | Repeat | Observe | End


@frozen(kw_only=True)
class Track(Node):
    """A course of its own beside the main one, such as radiotherapy. It begins once ``when`` holds, or at allocation.

    Its ``end`` and its ``stops`` end this track alone.
    """

    title: str | None = None
    when: Condition | None = None
    course: tuple[Step, ...]
    stops: tuple[Stop, ...] = ()
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Arm(Node):
    """A study arm: its course, what stops it, what its doses need, what may be done beside it, what is never given.

    ``tracks`` are courses that go on beside its own.
    """

    title: str
    course: tuple[Step, ...]
    tracks: dict[str, Track] = field(factory=dict)
    stops: tuple[Stop, ...] = ()
    needs: tuple[Need, ...] = ()
    may: tuple[May, ...] = ()
    never: tuple[Never, ...] = ()
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class DateExpression(Node):
    """A date in an endpoint: exactly one of the fields.

    ``date_of`` an act, a report such as ``death``, or a value that has a day; ``start_of`` an element; ``first`` a fact
    ``is`` a level, dated after ``since``; ``earliest`` of several.
    """

    date_of: str | None = None
    start_of: str | None = None
    first: str | None = None
    is_: tuple[str, ...] = ()
    since: str | None = None
    earliest: tuple[DateExpression, ...] | None = None


@frozen(kw_only=True)
class Response(Node):
    """Which results of a ``fact``, or of a value, count, and after how long they must be seen again to count.

    Of a fact only results of later days than the act or element ``since`` count, and reports with the details
    ``where``.
    """

    fact: str
    is_: tuple[str, ...]
    confirmed_after: Duration | None = None
    since: str | None = None
    where: dict[str, Names] = field(factory=dict)


@frozen(kw_only=True)
class MissedVisits(Node):
    """So many ``visits`` in a row that a calendar asks for, without a result ``of`` a fact, or of a ``last`` of it."""

    visits: int
    of: str


@frozen(kw_only=True)
class Endpoint(Node):
    """A time to event (``from``, ``to``, assessed ``up_to``) or a rate (``of``), with its censoring.

    What comes on a later day than the first of ``closed_by``, or than the last day of the visits ``missed``, does not
    count. Who has no event is censored on the latest day under ``censoring`` that does.
    """

    title: str | None = None
    from_: DateExpression | None = None
    to: DateExpression | None = None
    up_to: Duration | None = None
    of: Response | None = None
    of_words: str | None = None
    closed_by: Names = NO_NAMES
    missed: MissedVisits | None = None
    censoring: Names | NotStated | None = None
    see: Cites = NO_CITES
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Announcement(Node):
    """What a course makes known elsewhere: the ``value`` of its own that a fact of the other file follows.

    A patient's course announces to the trial, and the trial to every patient's course.
    """

    value: Name
    cite: Cites = NO_CITES


@frozen
class ChoiceElsewhere:
    """A choice as all readings of a file know it: its options, each with the assumptions on which it depends."""

    options: dict[str, tuple[str, ...]]
    says_which: str | None
    rests: tuple[str, ...]


@frozen
class Elsewhere:
    """The acts that a file knows by name under any of its readings, with the assumptions on which they depend.

    A course recorded under one reading is read under another: what only that one knows is not allowed, but no error.
    """

    arms: dict[str, tuple[str, ...]] = field(factory=dict)
    regimens: dict[str, tuple[str, ...]] = field(factory=dict)
    procedures: dict[str, tuple[str, ...]] = field(factory=dict)
    choices: dict[str, ChoiceElsewhere] = field(factory=dict)


@frozen(kw_only=True)
class Protocol(Node):
    """A whole protocol file, for one selection of readings.

    ``ends`` adds the record's own claims to the ends that hold in every protocol: ``death``, ``off_study``,
    ``study_closure``, ``withdrawal`` and ``discontinuation``. With ``subject: trial`` the course is that of the trial
    itself, in which nobody is treated. ``announces`` are facts of the other file that follow values of this one: of the
    trial's own file, or of that of its patients.
    """

    # ``line_marks`` says where each line of ``rules`` and ``ends`` stands, by its path, since these are no nodes; and
    # ``ends_rests`` are the assumptions whose selected reading was put in under ``ends``.

    protocol: Name
    subject: Literal["patient", "trial"] = "patient"
    title: str
    record: Record
    amends: Amends | None = None
    design: Design
    rules: dict[str, str]
    assumptions: dict[str, Assumption]
    not_stated: dict[str, Silence]
    facts: dict[str, FactDefinition]
    sets: dict[str, NamedSet] = field(factory=dict)
    drugs: dict[str, Drug]
    procedures: dict[str, Procedure] = field(factory=dict)
    parts: dict[str, Part] = field(factory=dict)
    regimens: dict[str, Regimen]
    ladders: dict[str, Ladder] = field(factory=dict)
    modifications: dict[str, Modification] = field(factory=dict)
    values: dict[str, Value] = field(factory=dict)
    derived: dict[str, Derived] = field(factory=dict)
    criteria: dict[str, Criterion] = field(factory=dict)
    course: tuple[Step, ...]
    stops: tuple[Stop, ...] = ()
    needs: tuple[Need, ...] = ()
    may: tuple[May, ...] = ()
    ends: dict[str, Cites] = field(factory=dict)
    tracks: dict[str, Track] = field(factory=dict)
    arms: dict[str, Arm]
    masking: Masking | None = None
    endpoints: dict[str, Endpoint] = field(factory=dict)
    endpoints_see: Cites = NO_CITES
    announces: dict[str, Announcement] = field(factory=dict)
    source: str = field(default="<input>", eq=False)
    readings: dict[str, str] = field(factory=dict)
    elsewhere: Elsewhere = field(factory=Elsewhere, eq=False)
    line_marks: dict[str, Mark] = field(factory=dict, eq=False, repr=False)
    ends_rests: tuple[str, ...] = ()
