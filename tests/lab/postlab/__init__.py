"""The lab: a small internet of its own in which real mail servers meet.

Everything here runs as root inside namespaces made by `space`; nothing outlives
the process that entered them. See docs/lab.md.
"""
