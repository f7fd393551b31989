"""Construct schemas of request and response bodies, one module per service of the Tap."""
