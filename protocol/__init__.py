"""The language that an IoTize Tap and its clients speak.

Pure: no socket, no file, no clock and no random numbers (the shells in `protocol.client` are the one exception).
The emulator and the reference client are both built on this package, so they read each other by construction;
that they read the vendor's clients is what the vectors and the vendor tests are for.
"""
