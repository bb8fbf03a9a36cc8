"""Prints microseconds per event and the ratio to the bare trigger, measured in the same run."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    session = getattr(config, "_benchmarksession", None)
    if session is None or not session.benchmarks:
        return
    bare: dict[str, float] = {}
    terminalreporter.write_line("")
    terminalreporter.write_line("microseconds per event (fastest and median round), and ratio to the bare trigger")
    for bench in sorted(session.benchmarks, key=lambda bench: "bare" not in bench.name):
        events = bench.extra_info.get("events")
        if not events:
            continue
        fastest, median = bench.stats.min / events * 1e6, bench.stats.median / events * 1e6
        if "bare" in bench.name:
            bare[bench.group] = fastest
        ratio = f"{fastest / bare[bench.group]:6.1f} x" if bench.group in bare else ""
        terminalreporter.write_line(f"  {bench.group:16} {bench.name:45} {fastest:8.2f} {median:8.2f} {ratio}")
