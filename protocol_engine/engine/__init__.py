"""The engine: one pure step over the table, and what is read off it.

``intake`` reads events; ``dosing`` says what a day of a regimen holds and when it is due; ``standing`` what is true of
a patient at a place; ``labels``, ``administrations`` and ``judging`` whether an act is allowed; ``folding`` takes one
event after another; ``rewriting`` applies corrections; ``deciding`` lists what may come next; ``course`` puts them
together as :func:`step`, :func:`propose`, :func:`decide` and :func:`replay`.
"""
