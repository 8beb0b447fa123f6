"""The parts of the report page, each a view of a run for the template beside it. No I/O."""
