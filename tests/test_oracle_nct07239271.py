"""The oracle of NCT07239271 against cases worked out by hand from the rules, each with its reason.

Notation. Samples: `+pam` positive with a PAM gene listed, `+other` with another gene listed, `+[]` with
an empty list, `+?` without a list, `-` negative, `NE` not evaluable, `missing` not reported; `/all` the
genes tested are listed and cover the nine, `/few` they are listed and miss one. Expected: the rule, or
`wait` for B (baseline), C (after cycle 1), I (imaging after C2), B! when the baseline is awaited in
vain, or `ended`.
"""

from __future__ import annotations

from itertools import product

import pytest
from oracle_nct07239271 import (
    AFTER_C1,
    AFTER_C2,
    AFTER_C4,
    BASELINE,
    IMAGING,
    OTHER_READINGS,
    PAM_GENES,
    PLAIN_SAMPLES,
    REGIMEN_OF,
    SAMPLES,
    Choose,
    Ended,
    Offer,
    Outcome,
    Sample,
    Wait,
    after_choice,
    after_cycle_2,
    after_cycle_4,
    pam_found,
    readings,
)

AFTER_C2_CASES = """
# readings | baseline | after C1 | imaging | expected | why

# Everything known.
-               | -       | -       | PR      | R3        | R3
-               | -       | -       | CR      | R3        | R3 A4: a complete response is at least partial
-               | -       | -       | SD      | R4        | R4
-               | -       | -       | PD      | R4        | R4 A5: progression is no response, literally
-               | -       | +other  | PR      | R5        | R5
-               | -       | +other  | PD      | R5        | R5: reads no imaging, so neither does A5's literal
-               | -       | +[]     | SD      | R5        | R5 A13: an empty list means none found
-               | -       | +pam    | PR      | R6        | R6: after one cycle
-               | +pam    | +pam    | CR      | R6        | R6
-               | +other  | +other  | PR      | R5        | R5
-               | +other  | +pam    | PR      | R6        | R6 A3: found once is found
-               | +pam    | +other  | PR      | R6        | R6 A3: the other way round
-               | +pam    | +[]     | SD      | R6        | R6 A3
-               | +pam    | -       | PR      | R6        | R6 A1: it names the baseline
-               | +pam    | -       | PD      | R6        | R6 A1, whatever the imaging
-               | +other  | -       | PR      | R3        | R3 A2: R5 reads the sample after cycle 1
-               | +other  | -       | SD      | R4        | R4 A2
-               | +[]     | -       | PR      | R3        | R3 A2 A13

# The imaging has no result.
-               | -       | -       | NE      | wait I    | A6 A7: not evaluable is no result
-               | -       | -       | missing | wait I    | A6
-               | -       | +other  | missing | wait I    | A6: R5 waits for the imaging too
-               | -       | +pam    | NE      | wait I    | A6 A7
-               | missing | +pam    | missing | wait I    | A6 A10: the baseline decides nothing here

# The sample after cycle 1 has no result: always a wait.
-               | -       | missing | PR      | wait C    | A6
-               | -       | NE      | SD      | wait C    | A7: never read as negative
-               | +pam    | missing | PR      | wait C    | A6: although only R6 is left
-               | +pam    | NE      | missing | wait C I  | A6 A7
-               | +other  | missing | PR      | wait C    | A6: R3, R5 and R6 are open
-               | +?      | missing | PR      | wait B C  | A6 A7: its genes would decide R6
-               | missing | missing | PR      | wait B! C | A6 A10
-               | NE      | missing | PD      | wait B! C | A6 A7 A10
-               | missing | NE      | NE      | wait B! C I | A6 A7 A10

# The baseline has no result.
-               | missing | +pam    | PR      | R6        | A10: decides R6 all the same
-               | NE      | +pam    | SD      | R6        | A7 A10
-               | missing | +other  | PR      | wait B!   | A10: the baseline could show PAM
-               | missing | +[]     | PD      | wait B!   | A10
-               | NE      | -       | PR      | wait B!   | A7 A10
-               | missing | -       | SD      | wait B!   | A10
-               | missing | +?      | PR      | wait B! C | A7 A10: either could show PAM
-               | missing | -       | missing | wait B! I | A6 A10

# PAM unknown on a positive sample.
-               | -       | +?      | PR      | wait C    | A7: R5 or R6
-               | +other  | +?      | SD      | wait C    | A7
-               | +pam    | +?      | PR      | R6        | A7 A3: the other sample shows PAM
-               | +?      | +pam    | PR      | R6        | A7 A3
-               | +?      | +other  | PR      | wait B    | A7: R5 or R6
-               | +?      | +?      | PR      | wait B C  | A7
-               | +?      | -       | PR      | wait B    | A7 A1: R3 or R6
-               | +?      | -       | SD      | wait B    | A7 A1: R4 or R6
-               | +pam    | +?      | missing | wait I    | A6: R6 is certain, the imaging is not in

# A1=c1_decides: a negative sample after cycle 1 overrules PAM at baseline.
A1              | +pam    | -       | PR      | R3        | A1
A1              | +pam    | -       | PD      | R4        | A1 A5
A1              | +?      | -       | PR      | R3        | A1 A2: no baseline could change it
A1              | missing | -       | PR      | R3        | A1 A2: likewise, so nothing to wait for in A10
A1              | NE      | -       | SD      | R4        | A1 A2
A1              | missing | -       | missing | wait I    | A1 A6
A1              | +pam    | +other  | PR      | R6        | A3: A1 is about a negative sample only
A1              | +?      | +other  | PR      | wait B    | A3 A7
A1              | missing | +other  | PR      | wait B!   | A10
A1              | +pam    | +?      | PR      | R6        | A3 A7
A1              | +pam    | missing | PR      | wait C    | A6
A1              | missing | missing | PR      | wait B! C | A6 A10: if positive without PAM, it matters

# A2=either_sample: a positive baseline without PAM is R5.
A2              | +other  | -       | PR      | R5        | A2
A2              | +[]     | -       | SD      | R5        | A2 A13
A2              | +pam    | -       | PR      | R6        | A1: with PAM it is A1's case only
A2              | -       | -       | PR      | R3        | R3
A2              | +?      | -       | PR      | wait B    | A7: R5 or R6
A2              | missing | -       | PR      | wait B!   | A10
A2              | +other  | missing | PR      | wait C    | A6
A2              | +other  | +pam    | PR      | R6        | A3
A2              | +other  | -       | missing | wait I    | A6

# A1 and A2 together.
A1 A2           | +pam    | -       | PR      | R3        | A1: with PAM it is A1's case only
A1 A2           | +other  | -       | PR      | R5        | A2
A1 A2           | +?      | -       | PR      | wait B    | A7: R3 or R5
A1 A2           | missing | -       | SD      | wait B!   | A10: R4 or R5
A1 A2           | -       | -       | SD      | R4        | R4

# A5=off_protocol: progression ends, whatever ctDNA says or does not say.
A5              | -       | -       | PD      | ended     | A5
A5              | +pam    | +pam    | PD      | ended     | A5
A5              | missing | missing | PD      | ended     | A5: nothing unknown could change it
A5              | -       | +other  | PD      | ended     | A5
A5              | -       | -       | SD      | R4        | R4
A5              | -       | -       | NE      | wait I    | A7
A5              | missing | -       | missing | wait B! I | A6 A10

# A6=imaging_for_r3_r4: the imaging is needed where R3 or R4 is still possible.
A6              | -       | +other  | missing | R5        | A6
A6              | -       | +pam    | NE      | R6        | A6
A6              | missing | +pam    | missing | R6        | A6 A10
A6              | +pam    | -       | missing | R6        | A6 A1
A6              | +pam    | +?      | missing | R6        | A6 A3 A7
A6              | -       | -       | missing | wait I    | A6
A6              | +other  | -       | NE      | wait I    | A6 A7
A6              | +?      | -       | missing | wait B I  | A7: R6 without imaging, or R3/R4 with it
A6              | -       | +?      | missing | wait C    | A7: R5 or R6, neither needs imaging
A6              | missing | +other  | missing | wait B!   | A10: R5 or R6, neither needs imaging
A6              | -       | missing | missing | wait C I  | A6: C1 always; the imaging if it is negative
A6              | +pam    | missing | missing | wait C    | A6 A1: only R6 is left, C1 is needed all the same
A6              | -       | -       | PR      | R3        | R3
A1 A6           | +pam    | -       | missing | wait I    | A1: R3 or R4
A1 A6           | +pam    | missing | missing | wait C I  | A1: if negative, R3 or R4
A2 A6           | +other  | -       | missing | R5        | A2 A6
A2 A6           | +?      | -       | missing | wait B    | A1 A2: R5 or R6, neither needs imaging
A1 A2 A6        | +?      | -       | missing | wait B I  | A1 A2: R5 without imaging, or R3/R4 with it
A5 A6           | -       | +other  | missing | R5        | A5 A6: a progression nobody reported ends nothing
A5 A6           | -       | +other  | PD      | ended     | A5

# A10=c1_alone: without a baseline result, C1 decides.
A10             | missing | -       | PR      | R3        | A10
A10             | NE      | -       | SD      | R4        | A7 A10
A10             | missing | +other  | PR      | R5        | A10
A10             | missing | +pam    | PR      | R6        | A10
A10             | missing | +?      | PR      | wait C    | A7 A10: only C1's genes matter
A10             | missing | missing | PR      | wait C    | A6 A10
A10             | +pam    | -       | PR      | R6        | A1: a baseline that is there still counts
A10             | +pam    | +other  | PR      | R6        | A3
A10             | +?      | -       | PR      | wait B    | A7: a result it is, with its genes unknown
A2 A10          | missing | -       | PR      | R3        | A10: no result is no positive baseline
A2 A10          | +other  | -       | PR      | R5        | A2
A6 A10          | missing | +[]     | missing | R5        | A6 A10
A6 A10          | missing | -       | missing | wait I    | A6 A10

# A13: by default the list of genes tested says nothing.
-               | -       | +other/few | PR   | R5        | A13
-               | -       | +?/all     | PR   | wait C    | A13: the list of mutated genes is absent
# A13=tested_genes_only: none found only where all nine were tested.
A13             | -       | +other     | PR   | wait C    | A13: which genes were tested?
A13             | -       | +[]        | PR   | wait C    | A13
A13             | -       | +other/few | PR   | wait C    | A13: eight of nine
A13             | -       | +other/all | PR   | R5        | A13
A13             | -       | +[]/all    | PR   | R5        | A13
A13             | -       | +?/all     | PR   | wait C    | A13: the list of mutated genes is absent
A13             | -       | +pam       | PR   | R6        | A13: found is found
A13             | -       | +pam/few   | PR   | R6        | A13
A13             | +other     | -       | PR   | wait B    | A1: R3 or R6
A13             | +other/all | -       | PR   | R3        | A2
A13             | +[]/few    | +other/all | PR | wait B   | A3 A7: R5 or R6
A13             | +pam/few   | +[]     | SD   | R6        | A3
A13             | -          | -       | SD   | R4        | A13 asks nothing of a negative sample

# A12 is about other moments.
A12             | -       | -       | PD      | R4        | A5
"""


