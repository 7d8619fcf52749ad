"""What really ran: counted while the program runs, kept in a file per process, merged afterwards.

_observer   hears of each step, counts it, and sees what had started before it
_tallies    the counts of one thread, and how those of all threads add up
_runs       the runs of flows that are going on, and which of them other processes know of
_questions  starts that this process alone cannot explain
_sketch     durations in buckets
_journal    the format of the file, and how it is written
_merge      the files of many processes as one `Evidence`
_otlp       the same from exported spans
"""
