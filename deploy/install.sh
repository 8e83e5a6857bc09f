#!/bin/sh
# Installs edgedet on Raspberry Pi OS (64-bit) or Debian, 12 "bookworm" or later: run it with --help.
set -eu
umask 022  # the daemon reads what root installs
PATH=$PATH:/usr/sbin:/sbin  # a plain `su` leaves them out

opt=/opt/edgedet
etc=/etc/edgedet
state=/var/lib/edgedet
config=$etc/edgedet.yaml
command=/usr/local/bin/edgedet
helper=edgedet-reset-edgetpu.socket

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
warn() { for line in "$@"; do echo "edgedet: $line" >&2; done; }
fail() {
    code=$1
    shift
    warn "$@"
    exit "$code"
}
release_says() { sed -n "s/^$1=//p" /etc/os-release | tr -d '"'; }  # NAME
booted() { [ -d /run/systemd/system ]; }
# A link counts whatever it points to: the disk that the file lies on may not be mounted.
configured() { [ -e "$config" ] || [ -L "$config" ]; }

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
    # shellcheck disable=SC2086  # a list of names
    if [ -n "$wanted" ] && ! install_packages $wanted; then
        fail 1 "apt-get could not install$wanted." "Run \`sudo apt-get update\`, then this again."
    fi
    # Only Raspberry Pi OS has it. The camera's worker runs on the system's Python, where libcamera's bindings are.
    camera=python3-picamera2
    installed "$camera" || [ -z "$(apt-cache madison "$camera" 2>/dev/null)" ] || install_packages "$camera" ||
        warn "apt-get could not install $camera, without which there is no camera of type picamera2. Later:" \
            "    sudo apt-get update && sudo apt-get install --no-install-recommends $camera"
}

install_packages() {  # NAME...
    say "installing $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
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
    configured || return 0
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

keep_what_is_replaced() {
    [ -e "$opt/manifest" ] || return 0
    { grep -v '/$' "$opt/manifest"; echo "$opt/manifest"; echo "$opt/install.sh"; } |
        while read -r file; do [ ! -e "$file" ] || echo "$file"; done |
        tar --create --absolute-names --file "$scratch/replaced" --files-from -
}

# After `apt-get remove` the package remembers its links. They are install.sh's from here on: a purge of the package must
# not take them along, nor may it find them missing, and take that for a `systemctl disable`, when it is installed again.
forget_the_package() {
    command -v deb-systemd-helper >/dev/null || return 0
    export DPKG_MAINTSCRIPT_PACKAGE=edgedet
    deb-systemd-helper purge edgedet.service "$helper" >/dev/null || true
    deb-systemd-helper unmask edgedet.service "$helper" >/dev/null || true
}

put_in_place() {
    # What is not here yet is remembered: purge takes that away, and nothing else.
    missing='' user=''
    for group in edgedet video render plugdev apex; do
        getent group "$group" >/dev/null || missing="$missing $group"
    done
    getent passwd edgedet >/dev/null || user=missing
    keep_what_is_replaced
    touched=yes
    [ -n "$old" ] || forget_the_package
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
    [ -z "$user" ] || : >"$etc/.user-made"
    if ! configured; then
        install -o root -g edgedet -m 640 "$source/config/edgedet.yaml" "$config"
        say "$config is new; it has one camera, a Pi's. Adapt it to what you have."
    fi
}

switch_to() {  # RELEASE
    ln -sfn "$1" "$opt/venv.new"
    mv -T "$opt/venv.new" "$opt/venv"
    ln -sfn "$opt/venv/bin/edgedet" "$command"
}

read_units_and_rules() {
    booted || return 0
    udevadm control --reload 2>/dev/null || true
    udevadm trigger --subsystem-match=usb --subsystem-match=apex --subsystem-match=dma_heap 2>/dev/null || true
    udevadm trigger --sysname-match=vcio 2>/dev/null || true
    systemctl daemon-reload
}

runs() {  # or is about to: after a crash systemd, and then the daemon itself, makes a pause
    booted || return 1
    case $(systemctl is-active edgedet.service) in inactive | failed | unknown) return 1 ;; esac
}

start_daemon() {
    # Enabled once; an administrator's `systemctl disable` is not undone by an upgrade.
    if [ -z "$old" ]; then systemctl enable --quiet edgedet.service "$helper" || true; fi
    booted && [ "$start" = yes ] || return 0
    if [ -z "$old" ]; then
        systemctl restart "$helper" || true
    else
        systemctl try-restart "$helper" || true
        if ! runs; then
            say "edgedet.service was not running and was not started"
            return 0
        fi
    fi
    restarted=yes
    # Returns when the daemon is ready, which takes neither a camera, nor a model, nor a broker.
    systemctl restart edgedet.service || fail 1 "the daemon did not start. Why: journalctl -u edgedet"
}

