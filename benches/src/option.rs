//! The command line.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;

use crate::mix::Mix;
use crate::peer::Library;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Measures cacheme-tinylfu beside other caches.

usage: benches [COMMAND] [OPTIONS]

commands:
  all                 everything below; this is what runs without a command
  hitratio [FOLDER]   hit ratios on the traces in FOLDER, else in $CACHEME_TRACES, else on synthetic ones
  throughput          operations a second by mix and number of threads
  memory              heap bytes per entry, and entries over capacity
  latency             percentiles of a lookup and of an insert while another thread inserts

options:
  --library NAME      only this library; may be repeated
  --rounds N          rounds of throughput and latency, of which the median is taken (7)
  --only NAME         hitratio: only this trace
  --mix NAME          throughput: only this mix
  --threads N         throughput: only this number of threads
  --hot               throughput: all threads look up one single key, nothing else
  --keys KIND         throughput, latency: u64 or string (u64)
  --values KIND       throughput, latency: u64 or 1k (u64)
  --results FOLDER    where tables and charts go (benches/results; nowhere if an option other than
                      --rounds narrows or changes what is measured)
";

/// What is to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// All of the others.
    All,
    /// Hit ratios.
    HitRatio,
    /// Operations a second.
    Throughput,
    /// Bytes of the heap.
    Memory,
    /// Percentiles of single operations.
    Latency,
    /// Nothing: how to use the program is asked for.
    Help,
}

/// What keys are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keys {
    /// `u64`.
    #[default]
    Number,
    /// `String` of 25 bytes.
    Text,
}

/// What values are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Values {
    /// `u64`.
    #[default]
    Number,
    /// `Arc<[u8]>` of 1 KiB.
    Kibibyte,
}

/// The command and the options that were given.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What is to be measured.
    pub(crate) command: Command,
    /// The folder of traces, if one was named.
    pub(crate) traces: Option<PathBuf>,
    /// The only trace, if one was named.
    pub(crate) only: Option<String>,
    /// Of how many rounds the median is taken.
    pub(crate) rounds: usize,
    /// The only mix, if one was named.
    pub(crate) mix: Option<Mix>,
    /// The only number of threads, if it was given.
    pub(crate) threads: Option<usize>,
    /// What keys are.
    pub(crate) keys: Keys,
    /// What values are.
    pub(crate) values: Values,
    libraries: Vec<Library>,
    results: Option<PathBuf>,
}

impl Options {
    /// Of these arguments, without the program's name.
    ///
    /// # Errors
    ///
    /// If one isn't known, or lacks its value; the message says which there are.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut arguments = arguments.into_iter().peekable();
        let command = arguments.next_if(|argument| !argument.starts_with('-'));
        let mut options = Self {
            command: command.map_or(Ok(Command::All), |name| named_command(&name))?,
            traces: None,
            only: None,
            rounds: 7,
            mix: None,
            threads: None,
            keys: Keys::default(),
            values: Values::default(),
            libraries: Vec::new(),
            results: None,
        };
        if options.command == Command::HitRatio {
            let folder = arguments.next_if(|argument| !argument.starts_with('-'));
            options.traces = folder.map(PathBuf::from);
        }
        while let Some(name) = arguments.next() {
            options.set(&name, || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{name} needs a value"))
            })?;
        }
        Ok(options)
    }

    fn set(
        &mut self,
        name: &str,
        mut value: impl FnMut() -> Result<String, String>,
    ) -> Result<(), Box<dyn Error>> {
        match name {
            "--library" => self.libraries.push(named_library(&value()?)?),
            "--rounds" => self.rounds = count(name, &value()?)?,
            "--only" => self.only = Some(value()?),
            "--mix" => self.mix = Some(named_mix(&value()?)?),
            "--threads" => self.threads = Some(count(name, &value()?)?),
            "--hot" => self.mix = Some(Mix::OneKey),
            "--keys" => {
                let kinds = [("u64", Keys::Number), ("string", Keys::Text)];
                self.keys = kind(name, &value()?, kinds)?;
            }
            "--values" => {
                let kinds = [("u64", Values::Number), ("1k", Values::Kibibyte)];
                self.values = kind(name, &value()?, kinds)?;
            }
            "--results" => self.results = Some(PathBuf::from(value()?)),
            "--help" | "-h" => self.command = Command::Help,
            _ => return Err(format!("there is no option {name}; see --help").into()),
        }
        Ok(())
    }

    /// Whether the measurement is to be run.
    pub(crate) fn wants(&self, command: Command) -> bool {
        self.command == Command::All || self.command == command
    }

    /// The libraries that were named, or else all but `left_out`.
    pub(crate) fn libraries(&self, left_out: &[Library]) -> Vec<Library> {
        let named = |library: &Library| self.libraries.contains(library);
        let usual = |library: &Library| self.libraries.is_empty() && !left_out.contains(library);
        let wanted = |library: &Library| named(library) || usual(library);
        Library::ALL.into_iter().filter(wanted).collect()
    }

    /// Where the traces are, if anywhere.
    pub(crate) fn trace_folder(&self) -> Option<PathBuf> {
        let variable = || env::var_os("CACHEME_TRACES").filter(|folder| !folder.is_empty());
        self.traces
            .clone()
            .or_else(|| variable().map(PathBuf::from))
    }

    /// Where results go, if anywhere: what is no full measurement must not replace one.
    pub(crate) fn results(&self) -> Option<PathBuf> {
        let is_full = self.libraries.is_empty()
            && self.only.is_none()
            && self.mix.is_none()
            && self.threads.is_none()
            && self.keys == Keys::Number
            && self.values == Values::Number;
        let usual = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results");
        self.results.clone().or_else(|| is_full.then(usual))
    }
}

