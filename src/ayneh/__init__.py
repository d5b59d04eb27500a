"""ayneh (آینه, Persian for mirror): a laboratory for GANs on small images."""

__version__ = "0.1.0"
