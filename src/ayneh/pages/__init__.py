"""The style sheet of ayneh's pages, and figures in its colours."""
