"""The other direction: a client that misbehaves, against an emulated Tap in this process or any Tap at a URL.

``sound`` knows what a good client asks, ``spoiling`` how a request goes wrong, ``cases`` makes reproducible cases of
both, ``peer`` keeps a valid session underneath, ``permits`` says what a Tap at a URL is spared. ``bench`` plays cases
in this process and ``distant`` over a URL, ``running`` many of them, and collects what speaks against the Tap.
"""
