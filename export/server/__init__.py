"""A server of exported generators: TF Serving's REST API, Open Inference Protocol v2, a page."""
