"""What the lab's parts cost when they carry many messages. See docs/performance.md."""
