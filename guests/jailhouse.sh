#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands by which openEuler's mica handles Jailhouse's cells, for VMs that this one controls
# (docs/mica.md). A cell's name is the label of a VM's type.
#
#   jailhouse cell create CONFIG | load NAME IMAGE | start NAME | shutdown NAME | destroy NAME
[ "$1" = cell ] && [ -n "$3" ] || { echo "usage: jailhouse cell COMMAND NAME" >&2; exit 1; }

# A cell's configuration begins with signature (5 bytes), architecture (1), revision (2), name (32).
name_in() {
    dd if="$1" bs=1 skip=8 count=32 2>/dev/null | tr -d '\0'
}

case $2 in
create) exec zvmctl new "$(name_in "$3")" ;;
load) exec zvmctl load "$3" "$4" ;;
start) exec zvmctl run "$3" ;;
shutdown) exec zvmctl stop -f "$3" ;;
destroy) exec zvmctl delete -f "$3" ;;
*) echo "jailhouse: no command '$2'" >&2; exit 1 ;;
esac
