"""Case after case against a client.

``campaign`` is the loop, ``worker`` one Tap with one client, ``planning`` says which case is next (``lanes`` are the
queues it draws from), ``endurance`` plays the one that is in no plan, ``coverage`` and ``counting`` what was reached,
``clean`` whether the client works at all where nothing goes wrong, ``settings`` what the user asks for, ``terminal``
tells them.
"""
