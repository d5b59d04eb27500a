"""The course report that ayneh grew from, played and written: `ayneh report`."""
