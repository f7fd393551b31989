"""What came of scenarios, for people (`terminal`) and for programs (`junit`, `as_json`)."""
