"""The reference client: thin, strict, and readable beside the vendor's documentation.

`core` is a session without I/O, written as conversations; `blocking` (`Tap`) and `aio` (`AsyncTap`) drive them over
the links of `links`. The methods of ``tap.service`` are generated from the resource table.
"""
