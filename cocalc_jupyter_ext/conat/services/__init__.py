"""What is built on request and reply alone."""
