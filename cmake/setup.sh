#!/bin/sh
# Makes a Debian 12 ready to work on this tree: installs packages (as root), builds, and runs the unit tests.
#   setup.sh
set -eu
cd "$(dirname "$0")/.."
cmake/install-packages.sh build test beside
git config blame.ignoreRevsFile .git-blame-ignore-revs
cmake/build.sh dev
cmake --build build --target unit-tests
echo "ready: cmake --build build --target check is what a change has to pass"
