"""What several verbs share: the only rooms where everything meets."""
