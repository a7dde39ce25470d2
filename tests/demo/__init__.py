"""The demo: a real model server is replaced under traffic, once by a good model and once by a bad one.

`story` says what happens and knows no place; `here` makes a cluster on this machine, `there` takes one that
exists. What is counted is `users`' and `record`'s, what is concluded `summary`'s, what is shown `screen`'s.
"""
