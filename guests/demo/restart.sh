#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# CGI: the RTOS is killed in the middle of whatever it does, and started again. Only by POST: a page
# that is loaded ahead, or again, restarts nothing.
if [ "$REQUEST_METHOD" != POST ]; then
    printf 'Status: 405 Method Not Allowed\r\nContent-Type: text/plain\r\n\r\nPOST restarts the RTOS\n'
elif said=$(zvmctl reset rtos 2>&1); then
    printf 'Content-Type: text/plain\r\n\r\nrestarted\n'
else
    printf 'Status: 503 Service Unavailable\r\nContent-Type: text/plain\r\n\r\n%s\n' "$said"
fi
