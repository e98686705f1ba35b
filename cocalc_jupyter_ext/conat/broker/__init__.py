"""The router: who is subscribed to what, who may do what, where a message goes."""
