"""Synthetic patients for tests and demonstrations: seeded, plausible, and nobody's.

A patient is made for one protocol, from the facts and criteria of its table: most values are those that the criteria
ask for, some are not, some are old, some are missing. Two in five patients are meant to have nothing against them.
Numbers are drawn around what is usual for the fact (:data:`USUAL`); where that is not known, inside the limits of the
criteria.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from attrs import define, field, frozen

from protocol_engine.model.conditions import AnyOf, Condition, Elapsed, Not, OneOf, Range, Test
from protocol_engine.model.facts import NEVER, FactDefinition
from protocol_engine.model.table import Table
from protocol_engine.model.units import Duration
from protocol_engine.model.values import Holds

CONSENT_DAY, ASKED_DAY = date(2026, 1, 5), date(2026, 2, 1)
"""When every synthetic patient consents, and the day on which they are meant to be asked about."""
SOUND, AMISS, MISSING, OLD, HAPPENED = 0.4, 0.04, 0.02, 0.01, 0.2
"""Shares: patients with nothing against them; of the others the facts that are amiss, missing and too old; and of what
may never have happened, what did."""
OLD_DAYS = 200
Wire = dict[str, Any]


@frozen
class Usual:
    """Mean, spread and decimals of a measured fact in its unit, the upper limit of normal, and another unit in use."""

    mean: float
    spread: float
    decimals: int = 0
    limit: float | None = None
    other_unit: str | None = None
    other_factor: float = 1


USUAL: dict[str, Usual] = {
    "weight": Usual(66, 11, 1),
    "hemoglobin": Usual(124, 13, 0, None, "g/dL", 0.1),
    "neutrophils": Usual(4.2, 1.3, 2, 1.8, "/uL", 1000),
    "platelets": Usual(245, 60, 0, None, "/uL", 1000),
    "leukocytes": Usual(6.4, 1.6, 1),
    "bilirubin": Usual(9, 3.5, 1, 21),
    "alt": Usual(22, 9, 0, 40),
    "ast": Usual(21, 8, 0, 40),
    "albumin": Usual(42, 4, 0, None, "g/dL", 0.1),
    "creatinine": Usual(66, 12, 0, 106),
    "inr": Usual(1.0, 0.07, 2, 1.2),
    "pt": Usual(11.8, 0.8, 1, 13.5),
    "aptt": Usual(29, 3, 1, 36),
    "troponin": Usual(5, 2, 0, 14),
    "lvef": Usual(64, 4),
    "systolic_bp": Usual(126, 12),
    "diastolic_bp": Usual(78, 8),
    "qt_interval": Usual(392, 20, 0, 880),
    "qtc": Usual(415, 18),
    "tumor_size": Usual(34, 9),
    "er_percent": Usual(60, 25),
    "pr_percent": Usual(35, 22),
    "ki67": Usual(32, 14),
    "largest_target_lesion": Usual(27, 8),
    "largest_target_node": Usual(21, 5),
    "contraception_after_last_dose": Usual(8, 0.5),
    "urine_protein_24h": Usual(0.1, 0.03, 2),
}
"""What adults about to enter a trial have; only the shape matters, since nobody is treated by it."""


AGO: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "advanced_disease_diagnosed": ((30, 150), (30, 150)),
    "adjuvant_therapy_completed": ((500, 2500), (155, 205)),
}
"""How many days ago a date of a history lies, so that its dates fit together: usually, and where it is amiss."""

IMPLIED: dict[tuple[str, str], dict[str, str | None]] = {
    ("brain_metastases", "none"): {
        "last_brain_surgery": NEVER,
        "last_brain_radiotherapy": NEVER,
        "last_cns_medication": NEVER,
        "brain_metastases_stable_since": None,
        "brain_metastases_steroids": None,
        "largest_brain_metastasis": None,
        "radiotherapy_toxicity_recovered": None,
    },
    ("other_malignancy", "none"): {
        "other_malignancy_diagnosed": NEVER,
        "other_malignancy_last_evidence": NEVER,
        "other_malignancy_cured": None,
        "other_malignancy_single_operation": None,
    },
    ("ild_status", "none"): {"ild_severity": None, "ild_steroids": None},
    ("last_oral_anticancer_drug", NEVER): {"oral_anticancer_drug_half_life": None},
    ("last_cyp3a4_modifier", NEVER): {"cyp3a4_modifier_half_life": None},
    ("last_systemic_corticosteroid", NEVER): {"corticosteroid_dose": None},
    ("residual_toxicity_above_baseline", "0"): {"grade_2_toxicity_stable_since": NEVER},
    ("residual_toxicity_above_baseline", "1"): {"grade_2_toxicity_stable_since": NEVER},
    ("sex", "male"): dict.fromkeys(
        (
            "menopause",
            "sterilization",
            "last_menstruation",
            "amenorrhea_other_cause",
            "pregnancy_test",
            "breast_feeding",
        )
    ),
}
"""What a value says of other facts: what they are, or (None) that nobody reports them."""


@define
class _Asked:
    """What the criteria ask of a fact: levels that they want, levels that keep out, and limits of numbers."""

    wanted: dict[str, None] = field(factory=dict)
    unwanted: dict[str, None] = field(factory=dict)
    at_least: float | None = None
    at_most: float | None = None
    recent: bool = False


class Synthesizer:
    """Makes patients for one table; the same seed and number make the same patient."""

    def __init__(self, table: Table, seed: int) -> None:
        self.table = table
        self.seed = seed
        self.asked: dict[str, _Asked] = {}
        for criterion in table.criteria.values():
            if criterion.condition is not None:
                self._note(criterion.condition, good=criterion.must_hold)
        self.facts = tuple(
            dict.fromkeys(
                fact
                for criterion in table.criteria.values()
                if criterion.condition is not None
                for fact in table.facts_read(criterion.condition)
            )
        )

    def patients(self, number: int) -> Iterator[tuple[str, list[Wire]]]:
        """So many patients, each with a name and the events up to the day asked about."""
        for index in range(1, number + 1):
            chance = Random(f"{self.seed}:{index}")  # noqa: S311  # nothing here is secret
            yield f"{self.table.protocol}-{self.seed}-{index}", self._patient(chance)

    # --- what the criteria ask -------------------------------------------------------------------------------------

    def _note(self, condition: Condition, *, good: bool) -> None:
        for clause in condition.clauses[:1] if good else condition.clauses:
            for named in clause.tests:
                derived = self.table.derived.get(named.name, self.table.values.get(named.name))
                if isinstance(derived, Holds):
                    holds = named.test == OneOf(("yes",))
                    self._note(derived.holds, good=good if holds else not good)
                elif named.name in self.table.facts:
                    self._note_test(self.asked.setdefault(named.name, _Asked()), named.test, good=good)

    def _note_test(self, asked: _Asked, test: Test, *, good: bool) -> None:
        match test:
            case OneOf(values):
                (asked.wanted if good else asked.unwanted).update(dict.fromkeys(values))
            case Not(inner):
                self._note_test(asked, inner, good=not good)
            case AnyOf(tests):
                for inner in tests:
                    self._note_test(asked, inner, good=good)
            case Range(at_least, above, at_most, below):
                low, high = (at_least or above, at_most or below) if good else (at_most or below, at_least or above)
                asked.at_least = float(low) if low is not None else asked.at_least
                asked.at_most = float(high) if high is not None else asked.at_most
            case Elapsed(within, at_least_ago, _) if good:
                asked.recent = asked.recent or within is not None
                asked.unwanted.update({NEVER: None} if within is not None or at_least_ago is not None else {})
            case _:
                return

    # --- one patient -----------------------------------------------------------------------------------------------

    def _patient(self, chance: Random) -> list[Wire]:
        sound = chance.random() < SOUND
        events: list[Wire] = [{"id": "consent", "kind": "consent", "effective": CONSENT_DAY.isoformat()}]
        for name in self.facts:
            if sound or chance.random() >= MISSING:
                old = not sound and chance.random() < OLD
                amiss = not sound and chance.random() < AMISS
                events.append(self._observation(chance, name, amiss=amiss, old=old))
        events = _consistent(events)
        for criterion in self.table.criteria.values():
            if criterion.ask is not None and (sound or chance.random() >= MISSING):
                met = criterion.must_hold != (not sound and chance.random() < AMISS)
                events.append(
                    {
                        "id": f"{criterion.id}-word",
                        "kind": "attestation",
                        "effective": _days_before(chance, 1, 9),
                        "criterion": criterion.id,
                        "met": met,
                        "by": "investigator",
                        "protocol": self.table.protocol,
                    }
                )
        return events

    def _observation(self, chance: Random, name: str, *, amiss: bool, old: bool) -> Wire:
        fact = self.table.facts[name]
        day = _days_before(chance, OLD_DAYS, OLD_DAYS + 60) if old else _reported(chance, fact)
        event: Wire = {"id": name, "kind": "observation", "effective": day, "fact": name}
        if fact.quantity is not None:
            return event | self._number(chance, name, fact, amiss=amiss)
        if fact.date:
            return event | {"value": self._date(chance, name, fact, day, amiss=amiss)}
        value = self._level(chance, name, fact.values or (), amiss=amiss)
        return event | {"value": value == "yes" if fact.yes_no else value}

    def _level(self, chance: Random, name: str, levels: tuple[str, ...], *, amiss: bool) -> str:
        if name == "sex":
            return "male" if amiss else "female"
        asked = self.asked.get(name, _Asked())
        good = [level for level in levels if level in asked.wanted and level not in asked.unwanted]
        good = good or [level for level in levels if level not in asked.unwanted] or list(levels)
        bad = [level for level in levels if level not in good]
        return chance.choice(bad) if amiss and bad else good[0] if asked.wanted == {} else chance.choice(good)

    def _date(self, chance: Random, name: str, fact: FactDefinition, reported: str, *, amiss: bool) -> str:
        last = date.fromisoformat(reported)
        if name == "birth_date":
            years = chance.randint(82, 95) if amiss else chance.randint(32, 68)
            return (last - timedelta(days=round(years * 365.25) + chance.randint(0, 300))).isoformat()
        if name in AGO:
            return (ASKED_DAY - timedelta(days=chance.randint(*AGO[name][amiss]))).isoformat()
        asked = self.asked.get(name, _Asked())
        spared = NEVER in asked.wanted or chance.random() >= HAPPENED
        if fact.never and spared and not amiss and NEVER not in asked.unwanted:
            return NEVER
        ago = chance.randint(1, 6) if amiss != asked.recent else chance.randint(800, 2500)
        return (last - timedelta(days=ago)).isoformat()

    def _number(self, chance: Random, name: str, fact: FactDefinition, *, amiss: bool) -> Wire:
        asked = self.asked.get(name, _Asked())
        usual = USUAL.get(name) or _inside(asked)
        if name not in USUAL and fact.quantity == "1":  # what is counted
            most = round(asked.at_most or 0)
            return {"value": str(most + chance.randint(1, 2) if amiss else chance.randint(0, most)), "unit": "1"}
        low = asked.at_least if asked.at_least is not None else 0.0
        number = abs(chance.gauss(usual.mean, usual.spread))
        if asked.at_most is not None:
            number = min(number, asked.at_most * 0.9)
        number = max(number, low * 1.05)
        if amiss:
            number = low * 0.7 if asked.at_least else (asked.at_most or usual.limit or number) * 3.5
        if fact.at_most is not None:
            number = min(number, float(fact.at_most))  # more could not be reported
        unit, factor, decimals = fact.quantity or "1", 1.0, usual.decimals
        if usual.other_unit is not None and chance.random() < HAPPENED:
            unit, factor, decimals = usual.other_unit, usual.other_factor, max(usual.decimals, 1)
        found: Wire = {"value": f"{number * factor:.{decimals}f}", "unit": unit}
        limit = usual.limit if usual.limit is not None else round(usual.mean * 1.5, 1)
        parts = {part: f"{limit * factor:g}" for part, item in fact.parts.items() if item.quantity is not None}
        return found | ({"components": parts} if parts else {})


def _consistent(events: list[Wire]) -> list[Wire]:
    """The events without what a result rules out of the others."""
    said: dict[str, str | None] = {}
    for event in events:
        said |= IMPLIED.get((event.get("fact", ""), str(event.get("value"))), {})
    kept = [event for event in events if said.get(event.get("fact", ""), NEVER) is not None]
    return [event | ({"value": said[event["fact"]]} if event.get("fact") in said else {}) for event in kept]


def _inside(asked: _Asked) -> Usual:
    """A number that the criteria let pass."""
    if asked.at_most is not None:
        return Usual(asked.at_most / 2, asked.at_most / 10, 0 if asked.at_most > 1 else 2)
    low = asked.at_least or 0.0
    return Usual(low * 1.4 + 1, low * 0.1)


def _reported(chance: Random, fact: FactDefinition) -> str:
    """When a fact is reported: what dates something, at the end, so that it speaks of every sample; samples before."""
    return _days_before(chance, 0, 0) if fact.date or fact.quantity is None else _days_before(chance, 1, 6)


def _days_before(chance: Random, least: int, most: int) -> str:
    return Duration(chance.randint(least, most), "days").before(ASKED_DAY).isoformat()
