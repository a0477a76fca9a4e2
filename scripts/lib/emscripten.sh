# Sourced by scripts/setup: a private Emscripten on a Debian machine. Debian 12's own is too old; this takes the one of a
# newer suite, with the libraries it needs, into a folder of the repository and leaves the system alone.
# shellcheck shell=bash

EMSCRIPTEN_NEW=$TOOLS/emscripten.new     # becomes $PRIVATE_EMSCRIPTEN when it is whole
EMSCRIPTEN_FETCH=$TOOLS/emscripten.fetch # apt's own folders and the packages
EMSCRIPTEN_SUITES='forky trixie'

# The programs that Emscripten calls. All others of the same packages (150 MB) are dropped.
EMSCRIPTEN_PROGRAMS=' clang clang++ clang-cpp clang-scan-deps lld wasm-ld llvm-ar llvm-ranlib llvm-nm llvm-objcopy llvm-objdump
  llvm-strip llvm-size llvm-cxxfilt llvm-symbolizer llvm-dwarfdump llvm-dwp llvm-readobj llvm-profdata llvm-cov '

# ---- fetch and unpack: needs nothing but apt ----

# apt, reading one suite of the machine's own Debian mirror and nothing of the machine's state: as if nothing was installed.
suite_apt() {
  apt-get -q -o Dir::State="$EMSCRIPTEN_FETCH" -o Dir::State::status="$EMSCRIPTEN_FETCH/status" -o Dir::Cache="$EMSCRIPTEN_FETCH" \
    -o Dir::Etc::sourcelist="$EMSCRIPTEN_FETCH/suite.sources" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o APT::Install-Recommends=false -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

# The names of the packages that would come with these.
suite_closure() { suite_apt install -qq --print-uris "$@" | sed -E "s/^'[^']*' ([^_]*)_.*/\1/"; }

fetch_suite() {
  local suite=$1 mirror all linked
  rm -rf "$EMSCRIPTEN_FETCH"
  mkdir -p "$EMSCRIPTEN_FETCH"/{lists,archives}/partial "$EMSCRIPTEN_FETCH/packages"
  : >"$EMSCRIPTEN_FETCH/status"
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' | awk '$1 == "Debian" && !/security/ && !seen++ { print $2 }')
  [ -n "$mirror" ] || { echo 'apt knows no Debian mirror' && return 1; }
  printf '%s\n' 'Types: deb' "URIs: $mirror" "Suites: $suite" 'Components: main' \
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' >"$EMSCRIPTEN_FETCH/suite.sources"
  suite_apt update -o APT::Update::Error-Mode=any || return
  # Of all that the package depends on, only the compiler, its tools and what they link to are needed:
  # no second node, no second python, no native compiler.
  all=$(suite_closure emscripten) || return
  # shellcheck disable=SC2046
  linked=$(suite_closure $(grep -E '^(binaryen|lld-[0-9]+|libllvm[0-9]+|libclang-cpp[0-9.]+)$' <<<"$all")) || return
  cd "$EMSCRIPTEN_FETCH/packages" || return
  # shellcheck disable=SC2046,SC2086
  suite_apt download $(grep -E '^(emscripten|clang-[0-9]+|llvm-[0-9]+|libclang-common-[0-9]+-dev|node-acorn.*)$' <<<"$all") $linked
}

unpack_package() {
  dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --no-same-owner --exclude='./usr/share/doc' --exclude='./usr/share/man' \
    --exclude='./usr/share/locale' --exclude='./usr/lib/*/gconv' --exclude='*/llvm-exegesis' --exclude='*/emscripten/cache' --exclude='*/emscripten/test'
}

fetch_emscripten() {
  local suite
  for suite in $EMSCRIPTEN_SUITES; do
    if (fetch_suite "$suite"); then break; fi
    suite=''
  done
  [ -n "$suite" ] || return 1
  rm -rf "$EMSCRIPTEN_NEW"
  mkdir "$EMSCRIPTEN_NEW"
  echo "$suite" >"$EMSCRIPTEN_NEW/suite"
  # Two at a time, the largest first.
  export -f unpack_package
  # shellcheck disable=SC2016
  find "$EMSCRIPTEN_FETCH/packages" -name '*.deb' -printf '%s %p\0' | sort -rnz | cut -z -d' ' -f2- |
    xargs -0 -n 1 -P 2 bash -euo pipefail -c 'unpack_package "$1" "$0"' "$EMSCRIPTEN_NEW"
  rm -rf "$EMSCRIPTEN_FETCH"
}

note_suite() {
  local suite
  suite=$(cat "$EMSCRIPTEN_NEW/suite")
  [ "$suite" = "${EMSCRIPTEN_SUITES%% *}" ] ||
    say "  (Debian ${EMSCRIPTEN_SUITES%% *} was not to be had: this is the older Emscripten of Debian $suite)"
}

# ---- make it run from where it will be: needs patchelf ----

is_program() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(head -c 4 "$1" | tr -d '\0')" = $'\x7fELF' ]; }

place_emscripten() {
  local new=$EMSCRIPTEN_NEW home=$PRIVATE_EMSCRIPTEN llvm libs loader name file
  llvm=$(cd "$new" && echo usr/lib/llvm-*)
  libs=$(cd "$new" && dirname usr/lib/*/libc.so.6)
  loader=$(cd "$new" && echo "$libs"/ld-linux-*.so.*)
  for file in "$new/$llvm/bin"/*; do
    [[ $EMSCRIPTEN_PROGRAMS =~ [[:space:]]"$(basename "$file")"[[:space:]] ]] || rm "$file"
  done
  # The programs start with the libc of their own suite and find their libraries beside them.
  for file in "$new/$llvm"/bin/* "$new"/usr/bin/wasm*; do
    if is_program "$file"; then
      patchelf --set-interpreter "$home/$loader" --force-rpath --set-rpath "$home/$libs:$home/$llvm/lib" "$file"
    fi
  done
  # So do the libraries that name a place of their own, which is wrong here.
  for file in "$new/$libs"/lib{LLVM,clang-cpp,binaryen}*.so*; do
    if is_program "$file"; then patchelf --force-rpath --set-rpath "$home/$libs:$home/$llvm/lib" "$file"; fi
  done
  cat >"$new/usr/share/emscripten/.emscripten" <<END
import shutil
EMSCRIPTEN_ROOT = '$home/usr/share/emscripten'
LLVM_ROOT = '$home/$llvm/bin'
BINARYEN_ROOT = '$home/usr'
CACHE = '$home/cache'
NODE_JS = shutil.which('node') or 'node'
END
  [ -e "$new/usr/share/emscripten/node_modules" ] || ln -s ../nodejs "$new/usr/share/emscripten/node_modules"
  mkdir -p "$new/bin"
  for name in emcc em++ emar emranlib emnm emcmake embuilder em-config; do
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$home/usr/share/emscripten/$name" >"$new/bin/$name"
    chmod +x "$new/bin/$name"
  done
  echo "$home" >"$new/made-for"
  rm -rf "$home"
  mv "$new" "$home"
}

# ---- build the system libraries once, and try it ----

# The flags decide which variants of libc and libc++ are built: they are those of the shipped module.
warm_emscripten() {
  local home=$PRIVATE_EMSCRIPTEN
  rm -rf "$home/cache" "$TOOLS/probe"
  mkdir -p "$TOOLS/probe"
  cd "$TOOLS/probe" || return
  cat >probe.cpp <<'END'
#include <cstdint>
#include <cstring>
#include <vector>

extern "C" __attribute__((export_name("probe"))) std::uint32_t probe(std::uint32_t count) {
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t i = 0; i < count; i++) numbers.push_back(i);
  auto* copy = new std::vector<std::uint32_t>(numbers);
  std::memmove(copy->data(), numbers.data(), count * sizeof(std::uint32_t));
  std::uint32_t sum = 0;
  for (auto number : *copy) sum += number;
  delete copy;
  return sum;
}
END
  EMCC_CORES=$(nproc) TMPDIR=$PWD "$home/bin/em++" -std=c++20 -O2 -flto -fno-exceptions -fno-rtti -DNDEBUG --no-entry -sSTANDALONE_WASM \
    -sFILESYSTEM=0 -sALLOW_MEMORY_GROWTH -sMALLOC=emmalloc -sSTACK_SIZE=64KB -sINITIAL_HEAP=256KB probe.cpp -o probe.wasm
  # shellcheck disable=SC2016
  node -e '
    const module = new WebAssembly.Module(fs.readFileSync("probe.wasm"));
    const { exports } = new WebAssembly.Instance(module, { env: { emscripten_notify_memory_growth() {} } });
    exports._initialize();
    const sum = exports.probe(100000) >>> 0;
    if (sum !== 99999 * 50000 % 2 ** 32) throw new Error(`the probe module answers ${sum}`);
    console.log("the probe module works");'
  cd "$TOOLS" || return
  rm -rf probe
  touch "$home/works"
}
