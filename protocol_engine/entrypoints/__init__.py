"""The ways in: the command line. Here alone are streams, exit codes, logging and the wall clock."""
