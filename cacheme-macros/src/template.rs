//! Reads the text of `key = "..."`: literals and holes, before anything is known of the fields.

use std::fmt::Display;
use std::ops::Range;

/// A part of a template.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    /// Text that is written as it is, with `{{` and `}}` already single.
    Literal(String),
    /// The word between `{` and `}`, and where it stands, counted in characters.
    Hole { word: String, at: Range<usize> },
}

/// Something wrong in a template, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(at: Range<usize>, message: impl Display) -> Self {
        let message = message.to_string();
        Self { at, message }
    }

    /// The message with the template and a caret line under it, since on stable Rust a macro
    /// can't point into a literal.
    pub(crate) fn describe(&self, template: &str) -> String {
        if template.chars().any(char::is_control) {
            return self.message.clone();
        }
        let indent = " ".repeat(self.at.start);
        let carets = "^".repeat(self.at.len().max(1));
        format!("{}\n{template}\n{indent}{carets}", self.message)
    }
}

/// Takes `text` apart. Pieces are read on behind a fault, so that one run finds them all.
pub(crate) fn parse(text: &str) -> (Vec<Piece>, Vec<Fault>) {
    let chars: Vec<char> = text.chars().collect();
    let mut reader = Reader::default();
    let mut i = 0;
    while i < chars.len() {
        i = match (chars[i], chars.get(i + 1)) {
            ('{', Some('{')) | ('}', Some('}')) => {
                reader.literal(chars[i]);
                i + 2
            }
            ('{', _) => reader.hole(&chars, i),
            ('}', _) => {
                let message = "`}` closes nothing; write `}}` for a brace";
                reader.faults.push(Fault::new(i..i + 1, message));
                i + 1
            }
            (c, _) => {
                if c.is_control() {
                    let message = format!("the control character {c:?} can't stand here");
                    reader.faults.push(Fault::new(i..i + 1, message));
                }
                reader.literal(c);
                i + 1
            }
        };
    }
    (reader.pieces, reader.faults)
}

#[derive(Default)]
struct Reader {
    pieces: Vec<Piece>,
    faults: Vec<Fault>,
}

impl Reader {
    /// Adds a character of a literal.
    fn literal(&mut self, c: char) {
        if let Some(Piece::Literal(text)) = self.pieces.last_mut() {
            text.push(c);
        } else {
            self.pieces.push(Piece::Literal(c.to_string()));
        }
    }

    /// Reads the hole that opens at `open` and returns where to go on.
    fn hole(&mut self, chars: &[char], open: usize) -> usize {
        let inside = open + 1;
        let length = chars[inside..]
            .iter()
            .take_while(|c| !matches!(c, '{' | '}'))
            .count();
        let close = inside + length;
        if chars.get(close) != Some(&'}') {
            let message = "`{` is never closed; write `{{` for a brace";
            self.faults.push(Fault::new(open..inside, message));
            return close;
        }
        let inner: String = chars[inside..close].iter().collect();
        let (word, spec) = inner
            .split_once(':')
            .map_or((&*inner, None), |(word, spec)| (word, Some(spec)));
        if word.trim().is_empty() {
            let message = "this names no field; write `{field}`";
            self.faults.push(Fault::new(open..close + 1, message));
            return close + 1;
        }
        if spec.is_some() {
            let message = format!("there are no format specs here; write plain `{{{word}}}`");
            self.faults
                .push(Fault::new(inside + word.chars().count()..close, message));
        }
        let at = inside..inside + word.chars().count();
        self.pieces.push(Piece::Hole {
            word: word.to_owned(),
            at,
        });
        close + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    fn hole(word: &str, at: Range<usize>) -> Piece {
        Piece::Hole {
            word: word.to_owned(),
            at,
        }
    }

    #[test]
    fn takes_literals_and_holes_apart() {
        let (pieces, faults) = parse("usér:{user_id}:{0}");
        let expected = [
            literal("usér:"),
            hole("user_id", 6..13),
            literal(":"),
            hole("0", 16..17),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(faults, []);
        assert_eq!(parse(""), (vec![], vec![]));
    }

    #[test]
    fn double_braces_are_text() {
        let (pieces, faults) = parse("{{a}}{{{b}}}");
        assert_eq!(pieces, [literal("{a}{"), hole("b", 8..9), literal("}")]);
        assert_eq!(faults, []);
    }

    #[test]
    fn faults_say_where() {
        for (text, at, start) in [
            ("a{}b", 1..3, "this names no field"),
            ("a{ }", 1..4, "this names no field"),
            ("{:?}", 0..4, "this names no field"),
            (
                "{x:?}",
                2..4,
                "there are no format specs here; write plain `{x}`",
            ),
            ("{x", 0..1, "`{` is never closed"),
            ("{x{y}", 0..1, "`{` is never closed"),
            ("a}", 1..2, "`}` closes nothing"),
            ("a\nb", 1..2, "the control character '\\n'"),
        ] {
            let (_, faults) = parse(text);
            assert_eq!(faults.len(), 1, "{text}");
            assert_eq!(faults[0].at, at, "{text}");
            assert!(
                faults[0].message.starts_with(start),
                "{text}: {}",
                faults[0].message
            );
        }
        assert_eq!(parse("{x:?}{}}").1.len(), 3);
    }

    #[test]
    fn carets_stand_under_the_word() {
        let fault = Fault::new(2..4, "no");
        assert_eq!(fault.describe("a:{b}"), "no\na:{b}\n  ^^");
        assert_eq!(fault.describe("a\n{b}"), "no");
    }
}
