"""Where the binary begins. It is run by PyInstaller's bootloader, and by nothing else."""

import sys
from pathlib import Path

from net.binary.runtime import hold
from net.cli import main
from net.outside import SystemClock

hold(Path(sys.executable).parent, SystemClock())
if any(word == "-c" or word.startswith("--multiprocessing") for word in sys.argv[1:]):
    # This is one of the processes in which the house's players think, or what keeps an eye on them: it does not return.
    import multiprocessing

    multiprocessing.freeze_support()
main(prog_name="croupier")
