//! Digests the files of a folder, and keeps the digests in memory and in a file behind it.
//!
//! Run it with `cargo run --release --example quickstart [FOLDER]`; it needs no server. The folder
//! is only read: the cache file, and a note that is digested with the rest, are in a temporary one.
//! After two passes the program starts itself again, so that a new process finds the cache file;
//! there it rewrites the note and goes over the files once more.

#![expect(clippy::print_stdout, reason = "the table is the output")]

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant, SystemTime};

use cacheme::{BoxError, Cacheme, Load, LoadContext, LoadResult};
use indicatif::{HumanBytes, HumanCount, ProgressBar};
use sha2::{Digest as _, Sha256};

const HELP: &str = "\
Digests the files of a folder through a cache, and shows what the cache saves.

Usage: quickstart [FOLDER]    (by default the workspace of cacheme)

Symbolic links, hidden folders and folders named `target` are left out.";

const TABLE: &str = "
                                           memory           disk
                    files      time    hits  misses    hits  misses   loads  digest";

/// Set in the second process, to the temporary folder.
const RESTARTED: &str = "CACHEME_QUICKSTART_RESTARTED";
/// The note in it.
const NOTE: &str = "note.txt";

/// A file with a certain content: once it changes, it is another node.
#[derive(Clone)]
#[cacheme::node(
    key = "digest:{path}:{modified}:{size}",
    caches(cache(storage = "memory"), cache(storage = "disk", ttl = "30d"))
)]
struct Digest {
    path: PathBuf,
    modified: SystemTime,
    size: u64,
}

#[derive(Clone, serde::Deserialize, serde::Serialize)]
struct Content {
    sha256: [u8; 32],
    lines: u64,
}

impl Load for Digest {
    type Value = Content;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<Content> {
        let path = self.path.clone();
        Ok(tokio::task::spawn_blocking(move || digest(&path)).await??)
    }
}

fn digest(path: &Path) -> io::Result<Content> {
    let mut file = File::open(path)?;
    let (mut sha256, mut lines) = (Sha256::new(), 0);
    let mut chunk = vec![0; 1 << 16];
    loop {
        let bytes = match file.read(&mut chunk)? {
            0 => break,
            read => &chunk[..read],
        };
        sha256.update(bytes);
        lines += bytes.split(|&byte| byte == b'\n').count() - 1;
    }
    Ok(Content {
        sha256: sha256.finalize().into(),
        lines: lines as u64,
    })
}

/// Files, and what is wrong with those that can't be read.
#[derive(Default)]
struct Listing {
    files: Vec<Digest>,
    unreadable: BTreeMap<PathBuf, String>,
}

impl Listing {
    fn add_folder(&mut self, folder: &Path) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name, kind) = (entry.path(), entry.file_name(), entry.file_type()?);
            let is_skipped = name == "target" || name.as_encoded_bytes().starts_with(b".");
            let added = match kind {
                kind if kind.is_dir() && !is_skipped => self.add_folder(&path),
                kind if kind.is_file() => self.add_file(&path),
                _ => Ok(()),
            };
            if let Err(error) = added {
                self.unreadable.insert(path, describe(&error));
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> io::Result<()> {
        // Opened, so that a file that may not be read shows here.
        let metadata = File::open(path)?.metadata()?;
        self.files.push(Digest {
            path: path.to_owned(),
            modified: metadata.modified()?,
            size: metadata.len(),
        });
        Ok(())
    }

    /// Gets the digests of all files, and prints what that took as a row of the table.
    async fn pass(&mut self, cache: &Cacheme, label: &str) -> (Duration, u64) {
        let (before, start) = (figures(cache), Instant::now());
        let bar = ProgressBar::new(self.files.len() as u64);
        let mut contents = Vec::with_capacity(self.files.len());
        for batch in self.files.chunks(64) {
            if let Ok(batch) = cache.get_all(batch.to_vec()).await {
                contents.extend(batch);
            } else {
                // One by one, so that a file that can't be read fails alone.
                for file in batch {
                    match cache.get(file.clone()).await {
                        Ok(content) => contents.push(content),
                        Err(error) => {
                            self.unreadable.insert(file.path.clone(), describe(&error));
                        }
                    }
                }
            }
            bar.inc(batch.len() as u64);
        }
        let took = start.elapsed();
        bar.finish_and_clear();
        print!("{label:<17} {:>7} {took:>9.1?}", contents.len());
        for (now, before) in figures(cache).iter().zip(before) {
            print!(" {:>7}", now - before);
        }
        let all = contents.iter().map(|content| content.sha256);
        let all = all.fold(Sha256::new(), Sha256::chain_update).finalize();
        println!("  {:02x}{:02x}{:02x}{:02x}", all[0], all[1], all[2], all[3]);
        (took, contents.iter().map(|content| content.lines).sum())
    }
}

