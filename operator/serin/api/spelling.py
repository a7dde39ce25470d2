"""How the resource is spelled: the base of every part of it, the texts it allows, and rules across fields.

A rule is written twice, in CEL for the server and in Python for what never met a server (`serin lint`, an
object older than the rule); a contract test holds the two to the same verdicts. What a pattern asks for is
said in words in `NEEDS`, for people who do not read regular expressions.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    StrictInt,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError

from serin.api.podtemplate import first_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Something that must hold between fields of one object.

    Attributes:
        cel: The rule as the server evaluates it; only functions that Kubernetes 1.30 has.
        holds: The same in Python, on the validated part.
        message: What is needed; the server and the operator both show it.
        field: The wire name of the field it is about, relative to the part; empty for the part itself.
    """

    cel: str
    holds: Callable[[Any], bool]
    message: str
    field: str = ""

    def schema(self) -> dict[str, str]:
        """The entry of x-kubernetes-validations."""
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": self.message, "reason": "FieldValueInvalid", **place}


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for place, value in enumerate(values):
        if value in values[:place]:
            need = f"{value} is there twice; name each one once"
            raise PydanticCustomError("rule", "{need}", {"need": need, "field": ""})
    return values


AS_SET: Final = {"x-kubernetes-list-type": "set"}
"""Of a list whose entries the server compares whole, and refuses twice; `EACH_ONCE` does it here."""
EACH_ONCE: Final = AfterValidator(_each_once)


class Spelled(BaseModel):
    """A part of the resource: frozen, camelCase on the wire, unknown fields refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise PydanticCustomError("rule", "{need}", {"need": rule.message, "field": rule.field})
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of the part, with its rules in CEL."""
        schema = handler.resolve_ref_schema(handler(core))
        if cls.rules:
            schema["x-kubernetes-validations"] = [rule.schema() for rule in cls.rules]
        return schema


MONTH: Final = 30 * 24 * 3600

_LABEL = r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$"
_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
_RATIO = r"^[1-9][0-9]{0,3}(\.[0-9]{1,6})?$"
_POINTS = r"^(0|[1-9][0-9]?)(\.[0-9]{1,6})?$"
_POSITIVE_POINTS = r"^(0\.0{0,5}[1-9][0-9]{0,5}|[1-9][0-9]?(\.[0-9]{1,6})?)$"
_RISK = r"^0\.(0{1,5}[1-9]|[1-4])[0-9]{0,5}$"
_CONFIDENCE = r"^0\.[5-9][0-9]{0,5}$"
_NUMBER = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?$"
_SHIFT = r"^0\.(0[1-9][0-9]{0,4}|[1-4][0-9]{0,5}|50{0,5})$"
_SLOWDOWN = r"^(1\.(0[5-9]|[1-9])[0-9]{0,4}|[2-9](\.[0-9]{1,6})?|10(\.0{1,6})?)$"
_QUANTITY = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"  # fmt: skip # noqa: E501
_CLAIM = r"^pvc://[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(/[-_=+@a-zA-Z0-9][-_.=+@a-zA-Z0-9]*)*/?$"
_HOSTNAME = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_PATH = r"^/[-/_.~!$&'()*+,;=:@%a-zA-Z0-9]*$"
_WORD = r"^[a-z0-9]([-a-z0-9_.]{0,61}[a-z0-9])?$"
_METRIC_LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
_NAMESPACE_LABEL = "^([a-zA-Z_][a-zA-Z0-9_]*_)?namespace(_name)?$"
_HTTP_ADDRESS = r"^https?://[-.a-zA-Z0-9\[\]:]+(/[-/_.~a-zA-Z0-9]*)?$"
_PROPER_NAME = r"^[A-Z][A-Za-z0-9]{0,31}$"

