import pytest

from neurofm_bids.bids.demographics import Definition, years_per_unit

DAY = 1 / 365.25


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("0", 0),
        ("34", 34),
        ("035", 35),
        ("34.5", 34.5),
        ("34.", 34),
        ("27.663244353182752", 27.663244353182752),
        ("34,5", 34.5),
        ("034Y", 34),
        ("006M", 0.5),
        ("052W", 52 * 7 * DAY),
        ("100D", 100 * DAY),
        ("34 years", 34),
        ("34y.", 34),
        ("18 mo", 1.5),
        ("18-38", None),
        ("<18", None),
        ("~34", None),
        ("34?", None),
        ("34M", None),  # male or months
        ("34 F", None),
        ("1,234", None),
        ("1.234,5", None),
        ("3 4", None),
        ("unknown", None),
        ("-3", None),
        ("131", None),
        ("1e1", None),
        ("NaN", None),
        ("inf", None),
        ("٣٥", None),
        ("9" * 10**6, None),
        ("30\0", None),
        ("", None),
    ],
)
def test_ages(text, years):
    assert Definition().age(text) == (None if years is None else pytest.approx(years), False)


@pytest.mark.parametrize("text", ["89+", ">89", "> 89", ">=89", "≥89", ">89 years", "89+ y", "89y+"])
def test_a_lower_bound_counts_as_the_age_and_is_marked(text):
    assert Definition().age(text) == (89, True)


@pytest.mark.parametrize(
    ("unit", "years"),
    [
        *((unit, 1.0) for unit in ("a", "y", "yr", "Years", "year(s)", "[years]", " yrs. ")),
        *((unit, 1 / 12) for unit in ("mo", "month", "Months", "month(s)")),
        *((unit, 7 * DAY) for unit in ("wk", "week", "Weeks")),
        *((unit, DAY) for unit in ("d", "day", "days")),
        *((unit, None) for unit in ("m", "min", "s", "gestational weeks", "decades", "")),
    ],
)
def test_units(unit, years):
    assert years_per_unit(unit) == years


def test_a_unit_of_the_value_counts_more_than_that_of_the_column():
    assert Definition(1 / 12).age("24") == (2, False)
    assert Definition(1 / 12).age("24y") == (24, False)
    assert Definition(None).age("24") == (None, False)
    assert Definition(None).age("024Y") == (24, False)


def test_a_code_is_no_age():
    for text in ("99", "99.0", "099"):
        assert Definition(levels={"age": {"99": "not known"}}).age(text) == (None, False)


@pytest.mark.parametrize(
    ("text", "levels", "sex"),
    [
        ("F", {}, "F"),
        ("female", {}, "F"),
        ("M", {}, "M"),
        ("Male", {}, "M"),
        ("1", {}, None),
        ("0", {}, None),
        ("O", {}, None),
        ("?", {}, None),
        ("male/female", {}, None),
        ("1", {"1": "male", "2": "female"}, "M"),
        ("2.0", {"1": "male", "2": "female"}, "F"),
        ("0", {"0": "Female participants", "1": "Male participants"}, "F"),
        ("F", {"F": "Females", "M": "Males"}, "F"),
        ("1", {"1": "men", "2": "women"}, "M"),
        ("3", {"1": "male", "2": "female"}, None),
        ("1", {"1": "not male"}, None),
        ("1", {"1": "male or female"}, None),
        ("F", {"1": "male", "2": "female"}, "F"),
        ("M", {"M": "Mujer", "H": "Hombre"}, None),
        ("M", {"M": "male", "F": "female"}, "M"),
        ("M", {"M": "Male (self-reported)"}, "M"),
        ("F", {"F": "Female at birth"}, "F"),
        ("1", {"1": "The participant is male"}, "M"),
        ("M", {"M": "The participant is male"}, "M"),
        ("M", {"M": "male, by the records of the clinic"}, "M"),
        ("1", {"1": "male, by the records of the clinic"}, None),
        ("1", {"1": "1 = male"}, "M"),
        ("1", {"1": "1 = male, 2 = female"}, None),
        ("male", {"1": "male", "male": "1"}, "M"),
        ("F", {"F": "0", "0": "F"}, "F"),
        ("Female", {"Female": "Frau"}, "F"),
        ("F", {"F": "féminin"}, "F"),
        ("M", {"M": ""}, "M"),
        ("M", {"M": "missing"}, None),
        ("F", {"F": "father"}, None),
        ("m", {"M": "Mujer", "H": "Hombre"}, None),
        ("w", {"W": "woman"}, "F"),
        ("M", {"M": "not male"}, None),
        ("male", {"male": "not known"}, None),
        ("male", {"male": "other"}, None),
        ("M", {"M": "male or female"}, None),
        ("M", {"M": "partner of a female"}, None),
        ("male", {"male": "either female or male"}, None),
        ("M?", {}, None),
        ("not male", {}, None),
        ("Female to male", {}, None),
    ],
)
def test_sexes(text, levels, sex):
    assert Definition(levels={"sex": levels}).sex(text) == sex


_LEVELED = Definition(
    levels={"sex": {"1": "male", "3": "other", "4": "", "5": "not said"}, "age": {"999": ""}}
)


@pytest.mark.parametrize(
    ("text", "unclear"),
    [
        ("", ()),
        ("F", ()),
        ("1.0", ()),
        ("3", ()),
        ("O", ()),
        ("Other", ()),
        ("2", ("sex", "sex_code")),
        ("4", ("sex", "sex_code")),
        ("5", ("sex",)),
        ("f/m", ("sex",)),
    ],
)
def test_a_sex_that_is_written_and_not_understood(text, unclear):
    assert _LEVELED.unclear_sex(text) == unclear


@pytest.mark.parametrize(
    ("text", "unclear"), [("", ()), ("30", ()), ("999.0", ()), ("18-38", ("age",)), ("-1", ("age",))]
)
def test_an_age_that_is_written_and_not_understood(text, unclear):
    assert _LEVELED.unclear_age(text) == unclear
