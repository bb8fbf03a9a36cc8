"""Numbers as they are written, and the one conversion that is exact."""

from decimal import Decimal

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
