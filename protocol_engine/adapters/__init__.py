"""What translates or stores, and never decides: prose, diagrams, the audit file."""
