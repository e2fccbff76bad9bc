"""The figures that each kind of measurement shows."""

from __future__ import annotations

from bench.figures import Column

CPU = (
    Column("cpu_us", "CPU µs/request", 1, ratio=True),
    Column("core_share", "its core, %", 0),
    Column("others_share", "others on its core, %", 0),
    Column("rss_mib", "RSS MiB", 1),
)
THROUGHPUT = (
    *CPU[:1],
    Column("rate", "requests/s", 0, ratio=True),
    Column("p50_ms", "p50 ms", 2, ratio=True),
    Column("p99_ms", "p99 ms", 2, ratio=True),
    Column("p999_ms", "p99.9 ms", 2),
    *CPU[1:],
)
BULK = (
    Column("cpu_s", "CPU s", 2, ratio=True),
    Column("mib_s", "MiB/s", 0, ratio=True),
    Column("growth_mib", "growth MiB", 1),
    *CPU[1:],
)
LATENCY = (
    Column("added_p50_ms", "added p50 ms", 3, ratio=True),
    Column("added_p99_ms", "added p99 ms", 3),
    Column("p50_ms", "p50 ms", 3),
    Column("p99_ms", "p99 ms", 3),
    Column("p999_ms", "p99.9 ms", 3),
    Column("direct_p50_ms", "direct p50 ms", 3),
    Column("direct_p99_ms", "direct p99 ms", 3),
    Column("late_p99_ms", "sent late p99 ms", 3),
    *CPU,
)
IDLE = (
    Column("channel_kib", "KiB/idle channel", 2),
    Column("channels", "channels", 0),
    Column("few_mib", "RSS MiB, 100 channels", 1),
    Column("many_mib", "RSS MiB, all channels", 1),
    Column("reckoned_mib", "RSS MiB, 20,000 channels", 1),
    Column("few_cpu_us", "CPU µs/request, 100", 1),
    Column("many_cpu_us", "CPU µs/request, all", 1),
    Column("cpu_growth", "more CPU, %", 1),
)
DECISION = (
    Column("decision_us", "µs/decision", 2),
    Column("worst_us", "worst batch µs", 2),
)
WORKERS = (
    Column("rate", "requests/s", 0),
    Column("cpu_us", "CPU µs/request", 1),
    Column("cores", "cores of the router", 2),
    Column("p50_ms", "p50 ms", 2),
    Column("p99_ms", "p99 ms", 2),
    Column("rss_mib", "RSS MiB", 1),
)
PARSERS = (
    Column("known_request_us", "known request µs", 2),
    Column("new_target_us", "new target µs", 2),
    Column("new_fields_us", "new fields µs", 2),
    Column("known_response_us", "known response µs", 2),
    Column("new_response_us", "new response µs", 2),
    Column("accepted", "bad inputs accepted", 0),
)
SYSCALLS = (
    Column("all", "system calls/request", 2),
    Column("wait", "epoll_wait", 2),
    Column("read", "read, recv...", 2),
    Column("write", "write, send...", 2),
    Column("other", "all others", 2),
)
