"""The single binary: how it is built (`./dev binary`), how it starts, and what is in it.

`dist/croupier` is a small shell script with the packed program behind it: Croupier, Python, Valkey and all libraries. A
bundle of one file as PyInstaller makes it would leave its server running when the process that was launched is killed,
and would unpack itself at every start. So `launcher.sh` unpacks once, and then becomes the program: the process id
stays, and so `kill -9`, a signal, a supervisor's watch reach the server itself.
"""
