"""The table: every resource of the Tap, declared once.

`model` says what a row says, one module per service declares the rows, `registry` finds them.
"""
