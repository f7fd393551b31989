"""What is left of an `.iotz` when all that sets up the Tap is taken out of it."""

from collections.abc import Iterator
from typing import Final

from emulator.config.draft import Draft
from emulator.config.kinds import Plain, shown
from emulator.config.xml_reader import Element
from protocol.words import counted

STUDIO_ONLY: Final = ("GUI_", "XAppRender", "ValueMapping")
"""How the names begin of what never reaches a Tap."""

_UNKNOWN: Final = "no resource of the Tap is known for it"
_MEMORY: Final = "the Tap has the memory that it has; the unit of the number is not known"
_OUTSIDE: Final = "it names a file beside the project, and other files are not opened"
_SLAVE: Final = "the Modbus slave of a Tap is not known to any client"
_CLOUD: Final = "its meaning is not known"

_REASONS: Final = {
    # A project published in both kinds of file has Version="2.1.0" and Config="1.0.0" here, and "2.1.0" there.
    "Config": "the configuration version is the attribute Version of the root",
    "AAR": f"{_UNKNOWN}; the path of the app is GUI_Path",
    "BLEPairingRequest": _UNKNOWN,
    "S3Pmode": "the target is not on S3P",
    "S3PDelay": "the target is not on S3P",
    "TargetProtocolConfData": "the target is not on a serial line",
    "TargetProtocolConfDataLen": "the target is not on a serial line",
    "JVM_Custom_Code": _OUTSIDE,
    "JVM_CodeSize": _MEMORY,
    "JVM_HeapSize": _MEMORY,
    "JVM_StackSize": _MEMORY,
    "JVM_HandleSize": _MEMORY,
    "MBS_Com_Channel": _SLAVE,
    "MBSProtocolConfData": _SLAVE,
    "MBSProtocolConfDataLen": _SLAVE,
    "Broker_Certificate": _OUTSIDE,
    "region": _UNKNOWN,
    "CloudEnable": _CLOUD,
    "CloudSendConf": _CLOUD,
    "CloudUserId": _CLOUD,
    "LoRaMode": "the form of its number is not known",
}
"""Why attributes have no effect."""

_ELEMENT_REASONS: Final = {
    "USB_Aliases": "the form of its numbers is not known",
    "CloudHostName": _UNKNOWN,
    "ProductKey_UID": _UNKNOWN,
    **dict.fromkeys(("IBMOrgID", "IBMDeviceType", "IBMDeviceID", "IBMDeviceToken"), _UNKNOWN),
    **dict.fromkeys(("AWSCustomEndpoint", "AWSThingName"), _UNKNOWN),
    **dict.fromkeys(("IBMRootCertificate", "AWSRootCertificate", "DeviceCertificate", "DevicePrivateKey"), _OUTSIDE),
}
"""Why elements have no effect."""


class RestLister:
    """Notes what has no effect: each thing with its line and its reason."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def run(self, root: Element) -> None:
        """Goes through the whole tree."""
        for element in _walk(root):
            self._element(element)
        self._studio_only(root)

    def _element(self, element: Element) -> None:
        said = {name: value for name, value in element.attributes.items() if value.value}
        reason = _ELEMENT_REASONS.get(element.name)
        if reason is not None:
            if said:
                self._draft.unused(element.line, f"<{element.name}>: {reason}")
            return
        known = {name: _REASONS[name] for name in said if name in _REASONS}
        by_reason: dict[str, list[str]] = {}
        for name, why in known.items():
            by_reason.setdefault(why, []).append(name)
        for why, names in by_reason.items():
            line = said[names[0]].line
            self._draft.unused(line, f"{', '.join(names)} of <{element.name}>: {why}")
        others = [shown(Plain(name)) for name in said if name not in known and not name.startswith(STUDIO_ONLY)]
        if others:
            self._draft.unused(element.line, f"<{element.name}>: attributes {', '.join(others)}")

    def _studio_only(self, root: Element) -> None:
        elements = [element for element in _walk(root, studio=True) if element.name.startswith(STUDIO_ONLY)]
        attributes = [
            attribute
            for element in _walk(root, studio=True)
            for name, attribute in element.attributes.items()
            if name.startswith(STUDIO_ONLY) or element.name.startswith(STUDIO_ONLY)
        ]
        lines = [*(element.line for element in elements), *(attribute.line for attribute in attributes)]
        if lines:
            parts = f"{counted(len(elements), 'element')} and {counted(len(attributes), 'attribute')}"
            self._draft.unused(min(lines), f"GUI_* and the like: {parts} that serve IoTize Studio and reach no Tap")


def _walk(element: Element, *, studio: bool = False) -> Iterator[Element]:
    """The element and all that is within it; `studio` is for what serves IoTize Studio, and what is in that."""
    if studio or not element.name.startswith(STUDIO_ONLY):
        yield element
        for child in element.children:
            yield from _walk(child, studio=studio)
