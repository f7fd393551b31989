"""A virtual IoTize Tap.

`device` is the Tap without I/O: bytes in, effects out. `server` puts it behind `links` and a store. `config` makes it
from a file. Follow one request from `device.Device.receive`.
"""
