#!/bin/sh
# Croupier @VERSION@ in one file: this script, and behind it the packed program with its Python and its Valkey.
# The first run unpacks them into a cache; every run then becomes the unpacked program, under the same process id.
# CROUPIER_RUNTIME names another folder for the cache.
set -eu

id=@ID@
offset=@OFFSET@
[ -n "${PATH-}" ] || PATH=/usr/local/bin:/usr/bin:/bin

say() { printf 'croupier: %s\n' "$*" >&2; }

# The folders that may be the cache, the best first, one a line. A service manager's comes before a home.
places() {
    if [ -n "${CROUPIER_RUNTIME-}" ]; then
        printf '%s\n' "$CROUPIER_RUNTIME"
        return
    fi
    [ -z "${CACHE_DIRECTORY-}" ] || printf '%s\n' "${CACHE_DIRECTORY%%:*}/runtime"
    if [ -n "${XDG_CACHE_HOME-}" ]; then
        printf '%s\n' "$XDG_CACHE_HOME/croupier"
    elif [ -n "${HOME-}" ]; then
        printf '%s\n' "$HOME/.cache/croupier"
    fi
    printf '%s\n' "${TMPDIR:-/tmp}/croupier-$(id -u)"
}

# Whether the folder can be used, made if need be: a folder of ours, that nobody else can put anything into. On a file
# system that is read-only (an image's, in which the program was unpacked when it was made) nobody can.
usable() {
    (umask 077 && mkdir -p "$1") 2>/dev/null || return 1
    [ -d "$1" ] && [ ! -h "$1" ] && [ -O "$1" ] && { chmod go-rwx "$1" 2>/dev/null || [ ! -w "$1" ]; }
}

# Unpacks into the folder. It is there whole or not at all: of several that unpack at once, the first one's counts.
unpack() {
    new=$1/new-$id-$$
    trap 'rm -rf "$new"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir "$new" || return 1
    if tail -c "+$offset" "$0" | tar -x -z -o -f - -C "$new" && [ "$(cat "$new/$id/id")" = "$id" ]; then
        sync  # what a power cut leaves of it must not look whole
        mv "$new/$id" "$1/" 2>/dev/null || [ -x "$1/$id/croupier" ]
        unpacked=$?
    else
        unpacked=1
    fi
    rm -rf "$new"
    trap - EXIT HUP INT TERM
    return "$unpacked"
}

tried=
newline='
'
IFS=$newline
for place in $(places); do
    IFS=$newline
    if usable "$place" && { [ -x "$place/$id/croupier" ] || unpack "$place"; } && [ -x "$place/$id/croupier" ]; then
        unset CROUPIER_RUNTIME IFS
        touch "$place/$id" 2>/dev/null || :
        # The program's very first step needs zlib, and this machine may have none; later it sets this itself.
        export LD_LIBRARY_PATH="$place/$id/_internal${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
        exec "$place/$id/croupier" "$@"
    fi
    tried="$tried${tried:+, }$place"
done
unset IFS
say "cannot unpack itself, or run what it unpacked: none of $tried is a folder of this user, on a disk with room," \
    "whose programs may be run (noexec); name one with CROUPIER_RUNTIME"
exit 2
