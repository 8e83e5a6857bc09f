#!/bin/sh
# Installs edgedet on Raspberry Pi OS (64-bit) or Debian, 12 "bookworm" or later: run it with --help.
set -eu
umask 022  # the daemon reads what root installs

opt=/opt/edgedet
etc=/etc/edgedet
state=/var/lib/edgedet
config=$etc/edgedet.yaml
command=/usr/local/bin/edgedet

usage() {
    cat <<'USAGE'
usage: sudo deploy/install.sh [options]     installs edgedet, or upgrades it
       sudo deploy/install.sh --uninstall   takes it away; configuration and state stay
       sudo deploy/install.sh --purge       takes all of it away

For Raspberry Pi OS 64-bit and Debian, 12 "bookworm" or later. It may be run again at any time.

  --wheel FILE         install this wheel instead of the checkout that install.sh lies in
  --find-links FOLDER  take all packages from this folder: no network is used
  --no-start           do not start (or restart) the daemon
  --help               this text

What it makes: an environment of its own in /opt/edgedet, the command /usr/local/bin/edgedet, the user edgedet, its
unit, udev rules for the Coral's two USB ids and for PCIe (apex), man page and completions, and /etc/edgedet/edgedet.yaml
where there is none. A configuration that is there is never written to: an upgrade lets the new version check it first,
and where that refuses it, the old version stays and runs on (exit 78).
USAGE
}

say() { echo "edgedet: $*"; }
fail() {
    code=$1
    shift
    for line in "$@"; do echo "edgedet: $line" >&2; done
    exit "$code"
}
release_says() { sed -n "s/^$1=//p" /etc/os-release | tr -d '"'; }  # NAME
booted() { [ -d /run/systemd/system ]; }

task=install wheel='' links='' start=yes
while [ $# -gt 0 ]; do
    case $1 in
        --wheel) wheel=${2:?--wheel FILE}; shift ;;
        --find-links) links=${2:?--find-links FOLDER}; shift ;;
        --no-start) start=no ;;
        --uninstall) task=uninstall ;;
        --purge) task=purge ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; fail 2 "unknown option $1" ;;
    esac
    shift
done

check_machine() {
    # The kernel of a 32-bit Raspberry Pi OS may well be a 64-bit one: what counts is what programs are built for.
    bits=$(getconf LONG_BIT 2>/dev/null || echo unknown)
    machine=$(uname -m)
    if [ "$bits" != 64 ]; then
        fail 1 "this system is $bits-bit, and the TensorFlow Lite runtime exists for 64 bits only." \
            "Install Raspberry Pi OS (64-bit), Debian 12 \"bookworm\" or later."
    fi
    case $machine in
        x86_64 | aarch64) ;;
        *) fail 1 "there is no TensorFlow Lite runtime for $machine; 64-bit ARM and x86 are what there is." ;;
    esac
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        fail 1 "this is neither Raspberry Pi OS nor Debian (no apt-get here)." \
            "docs/installation.md says how to install it by hand."
    fi
    case $(release_says ID):$(release_says VERSION_ID) in
        debian:[0-9] | debian:1[01] | raspbian:[0-9] | raspbian:1[01])
            fail 1 "$(release_says PRETTY_NAME) is too old: edgedet needs Python 3.11, which comes with 12 \"bookworm\"." ;;
    esac
    command -v systemctl >/dev/null || fail 1 "systemd is not installed here, and edgedet runs as its unit."
}

installed() {
    case $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null || true) in *' installed') return 0 ;; esac
    return 1
}

install_system_packages() {
    wanted=
    for package in python3 python3-venv python3-systemd; do
        installed "$package" || wanted="$wanted $package"
    done
    # Only Raspberry Pi OS has it. The camera's worker runs on the system's Python, where libcamera's bindings are.
    if ! installed python3-picamera2 && [ -n "$(apt-cache madison python3-picamera2 2>/dev/null)" ]; then
        wanted="$wanted python3-picamera2"
    fi
    [ -n "$wanted" ] || return 0
    say "installing$wanted"
    # shellcheck disable=SC2086  # a list of names
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null; then
        fail 1 "apt-get could not install$wanted." "Run \`sudo apt-get update\`, then this again."
    fi
}

