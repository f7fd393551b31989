"""A case in other hands: as a scenario, played again, made as small as it can be.

``as_scenario`` writes the file, ``replaying`` plays a case once more and tells it, ``shrinking`` finds the smallest
that still fails (``simplifying`` makes candidates, ``wording`` says what they are).
"""
