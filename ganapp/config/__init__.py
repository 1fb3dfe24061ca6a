"""The configuration: its schema, the members it may name, its rules, and how it is read."""
