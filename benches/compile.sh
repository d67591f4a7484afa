#!/usr/bin/env bash
# What the attributes cost the compiler: `cargo check` of a crate with 200 nodes and 200 cached functions, beside
# the same crate without the attributes. First of all of it, then after an edit of one of its 20 files; the latter
# is a median, in turns. Needs the dependencies that the workspace has, and half a minute once they are built.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
folder=$root/target/compile
rounds=${1:-5}

# One of the 20 files. The argument says whether it has the attributes.
file() {
  local with=$1 number=$2
  echo 'use serde::{Deserialize, Serialize};'
  $with && echo 'use cacheme::{Load, LoadContext, LoadResult};'
  cat <<'RUST'
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Profile { pub id: u64, pub name: String, pub tags: Vec<String> }
#[derive(Debug)]
pub struct AppError(pub String);
impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) }
}
impl std::error::Error for AppError {}
async fn query(id: u64, name: &str) -> Result<Profile, AppError> {
    if id == 0 { return Err(AppError("there is none".to_owned())); }
    Ok(Profile { id, name: name.to_owned(), tags: vec![format!("{id}")] })
}
RUST
  $with && echo 'impl From<cacheme::Error> for AppError { fn from(error: cacheme::Error) -> Self { Self(error.to_string()) } }'
  local n body
  for n in $(seq "$((number * 10))" "$((number * 10 + 9))"); do
    body="{ let mut profile = query(self.user_id, &self.lang).await?; profile.tags.push(\"$n\".to_owned()); Ok(profile) }"
    if $with; then
      echo "#[cacheme::node(storage = \"hot\", ttl = \"30s\", version = \"v1\", key = \"user$n:{user_id}:{lang}\")]"
      echo "pub struct Node$n { pub user_id: u64, pub lang: String }"
      echo "impl Load for Node$n { type Value = Profile; async fn load(&self, _cx: &LoadContext) -> LoadResult<Profile> $body }"
      echo '#[cacheme::cached(storage = "hot", ttl = "30s")]'
    else
      echo "pub struct Node$n { pub user_id: u64, pub lang: String }"
      echo "impl Node$n { pub async fn load(&self) -> Result<Profile, AppError> $body }"
    fi
    echo "pub async fn function$n(user_id: u64, lang: &str) -> Result<Profile, AppError> ${body//self./}"
  done
}

check() {
  local started
  started=$(date +%s%N)
  (cd "$folder/$1" && CARGO_TARGET_DIR=$folder/target cargo check --quiet --offline)
  echo $((($(date +%s%N) - started) / 1000000))
}

for crate in with without; do
  with=$([ "$crate" = with ] && echo true || echo false)
  mkdir -p "$folder/$crate/src"
  cp Cargo.lock "$folder/$crate/"
  cat > "$folder/$crate/Cargo.toml" <<TOML
[package]
name = "compile-$crate"
version = "0.1.0"
edition = "2024"
[dependencies]
cacheme = { path = "$root/cacheme" }
serde = { version = "1", features = ["derive"] }
[workspace]
TOML
  for number in {0..19}; do
    file "$with" "$number" > "$folder/$crate/src/m$number.rs"
    echo "pub mod m$number;"
  done > "$folder/$crate/src/lib.rs"
  check "$crate" > "$folder/$crate/built"
done

median() { sort -n | sed -n "$(((rounds + 1) / 2))p"; }

for crate in with without; do
  rm -rf "$folder/target/debug/incremental/compile_$crate"*
  touch "$folder/$crate/src/lib.rs"
  check "$crate" > "$folder/$crate/whole"
  : > "$folder/$crate/edits"
done
for _ in $(seq "$rounds"); do
  for crate in with without; do
    echo "// An edit." >> "$folder/$crate/src/m7.rs"
    check "$crate" >> "$folder/$crate/edits"
  done
done
with=$(cat "$folder/with/whole") without=$(cat "$folder/without/whole")
echo "all of it:   $with ms with the attributes, $without ms without: $((100 * with / without)) %"
with=$(median < "$folder/with/edits") without=$(median < "$folder/without/edits")
echo "one edit:    $with ms with the attributes, $without ms without: $((100 * with / without)) %"
