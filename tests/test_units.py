"""Numbers as they are written, and the one conversion that is exact."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from protocol_engine.model.units import Duration, plain


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("625.0", "625"),
        ("337.50", "337.5"),
        ("1E+2", "100"),
        ("100", "100"),
        ("0.10", "0.1"),
        ("0.0", "0"),
        ("1E-7", "0.0000001"),
        ("1500", "1500"),
    ],
)
def test_a_number_is_shown_in_plain_digits(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(("duration", "days"), [(Duration(21, "days"), 21), (Duration(3, "weeks"), 21)])
def test_weeks_are_seven_days(duration: Duration, days: int) -> None:
    assert duration.days == days


def test_months_have_no_number_of_days() -> None:
    with pytest.raises(ValueError, match="months have no fixed number of days"):
        _ = Duration(24, "months").days
    assert str(Duration(24, "months")) == "24 months"


@pytest.mark.parametrize("unit", ["days", "weeks", "months", "years"])
def test_behind_the_last_day_of_the_calendar_there_is_none(unit: Any) -> None:
    length = Duration(9_999_999, unit)
    assert (length.before(date(2026, 1, 31)), length.after(date(2026, 1, 31))) == (date.min, date.max)


@pytest.mark.parametrize(
    ("length", "day", "later"),
    [
        (Duration(1, "months"), date(2026, 1, 31), date(2026, 2, 28)),
        (Duration(1, "years"), date(2024, 2, 29), date(2025, 2, 28)),
        (Duration(2, "weeks"), date(2026, 2, 20), date(2026, 3, 6)),
        (Duration(14, "months"), date(2026, 12, 15), date(2028, 2, 15)),
    ],
)
def test_so_long_after_a_day(length: Duration, day: date, later: date) -> None:
    assert length.after(day) == later
