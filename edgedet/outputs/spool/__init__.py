"""What was not delivered yet: in memory, and on disk where the mode says so (see docs/delivery.md).

entry.py      what waits: an event with its number, times and text
intake.py     the way in: numbers and places
numbers.py    `seq` of each camera, never given twice: pure
backlog.py    the order of what waits, its caps and its gaps: pure
lives.py      which objects are there, so that a killed daemon's are ended later: pure
boots.py      what monotonic times mean on the wall
database.py   the file: SQLite, used from one thread
writer.py     that thread
disk.py       both, and when to try again
trouble.py    what `health` should say
"""