make_environment() {
    python=/usr/bin/python3
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        fail 1 "$("$python" --version) is too old: edgedet needs Python 3.11, which comes with Debian 12 \"bookworm\"."
    fi
    new=$opt/releases/$(date -u +%Y%m%d-%H%M%S)-$$
    mkdir -p "$opt/releases"
    "$python" -m venv "$new"
    # Of the distribution's packages this one alone, since it has no wheels; all of them would bring a second numpy.
    site=$("$new/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    ln -s /usr/lib/python3/dist-packages/systemd "$site/systemd"

    if [ -z "$wheel" ]; then
        # From a copy: building leaves files behind, and in a checkout they would be root's.
        copy=$scratch/source
        mkdir "$copy"
        cp -r "$source/edgedet" "$source/pyproject.toml" "$source/README.md" "$source/LICENSE" "$copy"
        wheel=$copy
    fi
    set -- --quiet --disable-pip-version-check --retries 5
    [ -z "$links" ] || set -- "$@" --no-index --find-links "$links"
    say "installing edgedet and its packages into $opt (a minute or two)"
    if ! "$new/bin/python" -m pip install "$@" "$wheel"; then
        fail 1 "pip could not install it: see above. Nothing was changed."
    fi
}

check_configuration() {
    [ -e "$config" ] || return 0
    checked=0
    "$new/bin/python" -I "$source/deploy/check_as_daemon.py" "$config" >"$scratch/said" 2>&1 || checked=$?
    [ "$checked" != 0 ] || return 0
    cat "$scratch/said" >&2
    if [ "$checked" != 78 ]; then
        fail 1 "the new version does not run here: see above. Nothing was changed."
    fi
    fail 78 "this version would refuse the configuration above. Nothing was changed; what ran before runs on." \
        "Mend $config, then run this again."
}

put_in_place() {
    missing=
    for group in video render plugdev apex; do
        getent group "$group" >/dev/null || missing="$missing $group"
    done
    "$source/deploy/lay-out" "" local "$new/bin/python" >"$scratch/manifest"
    # What an older version put somewhere else is not left behind.
    if [ -e "$opt/manifest" ]; then
        sort "$scratch/manifest" >"$scratch/sorted"
        grep -v '/$' "$opt/manifest" | sort | comm -23 - "$scratch/sorted" | while read -r file; do rm -f "$file"; done
        grep '/$' "$opt/manifest" >>"$scratch/manifest" || true
    fi
    cp "$scratch/manifest" "$opt/manifest"
    # So that it can be taken away when the checkout is long gone.
    cp "$source/deploy/install.sh" "$opt/install.sh.new"
    chmod 755 "$opt/install.sh.new"
    mv "$opt/install.sh.new" "$opt/install.sh"

    systemd-sysusers edgedet.conf
    # While an image is made there may be no /proc, without which it does nothing; the next boot does the rest.
    systemd-tmpfiles --create edgedet.conf 2>/dev/null || install -d -o root -g edgedet -m 750 "$etc"
    [ -z "$missing" ] || echo "$missing" >>"$etc/.groups-made"
    if [ ! -e "$config" ]; then
        install -o root -g edgedet -m 640 "$source/config/edgedet.yaml" "$config"
        say "$config is new; it has one camera, a Pi's. Adapt it to what you have."
    fi
}

switch_to() {  # RELEASE
    ln -sfn "$1" "$opt/venv.new"
    mv -T "$opt/venv.new" "$opt/venv"
    ln -sfn "$opt/venv/bin/edgedet" "$command"
}

start_daemon() {
    if ! booted; then
        systemctl enable --quiet edgedet.service edgedet-reset-edgetpu.socket || true
        return 0
    fi
    udevadm control --reload 2>/dev/null || true
    udevadm trigger --subsystem-match=usb --subsystem-match=apex --subsystem-match=dma_heap 2>/dev/null || true
    systemctl daemon-reload
    # Enabled once; an administrator's `systemctl disable` is not undone by an upgrade.
    [ -n "$old" ] || systemctl enable --quiet edgedet.service edgedet-reset-edgetpu.socket
    [ "$start" = yes ] || return 0
    systemctl restart edgedet-reset-edgetpu.socket || true
    if [ -n "$old" ] && ! systemctl is-active --quiet edgedet.service; then
        say "edgedet.service was not running and was not started"
        return 0
    fi
    # Returns when the daemon is ready, which takes neither a camera, nor a model, nor a broker.
    if systemctl restart edgedet.service; then
        return 0
    fi
    if [ -n "$old" ]; then
        switch_to "$old"
        rm -rf "$new"
        systemctl restart edgedet.service || true
        fail 1 "the new version did not start, so the old one was put back. Why: journalctl -u edgedet"
    fi
    fail 1 "the daemon did not start. Why: journalctl -u edgedet"
}

name_libedgetpu() {
    if ldconfig -p | grep -q libedgetpu.so.1; then
        return 0
    fi
    codename=$(release_says VERSION_CODENAME)
    case $codename in
        bookworm | trixie)
            say "For a Coral: libedgetpu1-std 16.0TF2.19.1-1, the build for $codename, from the releases of"
            say "  https://github.com/feranick/libedgetpu (not Google's own 16.0, which crashes with today's runtimes)."
            say "  docs/edge-tpu.md has the commands. Without it the CPU does the work."
            ;;
    esac
}

