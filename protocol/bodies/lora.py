"""Bodies of the LoRa service."""

from dataclasses import dataclass
from typing import Final

from construct import BitStruct, Flag, Padding

from protocol.values import Body, Record


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """Device classes of LoRaWAN, and what travels over it."""

    class_a: bool = False
    class_b: bool = False
    class_c: bool = False
    data_logging_enabled: bool = False
    single_packet_enabled: bool = False


LORA_CONFIG: Final = Body(
    "loraConfig",
    Record(
        LoraConfig,
        BitStruct(
            "class_a" / Flag,
            "class_b" / Flag,
            "class_c" / Flag,
            "data_logging_enabled" / Flag,
            "single_packet_enabled" / Flag,
            Padding(3),
        ),
    ),
    LoraConfig,
)
