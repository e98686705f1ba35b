"""What runs in the process of a Python kernel: imports nothing but ipykernel."""
