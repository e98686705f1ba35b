"""The client: publish, subscribe, request, and the recovery of all three after a reconnect."""
