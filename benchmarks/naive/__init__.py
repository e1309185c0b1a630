"""The naive reference: the same task as an ordinary team solves it in its first sprint, with the libraries one reaches for.

Flask under gunicorn, marshmallow, SQLAlchemy's ORM with a commit for each message, pika with a confirm for each message, one
consumer that takes one message at a time, `requests` and zeep. Nothing in it is made slow on purpose, and it keeps most of
its promises on a good day; what it leaves out (a sweeper, order, frozen renditions, receipts, responsibility, a timeline)
is listed in docs/benchmarks.md. It is measured, never shipped.
"""
