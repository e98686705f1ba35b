"""Execution of notebook cells on the server, into live documents."""