/// Hits and misses in memory and on disk, and loads, since the cache was opened.
fn figures(cache: &Cacheme) -> Vec<u64> {
    let stats = cache.stats();
    let node = stats.node::<Digest>().expect("it is registered");
    let tiers = node.tiers().iter();
    let tiers = tiers.flat_map(|tier| [tier.hits(), tier.misses()]);
    tiers.chain([node.loads()]).collect()
}

async fn open(work: &Path) -> cacheme::Result<Cacheme> {
    let file = work.join("cache.redb");
    Cacheme::builder()
        .storage("memory", "local://tlfu?capacity=100000")
        .storage("disk", format!("file:{}", file.display()))
        .node::<Digest>()
        .load_timeout(Duration::from_secs(600))
        .build()
        .await
}

/// Closes the cache file when it returns, with what is to be said below the table.
#[tokio::main]
async fn first_process(work: &Path, listing: &mut Listing) -> Result<String, BoxError> {
    fs::write(work.join(NOTE), "a note\n")?;
    listing.add_file(&work.join(NOTE))?;
    let bytes = listing.files.iter().map(|file| file.size).sum::<u64>();
    let cache = open(work).await?;
    println!("{TABLE}");
    let (cold, lines) = listing.pass(&cache, "cold").await;
    let (warm, _) = listing.pass(&cache, "warm").await;
    let per_second = u128::from(bytes) * 1_000_000 / cold.as_micros().max(1);
    Ok(format!(
        "\n{} with {} lines: cold at {}/s, warm {:.0} times as fast",
        HumanBytes(bytes),
        HumanCount(lines),
        HumanBytes(u64::try_from(per_second)?),
        cold.as_secs_f64() / warm.as_secs_f64(),
    ))
}

/// Finds the cache file as the first process left it.
#[tokio::main]
async fn second_process(work: &Path, mut listing: Listing) -> Result<(), BoxError> {
    let cache = open(work).await?;
    listing.add_file(&work.join(NOTE))?;
    listing.pass(&cache, "after a restart").await;
    fs::write(work.join(NOTE), "a longer note\n")?;
    listing.files.pop();
    listing.add_file(&work.join(NOTE))?;
    listing.pass(&cache, "one file changed").await;
    Ok(())
}

fn run(folder: &Path) -> Result<(), BoxError> {
    let named = |error: io::Error| format!("{}: {error}", folder.display());
    let folder = fs::canonicalize(folder).map_err(named)?;
    let mut listing = Listing::default();
    listing.add_folder(&folder).map_err(named)?;
    if let Some(work) = env::var_os(RESTARTED) {
        return second_process(Path::new(&work), listing);
    }
    if listing.files.is_empty() {
        println!("there are no files in {}", folder.display());
    } else {
        let count = HumanCount(listing.files.len() as u64);
        println!(
            "{count} files in {}, and a note of the program's own",
            folder.display()
        );
        let work = tempfile::tempdir()?;
        let summary = first_process(work.path(), &mut listing)?;
        let mut again = Command::new(env::current_exe()?);
        let status = again.arg(&folder).env(RESTARTED, work.path()).status()?;
        if !status.success() {
            return Err(format!("the second process failed: {status}").into());
        }
        println!("{summary}");
    }
    if let Some((path, cause)) = listing.unreadable.first_key_value() {
        let count = listing.unreadable.len();
        let path = path.display();
        eprintln!("{count} could not be read, the first: {path}: {cause}");
    }
    Ok(())
}

/// An error and what it came from.
fn describe(error: &(dyn Error + 'static)) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", describe(source)),
        None => error.to_string(),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let outcome = match &arguments[..] {
        [] => run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")),
        [flag] if flag == "--help" || flag == "-h" => {
            println!("{HELP}");
            Ok(())
        }
        [folder] if !folder.as_encoded_bytes().starts_with(b"-") => run(Path::new(folder)),
        _ => Err("takes one folder at most; --help says more".into()),
    };
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    eprintln!("quickstart: {}", describe(&*error));
    ExitCode::from(2)
}
