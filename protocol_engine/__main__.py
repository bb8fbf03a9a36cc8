"""``python -m protocol_engine``: the same as the command ``protocol-engine``."""

from protocol_engine.entrypoints.cli import main

if __name__ == "__main__":
    main()
