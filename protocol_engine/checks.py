"""placeholder"""
from protocol_engine.errors import Problem
from protocol_engine.model.protocol import Protocol
def check_protocol(protocol: Protocol) -> tuple[Problem, ...]:
    return ()
