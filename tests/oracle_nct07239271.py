"""An oracle for the branches of NCT07239271, written from its rules and from nothing of the engine.

It works by brute force, so that it cannot share the engine's mistakes about the unknown: what is not
known is filled in with everything that it could be, the plain rule table is asked about each complete
course, and

- a course is decided when nothing that is still unknown could change the rule, and A6 is satisfied;
- an unknown result is awaited when, for some values of the other unknown results, it would change the
  rule, or when A6 asks for it.

The rules, in short (the ids are those of the protocol's rule page):

R3/R4  ctDNA negative: with a response the same regimen goes on, without one TCbHP.
R5/R6  ctDNA positive: without a PAM mutation PyroHT; with one, at baseline or after cycle 1, EveroHT.
R7/R8  after C4: with a response the same regimen again, without one the choice of an ADC or AC+H.
A1 A2  what a positive baseline says when the sample after cycle 1 is negative.
A3     PAM found at one positive sample is found.
A4     a complete response counts as a partial one.
A5     progression is "no response", or ends protocol treatment.
A6     C3 needs the result after cycle 1 and the imaging; the other reading spares R5/R6 the imaging.
A7     not evaluable is no result; PAM unknown on a positive sample waits unless the other shows PAM.
A10    a baseline without a result is waited for where it could matter, or C1 alone decides.
A11    the nine genes.
A13    what a list of genes says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

PAM_GENES = frozenset({"PIK3CA", "PIK3R1", "AKT1", "AKT2", "AKT3", "PTEN", "MTOR", "TSC1", "TSC2"})  # A11

DEFAULT_READINGS: Mapping[str, str] = {
    "A1": "baseline_counts",
    "A2": "after_cycle_1",
    "A5": "literal",
    "A6": "both_results",
    "A10": "wait",
    "A12": "ends_surgery_open",
    "A13": "not_mutated",
}
OTHER_READINGS: Mapping[str, str] = {
    "A1": "c1_decides",
    "A2": "either_sample",
    "A5": "off_protocol",
    "A6": "imaging_for_r3_r4",
    "A10": "c1_alone",
    "A12": "investigator_decides",  # moves nothing at C2 and C4
    "A13": "tested_genes_only",
}

BASELINE = ("ctdna", "baseline")
AFTER_C1 = ("ctdna", "after_cycle_1")
AFTER_C2 = ("response", "after_cycle_2")
AFTER_C4 = ("response", "after_cycle_4")

REGIMEN_OF = {"R3": "nab_p_hp", "R4": "tcbhp", "R5": "pyroht", "R6": "everoht"}
RESPONSES = ("CR", "PR", "SD", "PD")  # the results; "NE" is none (A7)


@dataclass(frozen=True)
class Sample:
    """A ctDNA report. `result` None: nobody reported. `mutated`, `tested` None: that list is absent."""

    result: str | None
    mutated: frozenset[str] | None = None
    tested: frozenset[str] | None = None

    @property
    def has_result(self) -> bool:
        return self.result in ("positive", "negative")  # A7: not evaluable is no result


def _samples() -> dict[str, Sample]:
    """Every kind of report, by a short name; `/all` and `/few` have a list of tested genes."""
    kinds: dict[str, Sample] = {
        "missing": Sample(None),
        "NE": Sample("not_evaluable"),
        "-": Sample("negative"),
    }
    mutated = {
        "+pam": frozenset({"PIK3CA", "TP53"}),
        "+other": frozenset({"TP53"}),
        "+[]": frozenset[str](),
        "+?": None,
    }
    tested = {
        "": None,
        "/all": PAM_GENES | {"TP53"},
        "/few": PAM_GENES - {"TSC2"} | {"TP53"},  # eight of the nine
    }
    for (name, genes), (suffix, panel) in product(mutated.items(), tested.items()):
        kinds[name + suffix] = Sample("positive", genes, panel)
    return kinds


SAMPLES: Mapping[str, Sample] = _samples()
PLAIN_SAMPLES = tuple(name for name in SAMPLES if "/" not in name)
IMAGING: tuple[str | None, ...] = (*RESPONSES, "NE", None)


@dataclass(frozen=True)
class Offer:
    """One regimen is to be given next, by this rule."""

    regimen: str
    rule: str


@dataclass(frozen=True)
class Choose:
    """The investigator is to choose one of these regimens, by this rule."""

    options: frozenset[str]
    rule: str


@dataclass(frozen=True)
class Wait:
    """Nothing may be given: these (fact, timepoint) are awaited, those in `dead` in vain."""

    awaited: frozenset[tuple[str, str]]
    dead: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Ended:
    """Protocol treatment has ended."""

    reason: str


Outcome = Offer | Choose | Wait | Ended


def readings(**chosen: str) -> dict[str, str]:
    """The default readings with the chosen ones in their place."""
    for name, reading in chosen.items():
        if reading not in (DEFAULT_READINGS[name], OTHER_READINGS[name]):
            raise ValueError(f"{name} has no reading {reading}")
    return {**DEFAULT_READINGS, **chosen}


def pam_found(sample: Sample, reading: Mapping[str, str]) -> bool | None:
    """Whether a positive sample shows a PAM mutation; None when its lists do not tell (A7, A11, A13)."""
    if sample.mutated is None:
        return None
    if sample.mutated & PAM_GENES:
        return True  # found is found, however few genes were tested
    if reading["A13"] == "not_mutated":
        return False
    if sample.tested is None or not sample.tested >= PAM_GENES:
        return None
    return False


# A sample when all about it is known.
NEGATIVE, PAM, NO_PAM = "negative", "positive with PAM", "positive without PAM"


def could_be(sample: Sample, reading: Mapping[str, str]) -> tuple[str, ...]:
    """Everything that the sample could be, given what was reported of it."""
    if sample.result == "negative":
        return (NEGATIVE,)
    if sample.result == "positive":
        found = pam_found(sample, reading)
        return (PAM, NO_PAM) if found is None else (PAM,) if found else (NO_PAM,)
    return (NEGATIVE, PAM, NO_PAM)


def rule_for(baseline: str, c1: str, response: str, reading: Mapping[str, str]) -> str:
    """The rule that applies after C2 when everything is known: R3, R4, R5, R6, or A5's "off"."""
    if response == "PD" and reading["A5"] == "off_protocol":
        return "off"
    if c1 == PAM:
        return "R6"
    if c1 == NO_PAM:
        return "R6" if baseline == PAM else "R5"  # A3
    if baseline == PAM and reading["A1"] == "baseline_counts":
        return "R6"
    if baseline == NO_PAM and reading["A2"] == "either_sample":
        return "R5"
    return "R3" if response in ("PR", "CR") else "R4"  # A4, A5