clean_up() {
    status=$?
    rm -rf "$scratch"
    if [ "$done" = no ] && [ -n "$new" ]; then
        rm -rf "$new"
        rmdir "$opt/releases" "$opt" 2>/dev/null || true  # empty where this was to be the first
    fi
    exit "$status"
}

install_edgedet() {
    check_machine
    if installed edgedet; then
        fail 1 "the Debian package edgedet is installed. Upgrade that one, or take it away first (configuration and state" \
            "stay): sudo apt-get remove edgedet"
    fi
    here=$(dirname "$(readlink -f "$0")")
    source=$(dirname "$here")
    if [ ! -e "$source/pyproject.toml" ] || [ ! -e "$source/deploy/lay-out" ]; then
        fail 1 "$0 needs the checkout that it comes with (units, udev rules, the configuration's pattern):" \
            "get edgedet's source, and run its deploy/install.sh."
    fi
    old=$(readlink "$opt/venv" 2>/dev/null || true)
    scratch=$(mktemp -d)
    new=
    done=no
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    install_system_packages
    make_environment
    check_configuration
    put_in_place
    switch_to "$new"
    done=yes
    start_daemon
    for release in "$opt"/releases/*; do
        [ "$release" = "$new" ] || rm -rf "$release"
    done
    say "$("$command" --version | sed 's/.*, //') is installed"
    name_libedgetpu
    say "next:  sudoedit $config && sudo edgedet check && sudo systemctl reload-or-restart edgedet"
    say "       journalctl -fu edgedet"
}

uninstall() {
    if booted && [ -e "$opt/manifest" ]; then
        systemctl disable --now --quiet edgedet.service edgedet-reset-edgetpu.socket 2>/dev/null || true
    fi
    made=$(cat "$etc/.groups-made" 2>/dev/null || true)
    if [ -e "$opt/manifest" ]; then
        grep -v '/$' "$opt/manifest" | while read -r file; do rm -f "$file"; done
        # Folders that somebody else has put something into since are theirs.
        grep '/$' "$opt/manifest" | sort -r | while read -r folder; do rmdir "$folder" 2>/dev/null || true; done
    fi
    for unit in edgedet.service edgedet-reset-edgetpu.socket; do
        find /etc/systemd/system -name "$unit" -type l -delete 2>/dev/null || true
    done
    case $(readlink "$command" 2>/dev/null || true) in "$opt"/*) rm -f "$command" ;; esac
    rm -rf "$opt"
    ! booted || systemctl daemon-reload
    if [ "$task" = purge ]; then
        rm -rf "$etc" "$state" /run/edgedet /etc/systemd/system/edgedet.service.d
        if getent passwd edgedet >/dev/null; then userdel edgedet || true; fi
        for group in edgedet $made; do
            # One that somebody has joined since is theirs.
            case $(getent group "$group") in *:) groupdel "$group" || true ;; esac
        done
        say "edgedet is gone, with configuration and state"
    else
        say "edgedet is gone; $etc and $state are still there (--purge takes them away too)"
    fi
}

[ "$(id -u)" = 0 ] || fail 1 "this has to be run by root: sudo $0"
case $task in
    install) install_edgedet ;;
    *)
        if installed edgedet; then
            fail 1 "edgedet was installed as a Debian package: sudo apt-get $([ "$task" = purge ] && echo purge || echo remove) edgedet"
        fi
        uninstall
        ;;
esac
