"""Interactive widgets: what the kernel says about them, kept for everybody."""
