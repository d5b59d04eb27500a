"""What every page of ayneh shares: its style sheet, and figures in its colours."""