Courses = Mapping[tuple[str, str, str], str]  # (baseline, after C1, response) -> rule


def matters(rules: Courses, position: int) -> bool:
    """Whether two courses that differ only in what stands at `position` come to different rules."""
    elsewhere: dict[tuple[str, ...], set[str]] = {}
    for course, rule in rules.items():
        rest = course[:position] + course[position + 1 :]
        elsewhere.setdefault(rest, set()).add(rule)
    return any(len(found) > 1 for found in elsewhere.values())


def after_cycle_2(baseline: Sample, c1: Sample, response: str | None, reading: Mapping[str, str]) -> Outcome:
    """What is to follow when C2 was the last cycle given."""
    if response == "PD" and reading["A5"] == "off_protocol":
        return Ended("progression")  # whatever ctDNA says

    baselines = could_be(baseline, reading)
    if not baseline.has_result and reading["A10"] == "c1_alone":
        baselines = (NEGATIVE,)  # a baseline without a result has no say
    responses = (response,) if response in RESPONSES else RESPONSES
    rules = {(b, c, r): rule_for(b, c, r, reading) for b, c, r in product(baselines, could_be(c1, reading), responses)}

    needs_imaging = reading["A6"] == "both_results" or not {"R3", "R4"}.isdisjoint(rules.values())
    waits_for = {
        BASELINE: matters(rules, 0),
        AFTER_C1: matters(rules, 1) or not c1.has_result,  # A6: a result there must be, come what may
        AFTER_C2: needs_imaging and response not in RESPONSES,
    }
    awaited = frozenset(key for key, waiting in waits_for.items() if waiting)
    if awaited:
        # The baseline closes with cycle 1; but a sample taken and found positive can still have its
        # genes reported.
        in_vain = frozenset[tuple[str, str]]() if baseline.has_result else frozenset({BASELINE})
        return Wait(awaited, awaited & in_vain)
    (rule,) = set(rules.values()) - {"off"}  # a progression that nobody reported ends nothing
    return Offer(REGIMEN_OF[rule], rule)


def after_cycle_4(given: str, response: str | None, reading: Mapping[str, str]) -> Outcome:
    """What is to follow after C4, C3 and C4 having been the regimen `given`."""
    if response not in RESPONSES:
        return Wait(frozenset({AFTER_C4}))  # A7
    if response == "PD" and reading["A5"] == "off_protocol":
        return Ended("progression")
    if response in ("PR", "CR"):
        return Offer(given, "R7")  # A4
    return Choose(frozenset({"adc", "ac_h"}), "R8")  # A5, A9


def after_choice(option: str) -> Outcome:
    """What is to follow when the investigator has chosen after C4."""
    if option not in ("adc", "ac_h"):
        raise ValueError(f"{option} is not offered after C4")
    return Offer(option, "R8")
