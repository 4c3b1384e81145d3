"""Rules that run apart from the event loop, because they are made of native code, which no signal interrupts.

`rules.Apart` stands for such rules wherever the house asks rules, which it does in functions that do not wait. What can
be known of a position came along with it (`known.Known`), so most questions are answered on the spot. A question that
only the real rules can answer (what does this action lead to?) is raised out of whatever asked it, as `Unanswered`;
`patience.patiently` has it answered, which may take a while, and calls the same pure function again, which gets further
this time. `desk.Desk` is the other side: the real rules, in whatever process they run.
"""
