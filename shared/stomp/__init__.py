"""The broker port over STOMP."""
