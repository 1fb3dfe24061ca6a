"""What drives learning: objectives, terms, constraints, priors, data, callbacks, evaluation."""
