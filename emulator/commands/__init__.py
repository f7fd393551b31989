"""What the commands of `tap-emulator` do; each is imported when it is asked for."""
