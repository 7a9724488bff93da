import pytest

from neurofm_bids.bids.participants import named_participants
from neurofm_bids.errors import Exit, NeuroFMError

SUBJECTS = ["01", "01", "02", "03", "a=b"]
COLUMNS = {"group": ["control", "patient", "control", "patient", ""], "age": ["30", "31", "40", "", "50"]}


@pytest.mark.parametrize(
    ("named", "labels"),
    [
        (["03"], {"03"}),
        (["sub-03", "02"], {"02", "03"}),
        (["group=control"], {"01", "02"}),
        (["group=patient", "02"], {"01", "02", "03"}),
        (["a=b"], {"a=b"}),
        ([], set()),
    ],
)
def test_participants_are_named_by_labels_and_conditions(named, labels):
    assert named_participants(named, SUBJECTS, COLUMNS, "controls", "--who") == labels


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["04"], "controls have no scan in the tables: 04: --who.*Process them first, or check the label"),
        (["a=c"], r"no participant has a=c .* \(columns are group, age\)"),
        (["group=controls"], "Did you mean 'control'"),
        (["grup=control"], "Did you mean 'group'"),
        (["group=healthy"], r"no participant has group=healthy .* \(its values are control, patient\)"),
        (["site=A"], r"no participant has site=A .* \(columns are group, age\)"),
    ],
)
def test_what_does_not_exist_is_named(named, message):
    with pytest.raises(NeuroFMError, match=message) as raised:
        named_participants(named, SUBJECTS, COLUMNS, "controls", "--who")
    assert raised.value.code == Exit.NOTHING_SELECTED
    assert "--who" in str(raised.value)
    with pytest.raises(NeuroFMError) as raised:
        named_participants(named, SUBJECTS, COLUMNS, "controls", "--who", Exit.USAGE)
    assert raised.value.code == Exit.USAGE


def test_a_column_without_values_is_said():
    with pytest.raises(NeuroFMError, match="the column has no values"):
        named_participants(["x=1"], ["01"], {"x": [""]}, "controls", "--who")
