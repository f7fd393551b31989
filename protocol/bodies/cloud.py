"""Bodies of the cloud service."""

from enum import IntEnum
from typing import Final

from protocol.values import enumeration


class CloudPlatform(IntEnum):
    """Where log packets are uploaded to; @iotize/device-client.js has other names for the same numbers."""

    NO_PLATFORM = 0
    IOTIZE = 1
    IBM_BLUEMIX = 2
    AMAZON_AWS = 3
    CUSTOM = 4


CLOUD_PLATFORM: Final = enumeration("cloudPlatform", CloudPlatform)
