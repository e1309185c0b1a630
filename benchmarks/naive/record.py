"""What a request must look like, in marshmallow: one schema instance, made once."""

from __future__ import annotations

from marshmallow import Schema, ValidationError, fields, validate

CATEGORIES = ("public-surveillance", "probation", "parole", "temporary-execution")
PENALTIES = ("管制", "拘役", "有期徒刑", "无期徒刑", "死缓")

PLACE = validate.Regexp(r"^[1-9]\d{5}(\d{3}(\d{3})?)?$")
MONEY = validate.Regexp(r"^(0|[1-9]\d{0,14})(\.\d{1,2})?$")
CASE_NUMBER = validate.Regexp(r"^[(（]\d{4}[)）].+$")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_number(text: str) -> None:
    """GB 11643 with its check character."""
    validate.Regexp(r"^\d{17}[\dX]$")(text)
    if text[17] != "10X98765432"[sum(int(digit) * weight for digit, weight in zip(text, WEIGHTS, strict=False)) % 11]:
        raise ValidationError("the check character does not fit")


class Coded(Schema):
    system = fields.Str(required=True)
    code = fields.Str(required=True)
    text = fields.Str()


class Term(Schema):
    years = fields.Int()
    months = fields.Int()
    days = fields.Int()


class Address(Schema):
    place = fields.Str(validate=PLACE)
    text = fields.Str()


class Person(Schema):
    name = fields.Str(required=True, validate=validate.Length(min=1, max=200))
    sex = fields.Nested(Coded)
    birth_date = fields.Date()
    id_number = fields.Str(validate=id_number)
    ethnic_group = fields.Nested(Coded)
    education = fields.Nested(Coded)
    marital_status = fields.Nested(Coded)
    phone = fields.Str()
    household = fields.Nested(Address)
    residence = fields.Nested(Address)


class Case(Schema):
    number = fields.Str(required=True, validate=CASE_NUMBER)
    deciding_agency = fields.Str()
    deciding_agency_kind = fields.Str(validate=validate.OneOf(["court", "prison-admin", "police"]))
    document_kind = fields.Str(validate=validate.OneOf(["判决书", "裁定书", "决定书"]))
    decided_on = fields.Date()
    effective_on = fields.Date(allow_none=True)
    execution_notice_number = fields.Str()
    joint_case = fields.Bool()


class Penalty(Schema):
    offence = fields.Str()
    kind = fields.Str(validate=validate.OneOf(PENALTIES))
    term = fields.Nested(Term)
    probation = fields.Nested(Term)
    fine = fields.Str(validate=MONEY)


class Prohibition(Schema):
    text = fields.Str(required=True)
    # `from` is a word of Python
    since = fields.Date(data_key="from")
    to = fields.Date()


class Sentence(Schema):
    offences = fields.List(fields.Str())
    penalties = fields.List(fields.Nested(Penalty))
    prohibitions = fields.List(fields.Nested(Prohibition))


class Correction(Schema):
    category = fields.Str(validate=validate.OneOf(CATEGORIES))
    term = fields.Nested(Term)
    since = fields.Date(data_key="from")
    to = fields.Date()
    execution_place = fields.Str(required=True, validate=PLACE)
    report_by = fields.Date()


class Remarks(Schema):
    remarks = fields.Str()


class Record(Schema):
    message = fields.Nested(Remarks)
    person = fields.Nested(Person, required=True)
    case = fields.Nested(Case, required=True)
    sentence = fields.Nested(Sentence)
    correction = fields.Nested(Correction, required=True)


class Document(Schema):
    sha256 = fields.Str(required=True, validate=validate.Regexp(r"^[0-9a-f]{64}$"))
    title = fields.Str(required=True)
    kind = fields.Str()


class Request(Schema):
    exchange = fields.Str(required=True, validate=validate.OneOf(["admission.documents"]))
    record = fields.Nested(Record, required=True)
    documents = fields.List(fields.Nested(Document))


REQUEST = Request()
