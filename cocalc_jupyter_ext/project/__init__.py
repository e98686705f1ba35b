"""The functions a project offers to its collaborators over the message fabric."""