def hand_worked() -> list[tuple[str, ...]]:
    lines = (line.strip() for line in AFTER_C2_CASES.splitlines())
    rows = [line for line in lines if line and not line.startswith("#")]
    return [tuple(cell.strip() for cell in row.split("|")) for row in rows]


def short(outcome: Outcome) -> str:
    """The outcome in the notation of the table."""
    match outcome:
        case Offer(regimen, rule):
            assert regimen == REGIMEN_OF[rule]
            return rule
        case Wait(awaited, dead):
            letters = {BASELINE: "B", AFTER_C1: "C", AFTER_C2: "I"}
            return " ".join(["wait", *(letters[key] + "!" * (key in dead) for key in letters if key in awaited)])
        case Ended("progression"):
            return "ended"
        case _:
            raise AssertionError(outcome)


def chosen(names: str) -> dict[str, str]:
    return readings(**{name: OTHER_READINGS[name] for name in names.split() if name != "-"})


@pytest.mark.parametrize("case", hand_worked(), ids=lambda case: " ".join(case[:4]))
def test_after_cycle_2_as_worked_out_by_hand(case: tuple[str, ...]) -> None:
    names, baseline, c1, imaging, expected, _why = case
    response = None if imaging == "missing" else imaging
    outcome = after_cycle_2(SAMPLES[baseline], SAMPLES[c1], response, chosen(names))
    assert short(outcome) == expected


