#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# CGI: the figures of the RTOS' control loop, as it gives them.
if figures=$(rpmsg ask rtos-jitter 2>&1); then
    printf 'Content-Type: application/json\r\n\r\n%s\n' "$figures"
else
    printf 'Status: 503 Service Unavailable\r\nContent-Type: text/plain\r\n\r\n%s\n' "$figures"
fi
