"""Where the binary begins. It is run by PyInstaller's bootloader, and by nothing else."""

import sys
from pathlib import Path

from net.binary.runtime import hold
from net.cli import main
from net.outside import SystemClock

hold(Path(sys.executable).parent, SystemClock())
main(prog_name="croupier")
