"""Takes what is to be drawn and never answers: run as a module by a test."""

import sys

if __name__ == "__main__":
    while sys.stdin.buffer.read(1):
        pass
