# Sourced by scripts/setup: what it installs on a Debian machine, as root.
# shellcheck shell=bash
# shellcheck disable=SC2034 # used there

BUILD_PACKAGES='ca-certificates cmake ninja-build python3'
TEST_PACKAGES='g++ doctest-dev nlohmann-json3-dev mosquitto chromium clang llvm valgrind'

debian='' # the number of the release; testing has none
if grep -qsx 'ID=debian' /etc/os-release; then debian=$(. /etc/os-release && echo "${VERSION_ID:-99}"); fi

# The sanitizer and fuzzer runtime of that suite's clang.
case $debian in
  12) TEST_PACKAGES="$TEST_PACKAGES libclang-rt-14-dev" ;;
  13) TEST_PACKAGES="$TEST_PACKAGES libclang-rt-19-dev" ;;
esac

is_debian_root() { [ "$(id -u)" = 0 ] && [ -n "$debian" ] && [ "$debian" -ge 12 ]; }

# Prints those of the packages that are not installed.
missing_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s ' "$name"
  done
}

# A package's service (mosquitto's) must not start because the package is installed.
keep_services_off() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e $policy ] && ! grep -q tarta $policy; then return; fi # the machine has a policy of its own
  # Should the file be left behind, it has no effect: it heeds whether a setup holds its lock.
  printf '#!/bin/sh\n# of tarta: no service starts while its setup runs\nflock -n "%s" true || exit 101\n' "$TOOLS/lock" >$policy
  chmod +x $policy
}

clean_up_installation() {
  rm -rf "$TOOLS/packages"
  if grep -qs tarta /usr/sbin/policy-rc.d; then rm /usr/sbin/policy-rc.d; fi
}

# Prints the packages that an installation left half unpacked when it was cut off.
broken_packages() { dpkg-query -W -f '${db:Status-Eflag} ${Package}\n' | sed -n 's/^reinstreq //p'; }

install_packages() {
  local archives=$TOOLS/packages apt broken
  export DEBIAN_FRONTEND=noninteractive
  trap clean_up_installation EXIT
  mkdir -p "$archives/partial"
  apt=(apt-get -q -y --no-install-recommends -o Dir::Cache::archives="$archives" -o DPkg::Lock::Timeout=300)
  "${apt[@]}" install --download-only "$@"
  keep_services_off
  # From here on in a session of its own, where no Ctrl-C gets: cut off now, the system's packages would be left broken.
  setsid dpkg --configure -a || true
  broken=$(broken_packages)
  # shellcheck disable=SC2086
  [ -z "$broken" ] || setsid "${apt[@]}" install --reinstall $broken
  setsid "${apt[@]}" install "$@"
  # Nor is the service to start with the machine.
  if [[ " $* " = *' mosquitto '* ]] && command -v systemctl >/dev/null; then systemctl disable mosquitto; fi
}

package_lists=old
need_package_lists() {
  [ $package_lists = new ] || step package_lists 'Debian package lists' apt-get -q update
  package_lists=new
}

# need_packages NAME PACKAGE...: a step that installs those that are missing.
need_packages() {
  local name=$1 missing
  shift
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  need_package_lists
  # shellcheck disable=SC2086
  step "$name" "Debian packages: ${missing% }" install_packages $missing
}

# The program is inside an npm package. Debian's npm, which fetches it, does not run on it: hence a newer one too.
install_node() {
  local arch=x64 new=$TOOLS/node.new
  [ "$(dpkg --print-architecture)" = amd64 ] || arch=arm64
  rm -rf "$new" "$TOOLS/node"
  mkdir -p "$new"
  cd "$new" || return
  npm install --prefix . --no-save --ignore-scripts --no-audit --no-fund "node-linux-$arch@24" npm@11
  node_modules/.bin/node --version
  mv "$new" "$TOOLS/node"
}
