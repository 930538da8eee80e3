"""How the broker is: COMMIT's time from the services' beats, heap, store and destinations from its Jolokia."""
