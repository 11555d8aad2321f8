#!/bin/sh
# `npm test`: sets up what is missing, then checks format, types and behaviour. Arguments go to vitest: npm test -- src/net
set -eu
root=$(cd "$(dirname -- "$0")/.." && pwd -P)
sh "$root/scripts/setup.sh" tests
cd "$root"
PATH="$root/node_modules/.bin:$PATH"
export PATH
biome check .
tsc --noEmit
exec vitest run "$@"