clear_old_releases() {
    if runs && [ "$restarted" = no ]; then
        say "what runs is still the version before, until: sudo systemctl restart edgedet"
        return 0
    fi
    for release in "$opt"/releases/*; do
        [ "$release" = "$new" ] || rm -rf "$release"
    done
}

put_back() {
    take_away "$scratch/manifest" "$opt/manifest"
    tar --extract --absolute-names --file "$scratch/replaced"
    switch_to "$old"
    read_units_and_rules
    ! booted || systemctl try-restart "$helper"
    if [ "$restarted" = no ] || systemctl restart edgedet.service; then
        warn "the old one was put back"
    else
        warn "the old one was put back, but it does not start either"
    fi
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
    set +e  # whatever fails here, the rest is done
    trap '' HUP INT TERM
    if [ "$done" = no ]; then
        [ "$touched" = no ] || [ -z "$old" ] || put_back
        [ -z "$new" ] || rm -rf "$new"
        rmdir "$opt/releases" "$opt" 2>/dev/null  # empty where this was to be the first
    fi
    rm -rf "$scratch"
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
    new='' done=no touched=no restarted=no
    trap clean_up EXIT
    trap 'exit 130' HUP INT TERM
    install_system_packages
    make_environment
    check_configuration
    put_in_place
    switch_to "$new"
    read_units_and_rules
    [ -n "$old" ] || done=yes  # there is nothing that could be put back
    start_daemon
    done=yes
    clear_old_releases
    say "$("$command" --version | sed 's/.*, //') is installed"
    name_libedgetpu
    say "next:  sudoedit $config && sudo edgedet check && sudo systemctl reload-or-restart edgedet"
    say "       journalctl -fu edgedet"
}

take_away() {  # MANIFEST...: what they list; folders that somebody else has put something into since are theirs
    cat "$@" 2>/dev/null | LC_ALL=C sort -ru | while read -r name; do
        case $name in */) rmdir "$name" 2>/dev/null || true ;; *) rm -f "$name" ;; esac
    done
}

remove_folder() {  # FOLDER: prints and leaves what is mounted there or below, a disk for the snapshots
    if [ -L "$1" ] || [ ! -d "$1" ]; then rm -f "$1"; return 0; fi
    find "$1" -type d -exec mountpoint -q {} \; -prune -print -o ! -type d -exec rm -f {} + || true
    find "$1" -type d -exec mountpoint -q {} \; -prune -o -type d -print | LC_ALL=C sort -r | while read -r name; do
        rmdir "$name" 2>/dev/null || true
    done
}

uninstall() {
    if booted && [ -e "$opt/manifest" ]; then
        systemctl disable --now --quiet edgedet.service "$helper" 2>/dev/null || true
    fi
    take_away "$opt/manifest"
    for unit in edgedet.service "$helper"; do
        find /etc/systemd/system -name "$unit" -type l -delete 2>/dev/null || true
    done
    case $(readlink "$command" 2>/dev/null || true) in "$opt"/*) rm -f "$command" ;; esac
    rm -rf "$opt" "/run/$helper"
    ! booted || systemctl daemon-reload
    if [ "$task" = purge ]; then
        purge
    else
        say "edgedet is gone; $etc and $state are still there (--purge takes them away too)"
    fi
}

purge() {
    groups=$(cat "$etc/.groups-made" 2>/dev/null || true)
    user=$([ ! -e "$etc/.user-made" ] || echo edgedet)
    left=$(remove_folder "$etc"; remove_folder "$state")
    rm -rf /run/edgedet /etc/systemd/system/edgedet.service.d
    # The files that could still belong to the user are gone by now.
    if [ -n "$user" ] && getent passwd "$user" >/dev/null; then userdel "$user" || left="$left user:$user"; fi
    for group in $groups; do
        # A user who was here before stays, but not in this. One that somebody else has joined since is theirs.
        [ -n "$user" ] || gpasswd --delete edgedet "$group" >/dev/null 2>&1 || true
        case $(getent group "$group") in *:) groupdel "$group" || left="$left group:$group" ;; esac
    done
    forget_the_package
    say "edgedet is gone, with configuration and state"
    # shellcheck disable=SC2086  # a list
    [ -z "$left" ] || say "but for what is mounted or could not be removed:" $left
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
