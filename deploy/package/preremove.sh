#!/bin/sh
# Debian says "remove", and "upgrade" where a new version follows; rpm says how
# many versions remain. Only a package that goes stops its worker, which drains.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now rekey-worker.service
	fi
	;;
esac
