# Installs what the build and the tests need, and says so. Sourced by ./run and ./test:
#
#   setup_build   compiler target, trunk, wasm-bindgen, wasm-opt     (minutes the first time)
#   setup_tests   clippy, rustfmt, a browser and its driver          (seconds to minutes)
#
# Tools live outside the repository, in a folder named after tool and version, so a fresh clone or
# an emptied build folder does not compile them again. When nothing is missing this is silent.

CACHE=${STREAMPROOF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamproof}
mkdir -p "$CACHE" && CACHE=$(cd "$CACHE" && pwd)
SYS=$CACHE/wasm-sysroot
WASM=wasm32-unknown-unknown
TRUNK_VERSION=0.22.0-beta.1

# The compiler, library source, backend and linker that Debian's security updates keep current.
DEBIAN_RUST=(rustc-web cargo-web rust-web-src rust-web-llvm lld-22)
DEBIAN_RUST_LINTS=(rust-web-clippy rustfmt-web)

say() { printf '%s\n' "$*" >&2; }
# die WHAT WHY WHAT_TO_DO
die() {
  say "error: $1"
  shift
  printf '  %s\n' "$@" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

setup_build() {
  # ./test sets up and then calls ./run, which does so again: the real wasm-bindgen has to be found by both.
  PATH=${PATH//"$PWD/tools/bin:"/}
  need_cargo
  need_wasm_std
  need_node
  need_npm_packages
  need_crate wasm-bindgen-cli "$(locked_version wasm-bindgen)" wasm-bindgen 4 1
  need_crate wasm_split_cli_support "$(locked_version wasm_split_helpers)" wasm-split-cli 1 1 --features build-binary
  # Without trunk's own update check, and with a TLS library that needs no C headers.
  need_crate trunk "$TRUNK_VERSION" trunk 6 0 --no-default-features --features rustls
  # What Trunk takes for wasm-bindgen takes the page's program apart first.
  WASM_BINDGEN=$(command -v wasm-bindgen)
  PATH=$PWD/tools/bin:$PATH
  export PATH WASM_BINDGEN
}

setup_tests() {
  need_lints
  need_browser
  export CHROME CHROMEDRIVER
}

# --- helpers -------------------------------------------------------------------------------------

# quietly LOG COMMAND...: a long installation belongs in a log; its end is shown when it fails.
quietly() {
  local log=$CACHE/$1
  shift
  "$@" </dev/null >"$log" 2>&1 && return
  tail -n 30 "$log" >&2
  say "(all of it is in $log)"
  return 1
}

# locked COMMAND...: one set-up at a time. Only what is missing asks for the lock, and looks again
# once it has it. Without flock (macOS) two set-ups at once merely do the same work twice, because
# every part is made under a temporary name and renamed when it is whole.
locked() {
  if ! have flock; then
    "$@"
    return
  fi
  (
    flock -n 9 || { say "Waiting for another set-up to finish ..." && flock 9; }
    "$@"
  ) 9>"$CACHE/lock"
}

# apt_install PACKAGE...: fails without a word where apt needs a password, and takes nothing away.
apt_install() {
  have apt-get && as_root true 2>/dev/null || return
  say "Installing Debian packages: $*"
  quietly apt.log as_root env DEBIAN_FRONTEND=noninteractive sh -c \
    'apt-get -q update && apt-get -q install -y --no-install-recommends --no-remove "$@"' sh "$@"
}
as_root() { if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi; }

# locked_version CRATE: the version in Cargo.lock.
locked_version() {
  awk -F'"' -v name="$1" '$1 == "name = " { found = $2 == name } found && $1 == "version = " { print $2; exit }' Cargo.lock
}

# --- Rust ----------------------------------------------------------------------------------------

need_cargo() {
  have cargo && have rustc && return
  die "cargo and rustc were not found" \
    "They compile the page, its worker and the terminal program." \
    "Install Rust from https://rustup.rs, or on Debian: apt-get install ${DEBIAN_RUST[*]}"
}

has_wasm_std() {
  compgen -G "$(rustc --print target-libdir --target $WASM 2>/dev/null)/libstd-*.rlib" >/dev/null
}

# The standard library for wasm32: from rustup, or built with Debian's compiler where rustup has
# nothing to offer. STREAMPROOF_NO_RUSTUP=1 takes the second way, to test it.
need_wasm_std() {
  if [[ -z ${STREAMPROOF_NO_RUSTUP:-} ]]; then
    has_wasm_std && return
    if ! sysroot_is_current && have rustup; then
      say "Adding Rust's $WASM target with rustup (about a minute) ..."
      locked quietly rustup.log rustup target add $WASM && has_wasm_std && return
    fi
  fi
  sysroot_is_current || locked make_sysroot ||
    die "Rust's standard library for $WASM is missing" \
      "The page and its worker are compiled to WebAssembly." \
      "Run: rustup target add $WASM" \
      "or, on Debian, as root: apt-get install ${DEBIAN_RUST[*]}"
  PATH=$SYS/bin:$PATH
  # clippy-driver does not go through the wrapper below, so it is told where the library is.
  export SYSROOT=$SYS
}

# A compiler update makes the old library unreadable, so the stamp is the compiler's own version.
sysroot_is_current() {
  [[ -f $SYS/stamp && $(/usr/bin/rustc -vV 2>/dev/null) == "$(<"$SYS/stamp")" ]]
}

# Builds std for wasm32 with the system compiler into a private sysroot. Nothing of the user's own
# Rust changes; whoever wants this compiler puts $SYS/bin first in PATH.
make_sysroot() {
  sysroot_is_current && return
  debian_rust_is_there || apt_install "${DEBIAN_RUST[@]}" || return
  say "Building Rust's standard library for $WASM (about 90 seconds, once) ..."
  rm -rf "$SYS" && mkdir -p "$SYS/bin" "$SYS/lib/rustlib/$WASM/lib" "$SYS/seed/src" || return
  printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2024"\n' >"$SYS/seed/Cargo.toml"
  : >"$SYS/seed/src/lib.rs"
  # Bitcode, because the release profile links the library with LTO; `test`, for cargo test.
  quietly sysroot.log env -C "$SYS/seed" RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_DIR="$SYS/seed/target" \
    RUSTFLAGS="-Cembed-bitcode=yes -Zforce-unstable-if-unmarked" \
    /usr/bin/cargo build --release --target $WASM -Zbuild-std=std,panic_abort,test,proc_macro || return
  cp "$SYS/seed/target/$WASM/release/deps/"lib*.rlib "$SYS/lib/rustlib/$WASM/lib/" || return
  rm -rf "$SYS/lib/rustlib/$WASM/lib/"libseed-* "$SYS/seed"

  # Wrappers and not links: rustc would follow a link home and look for the library there.
  local tool host
  for tool in rustc rustdoc; do
    printf '#!/bin/sh\nexec /usr/bin/%s --sysroot "%s" "$@"\n' $tool "$SYS" >"$SYS/bin/$tool"
    chmod +x "$SYS/bin/$tool"
  done
  for tool in cargo cargo-clippy clippy-driver cargo-fmt rustfmt; do
    ln -sfn "/usr/bin/$tool" "$SYS/bin/$tool"
  done
  host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
  for tool in "$host" src etc; do
    ln -sfn "/usr/lib/rustlib/$tool" "$SYS/lib/rustlib/$tool"
  done
  /usr/bin/rustc -vV >"$SYS/stamp"
}

debian_rust_is_there() {
  [[ -x /usr/bin/rustc && -x /usr/bin/cargo && -d /usr/lib/rustlib/src/rust/library ]] &&
    compgen -G '/usr/lib/llvm-*/bin/wasm-ld' >/dev/null
}

need_lints() {
  if [[ ${SYSROOT:-} == "$SYS" ]]; then
    # Not through cargo: it would fall back to the lints of another compiler.
    [[ -x /usr/bin/cargo-clippy && -x /usr/bin/cargo-fmt ]] && return
    locked apt_install "${DEBIAN_RUST_LINTS[@]}" && return
  else
    cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1 && return
    have rustup && locked quietly rustup.log rustup component add clippy rustfmt && return
  fi
  die "clippy or rustfmt is missing" \
    "The tests check the style of the source with them." \
    "Run: rustup component add clippy rustfmt" \
    "or, on Debian, as root: apt-get install ${DEBIAN_RUST_LINTS[*]}"
}

# need_crate CRATE VERSION BINARY MINUTES OPT_LEVEL [CARGO_FLAG...]: puts that version in PATH.
need_crate() {
  local crate=$1 version=$2 binary=$3
  local dir=$CACHE/$crate-$version
  [[ $("$binary" --version 2>/dev/null) == "$binary $version" ]] && return
  [[ -x $dir/bin/$binary ]] || locked install_crate "$dir" "$@" ||
    die "$crate $version could not be installed" \
      "The page is built with exactly this version." \
      "Try: cargo install --locked $crate --version $version"
  PATH=$dir/bin:$PATH
}

install_crate() {
  local dir=$1 crate=$2 version=$3 binary=$4 minutes=$5 opt_level=$6
  shift 6
  [[ -x $dir/bin/$binary ]] && return
  rm -rf "$dir.new"
  # Prebuilt where cargo-binstall is installed and can reach a release page.
  if have cargo-binstall && quietly "$crate.log" \
    cargo binstall --no-confirm --disable-strategies compile --root "$dir.new" "$crate@$version"; then
    mv "$dir.new" "$dir"
    return
  fi
  say "Compiling $crate $version (about $minutes minutes, once; progress in $CACHE/$crate.log) ..."
  # The published profiles optimise hard; these tools run for seconds, so most of that is not
  # worth waiting for. A fixed target folder lets an interrupted build go on where it was.
  local cargo_install=(env CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    CARGO_PROFILE_RELEASE_OPT_LEVEL="$opt_level" CARGO_TARGET_DIR="$CACHE/$crate-build"
    cargo install --root "$dir.new" --version "$version" "$@" "$crate")
  # A published lock file can name a crate version that was withdrawn, or that a mirror lacks yet.
  quietly "$crate.log" "${cargo_install[@]}" --locked 2>/dev/null ||
    quietly "$crate.log" "${cargo_install[@]}" || return
  mv "$dir.new" "$dir" && rm -rf "$CACHE/$crate-build"
}

# --- Node, npm packages, browser -----------------------------------------------------------------

need_node() {
  has_node || { locked apt_install nodejs npm && has_node; } ||
    die "Node.js 18 or newer, with npm, was not found" \
      "It runs wasm-opt, serves the page and drives the browser tests." \
      "Install it from https://nodejs.org, or on Debian: apt-get install nodejs npm"
}
has_node() { have npm && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null; }

# wasm-opt (binaryen) and the browser test library, exactly as in the lock file.
need_npm_packages() {
  local here=tests/browser dir
  dir=$CACHE/node-$(sha256 <$here/package-lock.json | cut -c1-16)
  [[ -d $dir ]] || locked install_npm_packages $here "$dir" ||
    die "the npm packages of $here could not be installed" \
      "They hold wasm-opt, which the release build needs, and the browser tests' library." \
      "Look at the messages above, and try: cd $here && npm ci"
  if [[ -d $here/node_modules && ! -L $here/node_modules ]]; then
    die "$here/node_modules is a real folder" \
      "It would hide the packages of the lock file, which are kept in $dir." \
      "Remove it: rm -r $here/node_modules"
  fi
  [[ $here/node_modules -ef $dir/node_modules ]] || ln -sfn "$dir/node_modules" $here/node_modules
  PATH=$dir/node_modules/.bin:$PATH
}
sha256() { if have sha256sum; then sha256sum; else shasum -a 256; fi; }

install_npm_packages() {
  local from=$1 dir=$2
  [[ -d $dir ]] && return
  say "Installing the npm packages of $from (seconds) ..."
  rm -rf "$dir.new" && mkdir -p "$dir.new" || return
  cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$dir.new" || return
  quietly npm.log npm --prefix "$dir.new" ci --ignore-scripts --no-audit --no-fund && mv "$dir.new" "$dir"
}

need_browser() {
  find_browser || { locked apt_install chromium chromium-driver && find_browser; } ||
    die "a Chromium browser or its driver was not found" \
      "The page and the WebAssembly tests run in a real, headless browser." \
      "Install Chromium or Chrome and chromedriver of the same version" \
      "(on Debian: apt-get install chromium chromium-driver)," \
      "or name them: CHROME=/path/to/chrome CHROMEDRIVER=/path/to/chromedriver ./test"
  [[ $(major "$CHROME") == "$(major "$CHROMEDRIVER")" ]] ||
    die "the browser and its driver do not belong together" \
      "$CHROME is version $(major "$CHROME"), $CHROMEDRIVER is version $(major "$CHROMEDRIVER")." \
      "Install the same version of both, or name another pair in CHROME and CHROMEDRIVER."
}
major() { "$1" --version 2>/dev/null | sed -n 's/[^0-9]*\([0-9]*\)\..*/\1/p'; }

find_browser() {
  CHROME=${CHROME:-$(first_of chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")}
  CHROMEDRIVER=${CHROMEDRIVER:-$(first_of chromedriver)}
  [[ -x $CHROME && -x $CHROMEDRIVER ]]
}
first_of() {
  local name
  for name in "$@"; do
    command -v "$name" && return
  done
  return 0
}
