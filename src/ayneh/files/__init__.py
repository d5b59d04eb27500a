"""Files that may be damaged, half written or hostile."""