CHOICE = Choose(frozenset({"adc", "ac_h"}), "R8")
NO_IMAGING = Wait(frozenset({AFTER_C4}))


@pytest.mark.parametrize("regimen", ["nab_p_hp", "tcbhp", "pyroht", "everoht"])
def test_after_cycle_4_as_worked_out_by_hand(regimen: str) -> None:
    default, off = readings(), readings(A5="off_protocol")
    assert after_cycle_4(regimen, "PR", default) == Offer(regimen, "R7")  # R7
    assert after_cycle_4(regimen, "CR", default) == Offer(regimen, "R7")  # R7 A4
    assert after_cycle_4(regimen, "SD", default) == CHOICE  # R8 A9
    assert after_cycle_4(regimen, "PD", default) == CHOICE  # R8 A5
    assert after_cycle_4(regimen, "NE", default) == NO_IMAGING  # A7
    assert after_cycle_4(regimen, None, default) == NO_IMAGING  # G3
    assert after_cycle_4(regimen, "PD", off) == Ended("progression")  # A5
    assert after_cycle_4(regimen, "SD", off) == CHOICE  # R8
    assert after_cycle_4(regimen, "PR", off) == Offer(regimen, "R7")  # R7


def test_the_choice_after_cycle_4() -> None:
    assert after_choice("adc") == Offer("adc", "R8")  # R8 A9
    assert after_choice("ac_h") == Offer("ac_h", "R8")  # R8 A9
    with pytest.raises(ValueError, match="not offered"):
        after_choice("tcbhp")


