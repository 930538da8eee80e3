"""GDA event ingestion: whatever announces a data collection becomes one validated, deduplicated event."""
