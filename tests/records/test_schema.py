"""Records to JSON and back, and the JSON Schema of the file."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest
from pydantic import ValidationError

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.measurement import BrainExtraction
from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.schema import from_json, from_text, to_json, to_text
from tests.samples import AGE, scan_record

REGENERATE = "python -m neurofm_bids.records > neurofm_bids/data/scan_record.schema.json"
SHIPPED = json.loads(files("neurofm_bids").joinpath("data/scan_record.schema.json").read_text())


def definitions(schema):
    return [schema, *schema["$defs"].values()]


def test_the_shipped_schema_is_that_of_the_records():
    command = [sys.executable, "-m", "neurofm_bids.records"]
    written = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert written == SHIPPED, f"The records changed. Regenerate the schema: {REGENERATE}"


def test_the_schema_is_valid_and_accepts_a_record():
    jsonschema.Draft202012Validator.check_schema(SHIPPED)
    jsonschema.validate(scan_record().to_dict(), SHIPPED)
    jsonschema.validate(scan_record(session="a").to_dict(), SHIPPED)


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("Scan", "Typo", 1, "Additional properties are not allowed"),
        ("Scan", "Stem", 1, "1 is not of type 'string'"),
        ("Predictions", "age", {"Value": 1.0}, "is a required property"),
        ("Measurements", "Registration", None, "None is not of type 'object'"),
        ("ImageQuality", "snr_brain", "high", "is not valid under any of the given schemas"),
        ("Provenance", "PipelineVersion", "1", "'1' is not of type 'integer'"),
    ],
)
def test_the_schema_refuses_wrong_values(section, key, value, message):
    values = scan_record().to_dict()
    values[section][key] = value
    with pytest.raises(jsonschema.ValidationError, match=message):
        jsonschema.validate(values, SHIPPED)


@pytest.mark.parametrize("section", sorted(SHIPPED["properties"]))
def test_the_schema_requires_every_section(section):
    values = scan_record().to_dict()
    del values[section]
    with pytest.raises(jsonschema.ValidationError, match=f"'{section}' is a required property"):
        jsonschema.validate(values, SHIPPED)


def test_every_definition_of_the_schema_is_described():
    for definition in definitions(SHIPPED):
        assert definition["description"], definition["title"]
        assert "---" not in definition["description"]
    identity = SHIPPED["$defs"]["Identity"]["properties"]
    assert identity["Subject"]["description"] == identity["Session"]["description"] != ""
    assert "title" not in identity["Subject"]


def test_json_has_seven_significant_digits_and_exact_text_has_all():
    exact = Prediction(**{**vars(AGE), "value": 1 / 3})
    assert to_json(exact)["Value"] == 0.3333333
    assert from_text(Prediction, to_text(exact, Prediction)) == exact
    assert from_text(list[Prediction], to_text([exact, AGE], list[Prediction])) == [exact, AGE]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_record_holds_what_json_cannot(value):
    with pytest.raises(ValidationError, match="finite number"):
        BrainExtraction("none", "", value, 0.0)


def test_records_have_no_other_fields():
    with pytest.raises(ValidationError, match="Unexpected keyword argument"):
        replace(AGE, typo=1)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "the record cannot be used (BrainExtraction: "),
        ({"Method": "none"}, "the record cannot be used (Version is absent)"),
        (
            {"Method": "none", "Version": "", "VolumeMm3": 1.0, "BorderFraction": 0.0, "Typo": 1},
            "the record cannot be used (Typo is unknown)",
        ),
        (
            {"Method": "hand", "Version": "", "VolumeMm3": 1.0, "BorderFraction": 0.0},
            "the record cannot be used (Method: Input should be 'deepbet', 'none' or 'derivatives')",
        ),
        (
            {"Method": "none", "Version": "", "VolumeMm3": "much", "BorderFraction": 0.0},
            "the record cannot be used (VolumeMm3: ",
        ),
        (
            {"Method": "none", "Version": "", "VolumeMm3": "70", "BorderFraction": 0.0},
            "the record cannot be used (VolumeMm3: Input should be a valid number)",
        ),
        (
            {"Method": "none", "Version": "", "VolumeMm3": 1.0, "BorderFraction": True},
            "the record cannot be used (BorderFraction: Input should be a valid number)",
        ),
    ],
)
def test_what_is_wrong_with_a_record_is_said(values, reason):
    with pytest.raises(NeuroFMError) as caught:
        from_json(BrainExtraction, values)
    assert caught.value.what.startswith(reason)
