"""What all stand-ins do once they have understood their arguments: leave files, and end as they are told.

STAND_IN_SAMPLE is the folder with the files; STAND_IN_ENDS is ``well``, ``badly``, or ``never``.
"""

import os
import shutil
import sys
import time
from pathlib import Path

FRAMES = """Traceback (most recent call last):
  File "program.py", line 331, in run
    main()
    ^^^^^^
  File "program.py", line 264, in main
    raise RuntimeError
"""


def leave(directory, last_words="", status=1, error_file=None):
    """Copy the sample, say the last words, end."""
    shutil.copytree(os.environ["STAND_IN_SAMPLE"], directory, dirs_exist_ok=True)
    ends = os.environ["STAND_IN_ENDS"]
    while ends == "never":
        Path("waiting").touch()
        time.sleep(0.05)
    if ends == "badly":
        sys.stdout.write(f"{last_words}\n")
        if error_file:
            Path(error_file).write_text(f"{FRAMES}{last_words}\n")
    sys.exit(0 if ends == "well" else status)
