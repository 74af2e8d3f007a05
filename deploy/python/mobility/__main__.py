"""`python -m mobility` is the program."""

import os
import sys

from mobility import find_program

if __name__ == "__main__":
    path = find_program()
    os.execv(path, [path, *sys.argv[1:]])