@pytest.mark.parametrize("gene", sorted(PAM_GENES))
def test_each_of_the_nine_genes_alone_is_pam(gene: str) -> None:  # A11
    assert pam_found(Sample("positive", frozenset({gene})), readings()) is True


@pytest.mark.parametrize("gene", ["TP53", "PIK3CB", "RPTOR", "AKT", "pik3ca"])
def test_no_other_gene_is_pam(gene: str) -> None:  # A11
    assert pam_found(Sample("positive", frozenset({gene})), readings()) is False


def test_a_reading_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="A1 has no reading c2_decides"):
        readings(A1="c2_decides")


SINGLE = [readings(), *(readings(**{name: other}) for name, other in OTHER_READINGS.items())]


@pytest.mark.parametrize("reading", SINGLE, ids=["default", *OTHER_READINGS])
def test_what_holds_of_every_outcome_after_cycle_2(reading: dict[str, str]) -> None:
    for b, c, response in product(SAMPLES, SAMPLES, IMAGING):
        outcome = after_cycle_2(SAMPLES[b], SAMPLES[c], response, reading)
        where = (b, c, response, outcome)
        imaged = response not in ("NE", None)
        if not SAMPLES[c].has_result:
            assert not isinstance(outcome, Offer), where  # A6
        if isinstance(outcome, Wait):
            # What is awaited is what has no result, or a positive sample whose genes are unknown.
            assert outcome.awaited <= {BASELINE, AFTER_C1, AFTER_C2}, where
            assert not (BASELINE in outcome.awaited and b == "-"), where
            assert not (AFTER_C1 in outcome.awaited and c == "-"), where
            assert not (AFTER_C2 in outcome.awaited and imaged), where
            assert outcome.dead <= {BASELINE} & outcome.awaited, where
        if isinstance(outcome, Ended):
            assert (response, reading["A5"]) == ("PD", "off_protocol"), where
        if not imaged and reading["A6"] == "both_results":
            assert isinstance(outcome, Ended | Wait), where  # A6


@pytest.mark.parametrize("reading", SINGLE, ids=["default", *OTHER_READINGS])
def test_not_evaluable_is_no_result(reading: dict[str, str]) -> None:  # A7
    missing, failed = SAMPLES["missing"], SAMPLES["NE"]
    for name, response in product(SAMPLES, IMAGING):
        other = SAMPLES[name]
        assert after_cycle_2(missing, other, response, reading) == after_cycle_2(failed, other, response, reading)
        assert after_cycle_2(other, missing, response, reading) == after_cycle_2(other, failed, response, reading)
    for b, c in product(SAMPLES.values(), repeat=2):
        assert after_cycle_2(b, c, None, reading) == after_cycle_2(b, c, "NE", reading)


def known_better(sample: str) -> tuple[str, ...]:
    """What a sample may turn out to be."""
    if sample in ("missing", "NE"):
        return PLAIN_SAMPLES
    return ("+pam", "+other") if sample == "+?" else (sample,)


@pytest.mark.parametrize("reading", SINGLE, ids=["default", *OTHER_READINGS])
def test_a_result_never_changes_what_was_decided_without_it(reading: dict[str, str]) -> None:
    """Filling in an unknown decides more, never otherwise, save where a reading says that it may."""
    for b, c, response in product(PLAIN_SAMPLES, PLAIN_SAMPLES, IMAGING):
        outcome = after_cycle_2(SAMPLES[b], SAMPLES[c], response, reading)
        if not isinstance(outcome, Offer):
            continue
        baselines = (b,) if reading["A10"] == "c1_alone" else known_better(b)
        responses = IMAGING if response in ("NE", None) else (response,)
        for filled in product(baselines, known_better(c), responses):
            if filled[2] == "PD" and reading["A5"] == "off_protocol":
                continue
            again = after_cycle_2(SAMPLES[filled[0]], SAMPLES[filled[1]], filled[2], reading)
            assert again == outcome, (b, c, response, filled)


def same_under(reading: dict[str, str], b: str, c: str, response: str | None) -> bool:
    """Whether a reading comes to what the default comes to."""
    default = after_cycle_2(SAMPLES[b], SAMPLES[c], response, readings())
    return after_cycle_2(SAMPLES[b], SAMPLES[c], response, reading) == default


@pytest.mark.parametrize("name", OTHER_READINGS)
def test_every_reading_changes_something_here_but_that_of_toxicity(name: str) -> None:
    reading = readings(**{name: OTHER_READINGS[name]})
    same = [same_under(reading, *case) for case in product(PLAIN_SAMPLES, PLAIN_SAMPLES, IMAGING)]
    assert all(same) == (name == "A12")
