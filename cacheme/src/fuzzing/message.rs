//! What comes over a bus: it means what was told, or nothing, upon which all is dropped.

use super::input::Input;
use crate::bus::Message;

/// Reads an arbitrary text, and what was written for a message.
///
/// # Panics
///
/// When it means something else.
pub fn message(data: &[u8]) {
    let mut input = Input::new(data);
    let is_text = input.below(2) == 0;
    if is_text {
        let text = String::from_utf8_lossy(input.rest());
        if let Some((origin, message)) = Message::read(&text) {
            is_carried(origin, &message);
        }
        return;
    }
    let origin = input.word();
    let message = match input.below(4) {
        0 => Message::Everything,
        1 => Message::Ping,
        2 => Message::Tag(
            input.word(),
            String::from_utf8_lossy(input.rest()).into_owned(),
        ),
        _ => {
            let is_told = input.below(2) == 0;
            let mut digests = Vec::new();
            while !input.is_empty() {
                digests.push(input.word());
            }
            if is_told {
                Message::Keys(digests)
            } else {
                Message::Changed(digests)
            }
        }
    };
    is_carried(origin, &message);
}

/// Looks that a message comes as it was told, in one text or in several.
fn is_carried(origin: u64, message: &Message) {
    let texts = message.texts(origin);
    let read = texts.iter().map(|text| {
        let (from, message) = Message::read(text).expect("it was written");
        assert_eq!(from, origin);
        message
    });
    let read: Vec<_> = read.collect();
    let (Message::Keys(told) | Message::Changed(told)) = message else {
        assert_eq!(read, std::slice::from_ref(message));
        return;
    };
    let heard = read.into_iter().flat_map(|read| match (read, message) {
        (Message::Keys(digests), Message::Keys(_))
        | (Message::Changed(digests), Message::Changed(_)) => digests,
        (other, _) => panic!("keys became {other:?}"),
    });
    assert!(heard.eq(told.iter().copied()));
}
