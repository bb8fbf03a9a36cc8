"""Checks before anything runs: of a protocol as it is written, and of the table that it compiles to.

A finding is a *problem*, for which the protocol does not compile, or a *notice*, which is printed. Every check is a
function that looks for one kind of thing and gives what it finds; the three tuples below are the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from protocol_engine.checks import (
    amendments,
    branches,
    citations,
    conditions,
    counting,
    criteria,
    dead_ends,
    delays,
    endpoints,
    graph,
    masking,
    modifications,
    names,
    regimens,
    routing,
    rows,
    shape,
    stretches,
    tables,
    tracks,
    trails,
    units,
    unused,
    values,
    windows,
)
from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.outline import Outline
from protocol_engine.checks.selections import found_in_any
from protocol_engine.compiler import compile_protocol
from protocol_engine.errors import Problem
from protocol_engine.model.protocol import Protocol

ON_NAMES: tuple[Callable[[Outline], Iterator[Problem]], ...] = (
    names.names_stand_for_one_thing,
    names.elements_have_their_own_names,
    names.choices_agree,
    names.references_lead_somewhere,
    values.values_read_what_there_is,
    values.no_value_reads_itself,
    tracks.tracks_have_their_own_names,
    conditions.tests_fit,
    criteria.criteria_are_numbered,
    criteria.criteria_can_be_decided,
    criteria.derived_read_what_there_is,
    endpoints.endpoints_name_days,
    endpoints.endpoints_say_one_thing,
    shape.facts_have_one_type,
    shape.lines_say_one_thing,
    shape.sets_can_be_reported,
    units.units_can_be_read,
    windows.windows_count_from_something,
    windows.tolerances_are_apart,
    windows.calendars_can_be_kept,
    delays.delays_can_be_kept,
    delays.omissions_can_be_told,
    modifications.ladders_can_be_climbed,
    modifications.lines_take_the_level_of_their_drug,
    modifications.rules_can_be_followed,
    modifications.dose_forms_can_be_worked_out,
    shape.gates_stand_in_the_course,
    branches.allocations_are_told_apart,
    branches.options_open_as_written,
    branches.repetitions_have_a_number,
    routing.several_rows_are_a_table,
    routing.advice_is_for_others_to_decline,
    shape.trials_treat_nobody,
    trails.same_regimen_has_one_before,
    trails.repeats_hold_an_act,
    trails.courses_are_not_too_long,
    amendments.amendments_say_one_thing,
    masking.masked_names_stand,
)
"""Checks on the protocol that must find nothing before it can be compiled."""

ON_PROTOCOL: tuple[Callable[[Outline], Iterator[Problem]], ...] = (
    citations.claims_have_their_letter,
    citations.cited_claims_are_declared,
    citations.acts_are_cited,
    citations.every_rule_is_in_a_row,
    citations.assumptions_are_used,
    citations.silences_are_shown,
    conditions.tests_can_hold,
    counting.counters_can_be_filled,
    counting.what_is_unconfirmed_is_settled,
    regimens.silences_cover_what_is_left_out,
    regimens.doses_can_be_worked_out,
    regimens.days_lie_within_the_cycle,
    regimens.options_fill_their_parts,
    regimens.cycles_can_be_reached,
    regimens.arms_give_what_they_may,
    regimens.allocation_is_as_designed,
    trails.every_step_can_be_reached,
    trails.parts_are_chosen_before,
    endpoints.endpoints_can_happen,
    stretches.needs_count_in_their_element,
    stretches.pauses_count_single_results,
    unused.declared_names_are_used,
    tracks.tracks_end_alone,
    tracks.tracks_are_not_left,
    masking.masking_is_as_designed,
    masking.hidden_arms_look_alike,
)
"""Further checks on the protocol as it is written."""

ON_TABLE: tuple[Callable[[Compiled], Iterator[Problem]], ...] = (
    tables.tables_decide,
    tables.conditions_can_hold,
    branches.menus_stay_open,
    routing.one_option_is_advised,
    modifications.bands_decide,
    modifications.edges_are_apart,
    modifications.rules_act_by_reports,
    modifications.something_is_left,
    graph.gates_stand_before_doses,
    dead_ends.places_lead_on,
    graph.places_lead_to_an_end,
    graph.nothing_falls_in_a_circle,
    rows.one_row_takes_an_act,
    rows.every_act_can_be_offered,
    rows.elements_do_not_close_at_once,
    tracks.acts_stay_in_one_track,
    tracks.tracks_are_read_where_they_are,
    tracks.tracks_do_not_wait_for_ever,
    amendments.moves_lead_somewhere,
    masking.views_name_nothing_hidden,
)
"""Checks on the table that the protocol compiles to."""


def check_protocol(protocol: Protocol) -> tuple[Problem, ...]:
    """Everything found in a protocol, for the readings selected in it, in the order in which it is written.

    Of a fragment that is used twice, a finding is given once. Never raises: where names are not sound, only what does
    not need the table is looked at.
    """
    outline = Outline(protocol)
    unsound = [problem for check in ON_NAMES for problem in check(outline)]
    found = [*unsound, *(problem for check in ON_PROTOCOL for problem in check(outline))]
    if not unsound:
        compiled = Compiled(outline, compile_protocol(protocol))
        found += [problem for check in ON_TABLE for problem in check(compiled)]
    return _once(found)


def check_amendment(old: Protocol, new: Protocol) -> tuple[Problem, ...]:
    """Everything found in a version as an amendment of the one before; each must have passed its own checks."""
    outline = Outline(new)
    return _once(amendments.pair_faults(compile_protocol(old), outline, compile_protocol(new)))


def _once(found: Iterable[Problem]) -> tuple[Problem, ...]:
    kept: dict[tuple[object, ...], Problem] = {}
    for problem in sorted(found, key=lambda problem: problem.mark):
        kept.setdefault((problem.code, problem.mark, problem.message), problem)
    return tuple(kept.values())


def check_text(text: str, source: str) -> tuple[Problem, ...]:
    """Everything found in the text of a protocol file, for its default readings and for the others.

    Each other reading is looked at alone, and each pair of them; a finding that only some have names them. What the
    reader finds is among the findings. Never raises.
    """
    return found_in_any(text, source, check_protocol)
