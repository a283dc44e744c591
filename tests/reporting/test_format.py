"""The JSON of a report: as its published schema says, read back, and old files read."""

import json

import jsonschema
import pandas as pd
import pytest

from healthml.exceptions import InputError
from healthml.reporting import AuditReport, json_schema
from healthml.reporting._format import VERSION


@pytest.fixture(scope="module")
def body(report):
    return json.loads(report.to_json())


def test_reports_are_as_the_schema_says(report, score_report):
    jsonschema.Draft202012Validator.check_schema(json_schema())
    check = jsonschema.Draft202012Validator(json_schema())
    for made in (report, score_report):
        check.validate(json.loads(made.to_json()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.pop("headline"),
        lambda body: body.update(exit_code=2),
        lambda body: body["about"].pop("seed"),
        lambda body: body["findings"][0].update(severity="grave"),
        lambda body: body["findings"][0].update(code="X1"),
        lambda body: body["sections"][0].update(part="elsewhere"),
        lambda body: body.update(extra=1),
    ],
)
def test_a_spoilt_report_is_refused_by_the_schema(body, spoil):
    spoilt = json.loads(json.dumps(body))
    spoil(spoilt)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoilt, json_schema())


def test_a_file_is_read_back_whole(report, body, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(body), encoding="utf-8")
    for source in (path, str(path), json.dumps(body)):
        read = AuditReport.from_json(source)
        assert read.codes() == report.codes()
        assert read.next_evidence == report.next_evidence
        assert read.exit_code == report.exit_code
    assert json.loads(read.to_json()) == body


def test_a_report_that_was_read_fills_the_same_items_and_makes_a_page(report):
    read = AuditReport.from_json(report.to_json())
    # pictures are not in the file, so the sentence that lists them (12e) is shorter
    mine, theirs = (r.to_tripod().table.drop(columns="evidence") for r in (report, read))
    pd.testing.assert_frame_equal(mine, theirs)
    assert report.headline.split(";")[0] in read.to_html()


def test_files_of_before_the_format_had_a_version_are_read(body, report):
    old = {k: v for k, v in body.items() if k not in ("format", "declared", "columns", "checks")}
    read = AuditReport.from_json(json.dumps(old))
    assert read.headline == report.headline
    assert read.declared == {}
    jsonschema.validate(json.loads(read.to_json()), json_schema())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ('{"a": 1}', "not an audit report"),
        ("missing.json", "no file"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(text, words):
    with pytest.raises(InputError, match=words):
        AuditReport.from_json(text)


def test_a_later_version_is_refused(body):
    later = {**body, "format": {**body["format"], "version": VERSION + 1}}
    with pytest.raises(InputError, match="install a newer one"):
        AuditReport.from_json(json.dumps(later))
    with pytest.raises(InputError, match="no version"):
        json_schema(version=VERSION + 1)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "page.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        AuditReport.from_json(path)