NEEDS: Final[dict[str, str]] = {
    _LABEL: "need lower-case letters, digits and '-', starting with a letter, at most 32 characters",
    _OBJECT_NAME: "need the name of an object: lower-case letters, digits, '-' and '.'",
    _RATIO: 'need decimal text of at least 1, for example "1.25"',
    _POINTS: 'need percentage points as decimal text from 0 to below 100, for example "0.1"',
    _POSITIVE_POINTS: 'need percentage points as decimal text above 0 and below 100, for example "1"',
    _RISK: 'need a probability as decimal text above 0 and below 0.5, for example "0.01"',
    _CONFIDENCE: 'need a probability as decimal text from 0.5 to below 1, for example "0.95"',
    _NUMBER: 'need a number as decimal text, for example "70000"',
    _SHIFT: 'need a share of all requests as decimal text from 0.01 to 0.5, for example "0.05"',
    _SLOWDOWN: 'need a factor as decimal text from 1.05 to 10, for example "1.2"',
    _QUANTITY: 'need a quantity, for example "2" or "4Gi"',
    _CLAIM: "need pvc://<claim>/<path>",
    _HOSTNAME: "need a DNS name, '*.' in front allowed",
    _PATH: "need a path that starts with '/'",
    _WORD: "need lower-case letters, digits, '-', '_' and '.', at most 63 characters",
    _NAMESPACE_LABEL: "need a label whose name ends in namespace or namespace_name",
    _METRIC_LABEL: "need the name of a Prometheus label: letters, digits and '_', no digit in front",
    _HTTP_ADDRESS: "need an address such as http://prometheus.monitoring:9090, without user, '?' and '#'",
    _PROPER_NAME: "need letters and digits, starting with a capital, at most 32 characters",
}
"""What each pattern asks for, in words."""

Label = Annotated[str, Field(max_length=32, pattern=_LABEL)]
ObjectName = Annotated[str, Field(max_length=253, pattern=_OBJECT_NAME)]
Ratio = Annotated[str, Field(max_length=12, pattern=_RATIO)]
Points = Annotated[str, Field(max_length=12, pattern=_POINTS)]
PositivePoints = Annotated[str, Field(max_length=14, pattern=_POSITIVE_POINTS)]
Risk = Annotated[str, Field(max_length=14, pattern=_RISK)]
Confidence = Annotated[str, Field(max_length=12, pattern=_CONFIDENCE)]
Number = Annotated[str, Field(max_length=29, pattern=_NUMBER)]
Shift = Annotated[str, Field(max_length=8, pattern=_SHIFT)]
Slowdown = Annotated[str, Field(max_length=9, pattern=_SLOWDOWN)]
Claim = Annotated[str, Field(max_length=1024, pattern=_CLAIM)]
Hostname = Annotated[str, Field(max_length=253, pattern=_HOSTNAME)]
UrlPath = Annotated[str, Field(max_length=1024, pattern=_PATH)]
Word = Annotated[str, Field(max_length=63, pattern=_WORD)]
NamespaceLabel = Annotated[str, Field(max_length=128, pattern=_NAMESPACE_LABEL)]
MetricLabel = Annotated[str, Field(max_length=128, pattern=_METRIC_LABEL)]
HttpAddress = Annotated[str, Field(max_length=512, pattern=_HTTP_ADDRESS)]
ProperName = Annotated[str, Field(max_length=32, pattern=_PROPER_NAME)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Seconds = Annotated[StrictInt, Field(ge=0, le=MONTH)]


def _quantity(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(_QUANTITY, str(value)):
        raise PydanticKnownError("string_pattern_mismatch", {"pattern": _QUANTITY})
    return value


Quantity = Annotated[
    int | str,
    PlainValidator(_quantity),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": _QUANTITY}),
]
"""As Kubernetes writes amounts. Kept as written: a round trip would make Git and cluster differ."""

POD_TEMPLATE: Final = "x-serin-pod-template"
"""Stands in our schemas where `crd` puts that of a PodTemplateSpec."""


def _whole(template: Any) -> Any:
    fault = first_fault(template)
    if fault is not None:
        raise PydanticCustomError("rule", "{need}", {"need": fault.need, "field": fault.path})
    return template


PodTemplate = Annotated[dict[str, Any], PlainValidator(_whole), WithJsonSchema({POD_TEMPLATE: True})]
