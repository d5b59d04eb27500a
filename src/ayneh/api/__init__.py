"""What `import ayneh` gives; `ayneh/__init__` hands it on, each name when it is first used."""
