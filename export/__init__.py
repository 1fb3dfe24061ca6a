"""What leaves the application: verified artefacts of a trained generator and their model card."""
