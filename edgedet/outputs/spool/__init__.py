"""What was not delivered yet: in memory, and on disk where the mode says so (see docs/delivery.md).

entry.py      what waits: an event with its number, times and text
backlog.py    the order of what waits, its caps and its gaps: pure
numbers.py    `seq` of each camera, never given twice: pure
database.py   the file: SQLite, used from one thread
writer.py     that thread
"""
