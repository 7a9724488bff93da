"""Age and sex as the tables of a dataset give them: read where they are certain, never guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

__all__ = ["UNITS", "Definition", "Person", "years_per_unit"]

UNITS = "years (a), months (mo), weeks (wk) or days (d)"
_SPELLED = {
    1.0: "a annum y yr yrs year years",
    1 / 12: "mo mon mos mth mths month months",
    7 / 365.25: "w wk wks week weeks",
    1 / 365.25: "d day days",
}
_YEARS = {word: years for years, words in _SPELLED.items() for word in words.split()}
_DICOM_MONTHS = re.compile(r"[0-9]{3}M")  # of the value representation AS; elsewhere M may mean male
_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{0,20}|,[0-9]{1,2})?)"  # of 1,234 nobody can tell what it means
_AGE = re.compile(rf"(>|>=|≥)?\s*{_NUMBER}\s*(\+?)\s*([a-z]*)\.?\s*(\+?)", re.IGNORECASE)
_OLDEST = 130
_SPELLED_SEX = {
    "F": "f female females woman women girl girls feminine feminin féminin femenino feminino",
    "M": "m male males man men boy boys masculine masculin masculino",
}
_SEXES = {word: sex for sex, words in _SPELLED_SEX.items() for word in words.split()}
_OTHER_SEX = {"o", "other"}  # as BIDS has it
_CODE = re.compile(r"[0-9]+(\.0*)?")
_FILLERS = {"sex", "gender", "participant", "participants", "subject", "subjects", "the", "is", "a"}
_FILLERS |= {"biological", "self", "reported", "assigned", "at", "birth"}
_DENIALS = {"not", "non", "no", "neither", "nor", "?", *_OTHER_SEX}


def years_per_unit(text: str) -> float | None:
    """Return the years in a unit of time, or None if it is not known.

    >>> years_per_unit("Years"), years_per_unit("wk") == 7 / 365.25, years_per_unit("fortnights")
    (1.0, True, None)
    """
    return _YEARS.get(text.lower().replace("(s)", "s").strip(" .[]()"))


@dataclass(frozen=True)
class Person:
    """Age and sex at one scan.

    Parameters
    ----------
    age_years
        Age, or None if it is not known; ``89+`` counts as 89.
    age_text
        The age as written, or None.
    sex
        ``F``, ``M`` or None.
    sex_text
        The sex as written, or None.
    remarks
        What limits the age: names of Levels of the column ``chronological_age_remarks``.
    unclear
        What is written but not understood: ``age``, ``sex``, and ``sex_code`` for a number without a level.
    """

    age_years: float | None = None
    age_text: str | None = None
    sex: str | None = None
    sex_text: str | None = None
    remarks: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition:
    """What the data dictionaries of a table say of age and sex.

    Parameters
    ----------
    unit_years
        Years per unit of age, or None if the unit is not known.
    levels
        Meaning by value, by column in lower case (``age``, ``sex``, ``gender``).
    """

    unit_years: float | None = 1.0
    levels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def age(self, text: str) -> tuple[float | None, bool]:
        """Return an age in years, or None where it is not certain, and whether it is a lower bound.

        >>> Definition().age("034Y"), Definition(1 / 12).age("34,5")
        ((34.0, False), (2.875, False))
        >>> Definition().age(">89"), Definition().age("18-38")
        ((89.0, True), (None, False))
        """
        match = _AGE.fullmatch(text)
        if match is None or self._level("age", text) is not None:
            return None, False
        above, number, plus, unit, end = match.groups()
        years = self.unit_years
        if unit:
            years = 1 / 12 if _DICOM_MONTHS.fullmatch(text) else years_per_unit(unit)
        age = math.inf if years is None else float(number.replace(",", ".")) * years
        return (age, bool(above or plus or end)) if age <= _OLDEST else (None, False)

    def sex(self, text: str, column: str = "sex") -> str | None:
        """Return ``F``, ``M``, or None where it is not certain: codes need a level that says what they mean.

        >>> coded = Definition(levels={"sex": {"1": "male", "2": "female"}})
        >>> coded.sex("1"), Definition().sex("1"), Definition().sex("Female")
        ('M', None, 'F')
        >>> Definition(levels={"sex": {"F": "female, as recorded", "M": "mujer"}}).sex("F")
        'F'
        """
        written, meaning = _words(text), _words(self._level(column, text) or text)
        sex = _sex_of(written)
        return _sex_of(meaning) or (sex if sex and _allows(meaning, sex, written) else None)

    def unclear_age(self, text: str) -> tuple[str, ...]:
        """Return ``age`` if an age is written but not understood; a value listed in Levels is none.

        >>> Definition().unclear_age("18-38"), Definition(levels={"age": {"999": "?"}}).unclear_age("999")
        (('age',), ())
        """
        is_clear = not text or self.age(text)[0] is not None or self._level("age", text) is not None
        return () if is_clear else ("age",)

    def unclear_sex(self, text: str, column: str = "sex") -> tuple[str, ...]:
        """Return ``sex`` if a sex is written but not understood, and ``sex_code`` if it is only a number.

        >>> Definition().unclear_sex("1"), Definition().unclear_sex("?"), Definition().unclear_sex("other")
        (('sex', 'sex_code'), ('sex',), ())
        """
        meaning = self._level(column, text)
        if not text or self.sex(text, column) or (meaning or text).lower() in _OTHER_SEX:
            return ()
        return ("sex",) if meaning or not _CODE.fullmatch(text) else ("sex", "sex_code")

    def _level(self, column: str, text: str) -> str | None:
        """Return the meaning of a value that is listed in Levels; 99 may be written 99.0 or 099, M as m."""
        levels = self.levels.get(column)
        if not levels:
            return None
        code = re.sub(r"^0+(?=\d)|\.0*$", "", text)
        alike = (meaning for value, meaning in levels.items() if value.lower() == text.lower())
        return levels.get(text, levels.get(code, next(alike, None)))


def _words(text: str) -> set[str]:
    """Return the words that may name a sex, and question marks."""
    words = re.findall(r"[^\W_]+|\?", text.lower())
    return {word for word in words if not word.isdecimal()} - _FILLERS


def _sex_of(words: Iterable[str]) -> str | None:
    sexes = {_SEXES.get(word) for word in words}
    return sexes.pop() if len(sexes) == 1 else None


def _allows(meaning: Set[str], sex: str, written: Set[str]) -> bool:
    """Tell whether a level leaves a value the sex that it has by itself.

    With words that are not known, F and M may be initials of anything, such as mujer; whole words are not.
    """
    sexes = {_SEXES[word] for word in meaning & _SEXES.keys()}
    if meaning & _DENIALS or sexes - {sex}:
        return False
    return bool(sexes) or not meaning or len(max(written, key=len)) > 1
