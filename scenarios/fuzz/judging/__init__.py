"""Who is wrong: what a careful client may report and send, and what speaks against this one.

``judge`` looks at one case, ``readings`` compares values, ``violations`` is the table of what no client may send,
``story`` what a client was told and did, ``traces`` knows the stack traces of many languages.
"""
