"""Bodies of object 3, the module itself."""

from typing import Final

from protocol.codes import PowerSource
from protocol.values import enumeration

POWER_SOURCE: Final = enumeration("availablePowerSource", PowerSource)
