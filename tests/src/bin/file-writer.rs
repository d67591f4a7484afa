//! Writes entries into the storage of a URL until it is killed, and says which writes were answered.
//!
//! The test that kills it looks afterwards whether they are there. Entry `n` has the key `n` and
//! the value `n`, repeated.

use std::env;
use std::io::{self, Write};
use std::sync::Arc;

use cacheme::{BoxError, Entry, Key};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = env::args().nth(1).ok_or("usage: file-writer URL")?;
    let file = cacheme::storage::open(&url).await?;
    let (answered, mut answers) = mpsc::channel(1);
    for task in 0..16 {
        let (file, answered) = (Arc::clone(&file), answered.clone());
        tokio::spawn(async move {
            for number in (task..).step_by(16) {
                let value = format!("{number} ").repeat(50);
                let entry = Entry::new(Key::new(number.to_string()), value);
                let outcome = file.put_many(&[entry]).await;
                if answered.send(outcome.map(|()| number)).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(answered);
    let mut out = io::stdout();
    while let Some(outcome) = answers.recv().await {
        let number: u64 = outcome?;
        writeln!(out, "{number}")?;
        out.flush()?;
    }
    Ok(())
}
