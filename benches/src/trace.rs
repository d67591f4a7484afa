//! Requests in their order, and how they are read from files.
//!
//! A file `NAME.u32.zst` is a zstd stream of little-endian `u32` ids, one per request. In memory ids
//! are dense: the first that comes is 0, the next new one 1, and so on.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;

const ENDING: &str = ".u32.zst";

/// The requests of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    name: String,
    ids: Vec<u32>,
    distinct: usize,
}

impl Trace {
    /// Of these requests, whose ids it makes dense.
    pub(crate) fn new(name: &str, mut ids: Vec<u32>) -> Self {
        let mut dense = HashMap::<u32, u32, ahash::RandomState>::default();
        for id in &mut ids {
            let next = u32::try_from(dense.len()).unwrap_or(u32::MAX);
            *id = *dense.entry(*id).or_insert(next);
        }
        Self {
            name: name.to_owned(),
            distinct: dense.len(),
            ids,
        }
    }

    /// What it is called in tables and by `--only`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The requests; every id is less than [`distinct`](Self::distinct).
    pub(crate) fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The number of different ids.
    pub(crate) fn distinct(&self) -> usize {
        self.distinct
    }
}

/// The traces of a folder by name, those only that `wanted` says.
///
/// # Errors
///
/// If the folder or one of its traces can't be read, or if it has no trace.
pub(crate) fn read_folder(
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Trace>, Box<dyn Error>> {
    let names = names(folder)?;
    let wanted = names.iter().filter(|name| wanted(name));
    wanted.map(|name| read(folder, name)).collect()
}

/// The names of all traces of a folder, in order.
///
/// # Errors
///
/// If the folder can't be read or has no trace.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let unreadable = |error| format!("the folder of traces {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.file_name();
        let name = file.to_str().and_then(|file| file.strip_suffix(ENDING));
        names.extend(name.map(str::to_owned));
    }
    if names.is_empty() {
        return Err(format!("{} has no file NAME{ENDING}", folder.display()).into());
    }
    names.sort_by_key(|name| name.to_lowercase());
    Ok(names)
}

fn read(folder: &Path, name: &str) -> Result<Trace, Box<dyn Error>> {
    let path = folder.join(format!("{name}{ENDING}"));
    let broken = |error: Box<dyn Error>| format!("the trace {}: {error}", path.display());
    let bytes = decompress(&path).map_err(broken)?;
    let (ids, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() || ids.is_empty() {
        let length = bytes.len();
        return Err(broken(format!("its {length} bytes are not u32 ids").into()).into());
    }
    let ids = ids.iter().map(|id| u32::from_le_bytes(*id));
    Ok(Trace::new(name, ids.collect()))
}

fn decompress(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    StreamingDecoder::new(BufReader::new(File::open(path)?))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use tempfile::TempDir;

    use super::*;

    type TestResult = Result<(), Box<dyn Error>>;

    fn folder(files: &[(&str, &[u8])]) -> Result<TempDir, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        for (file, bytes) in files {
            let packed = compress_to_vec(*bytes, CompressionLevel::Fastest);
            fs::write(folder.path().join(file), packed)?;
        }
        Ok(folder)
    }

    fn bytes(ids: &[u32]) -> Vec<u8> {
        ids.iter().flat_map(|id| id.to_le_bytes()).collect()
    }

    #[test]
    fn traces_are_read_by_name() -> TestResult {
        let (first, second) = (bytes(&[0, 1, 0, 2]), bytes(&[70_000, 5, 70_000]));
        let files: [(&str, &[u8]); 3] = [
            ("b.u32.zst", &second),
            ("a.u32.zst", &first),
            ("README.md", b"not a trace"),
        ];
        let folder = folder(&files)?;

        let traces = read_folder(folder.path(), |_| true)?;
        let names: Vec<_> = traces.iter().map(Trace::name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            (traces[0].ids(), traces[0].distinct()),
            (&[0, 1, 0, 2][..], 3)
        );
        assert_eq!((traces[1].ids(), traces[1].distinct()), (&[0, 1, 0][..], 2));

        let only = read_folder(folder.path(), |name| name == "b")?;
        assert_eq!(only, traces[1..]);
        Ok(())
    }

    #[test]
    fn many_requests_survive() -> TestResult {
        let ids: Vec<u32> = (0..100_000).map(|at| at % 777).collect();
        let folder = folder(&[("long.u32.zst", &bytes(&ids))])?;
        let traces = read_folder(folder.path(), |_| true)?;
        assert_eq!(traces, [Trace::new("long", ids)]);
        assert_eq!(traces[0].distinct(), 777);
        Ok(())
    }

    #[test]
    fn failures_name_the_path() -> TestResult {
        let empty = folder(&[])?;
        let missing = empty.path().join("missing");
        let cut = folder(&[("cut.u32.zst", &[1, 2, 3])])?;
        let plain = folder(&[])?;
        fs::write(plain.path().join("plain.u32.zst"), b"text")?;

        let folders = [&missing, empty.path(), cut.path(), plain.path()];
        let places = ["missing", "has no file", "cut.u32.zst", "plain.u32.zst"];
        for (folder, place) in folders.into_iter().zip(places) {
            let error = read_folder(folder, |_| true).err();
            let message = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains(place), "{place}: {message:?}");
        }
        Ok(())
    }
}
