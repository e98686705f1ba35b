"""Who somebody is: the authenticators of the hub, and from hub user to account."""
