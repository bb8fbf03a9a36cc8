"""The engine: one pure step over the table, and what is read off it.

``dosing`` says what a day of a regimen holds and when it is due; ``judging`` whether an act is allowed; ``folding``
takes one event after another; ``rewriting`` applies corrections; ``deciding`` lists what may come next; ``course``
puts them together as :func:`step`, :func:`propose`, :func:`decide` and :func:`replay`.
"""
