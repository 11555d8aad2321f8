#!/bin/sh
# `npm start`: sets up what is missing, then shows the tour. Arguments go to the tour: npm start -- --lang zh
set -eu
root=$(cd "$(dirname -- "$0")/.." && pwd -P)
sh "$root/scripts/setup.sh"
exec "$root/bin/bridgekeeper" tour "$@"
