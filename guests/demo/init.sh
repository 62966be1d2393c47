#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first program of the demo's Linux: what serves the demo waits for the ordinary start to be
# over, beside it.
/etc/demo/serve </dev/null >/dev/null 2>&1 &
exec /init