fn named_command(name: &str) -> Result<Command, Box<dyn Error>> {
    match name {
        "all" => Ok(Command::All),
        "hitratio" => Ok(Command::HitRatio),
        "throughput" => Ok(Command::Throughput),
        "memory" => Ok(Command::Memory),
        "latency" => Ok(Command::Latency),
        "help" => Ok(Command::Help),
        _ => Err(format!(
            "there is no command {name}, but all, hitratio, throughput, memory and latency"
        )
        .into()),
    }
}

fn named_library(name: &str) -> Result<Library, Box<dyn Error>> {
    let library = Library::ALL
        .into_iter()
        .find(|library| library.name() == name);
    let names = Library::ALL.map(Library::name).join(", ");
    library.ok_or_else(|| format!("there is no library {name}, but {names}").into())
}

fn named_mix(name: &str) -> Result<Mix, Box<dyn Error>> {
    let mix = Mix::TABLE.into_iter().find(|mix| mix.name() == name);
    let names = Mix::TABLE.map(Mix::name).join(", ");
    mix.ok_or_else(|| format!("there is no mix {name}, but {names}").into())
}

fn count(option: &str, text: &str) -> Result<usize, Box<dyn Error>> {
    let number = usize::from_str(text).ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{option} needs a number of at least 1, not {text}").into())
}

fn kind<T>(option: &str, text: &str, kinds: [(&str, T); 2]) -> Result<T, Box<dyn Error>> {
    let names = kinds.each_ref().map(|(name, _)| *name).join(" or ");
    let kind = kinds.into_iter().find(|(name, _)| *name == text);
    let kind = kind.map(|(_, kind)| kind);
    kind.ok_or_else(|| format!("{option} is {names}, not {text}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words = line.split_whitespace().map(str::to_owned);
        Options::parse(words).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_understood() -> Result<(), String> {
        let options = parse("hitratio some/folder --only P3 --library moka --library cacheme")?;
        assert_eq!(options.command, Command::HitRatio);
        assert_eq!(options.traces, Some(PathBuf::from("some/folder")));
        assert_eq!(options.only.as_deref(), Some("P3"));
        assert_eq!(options.libraries(&[]), [Library::Moka, Library::Cacheme]);
        assert_eq!(options.results(), None);

        let options = parse("--rounds 9")?;
        assert!(options.wants(Command::Memory));
        assert_eq!((options.command, options.rounds), (Command::All, 9));
        assert_eq!(options.libraries(&[Library::Lru]), Library::ALL[1..]);
        assert!(
            options
                .results()
                .is_some_and(|folder| folder.ends_with("results"))
        );

        let options = parse("throughput --mix 95/5 --threads 2 --keys string --values 1k")?;
        assert!(!options.wants(Command::Memory));
        assert_eq!(
            (options.mix, options.threads),
            (Some(Mix::Writes5), Some(2))
        );
        assert_eq!(
            (options.keys, options.values),
            (Keys::Text, Values::Kibibyte)
        );
        Ok(())
    }

    #[test]
    fn mistakes_say_what_there_is() {
        let mistakes = [
            ("hitrate", "hitratio"),
            ("throughput --library mokka", "moka"),
            ("throughput --mix reads", "read-only"),
            ("throughput --keys u32", "string"),
            ("--rounds 0", "at least 1"),
            ("--rounds", "needs a value"),
            ("--round 3", "--help"),
        ];
        for (line, hint) in mistakes {
            let message = parse(line).err().unwrap_or_default();
            assert!(message.contains(hint), "{line}: {message:?}");
        }
    }
}
