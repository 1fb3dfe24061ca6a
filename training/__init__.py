"""What drives learning: objectives, penalties, constraints, priors, data, callbacks, evaluation."""
