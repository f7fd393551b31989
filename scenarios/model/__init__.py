"""The scenario file as pydantic models; users of them see one form, however the file wrote it."""

from scenarios.model.actions import Action, Answer, AnswerTo, Busy, Corrupt, Ramp, Split, TargetError, Wrong
from scenarios.model.device import DeviceSpec, Input
from scenarios.model.expectations import Comparison, Expect, Times
from scenarios.model.replay import Check, Client, ForEach, Login, Repeat, Replay, Step
from scenarios.model.scenario import Scenario
from scenarios.model.script import Machine, Rule, ScriptSpec, When
from scenarios.model.verify import ExchangeFilter, RequestFilter, Verification

__all__ = [
    "Action",
    "Answer",
    "AnswerTo",
    "Busy",
    "Check",
    "Client",
    "Comparison",
    "Corrupt",
    "DeviceSpec",
    "ExchangeFilter",
    "Expect",
    "ForEach",
    "Input",
    "Login",
    "Machine",
    "Ramp",
    "Repeat",
    "Replay",
    "RequestFilter",
    "Rule",
    "Scenario",
    "ScriptSpec",
    "Split",
    "Step",
    "TargetError",
    "Times",
    "Verification",
    "When",
    "Wrong",
]
