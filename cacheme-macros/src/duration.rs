//! Durations as they are written in options: `"500ms"`, `"30s"`, `"1h30m"`.

/// How a duration is written, for messages.
pub(crate) const FORM: &str =
    "a duration is written like \"30s\", \"1h30m\" or \"10d\", with the units w, d, h, m, s and ms";

/// The units with their lengths in milliseconds, largest first.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// The milliseconds that `text` stands for, which aren't none, or what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    match parse_wait(text)? {
        0 => Err(format!("this is no time at all; {FORM}")),
        millis => Ok(millis),
    }
}

/// As [`parse`], of a time that may be none.
pub(crate) fn parse_wait(text: &str) -> Result<u64, String> {
    let refuse = |what: &str| Err(format!("{what}; {FORM}"));
    if text.is_empty() {
        return refuse("this is empty");
    }
    let mut total: u64 = 0;
    let mut larger: Option<usize> = None;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, behind) = split(rest, |c| c.is_ascii_digit());
        let (unit, behind) = split(behind, |c| !c.is_ascii_digit());
        if number.is_empty() {
            return refuse(&format!("there is no number before `{unit}`"));
        }
        if unit.is_empty() {
            return refuse(&format!("`{number}` has no unit"));
        }
        let Some(rank) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return refuse(&format!("`{unit}` is not a unit"));
        };
        if larger.is_some_and(|larger| larger >= rank) {
            return refuse(&format!(
                "`{number}{unit}` comes after a unit that is no larger"
            ));
        }
        let part = number
            .parse()
            .ok()
            .and_then(|n: u64| n.checked_mul(UNITS[rank].1));
        match part.and_then(|part| total.checked_add(part)) {
            Some(sum) => total = sum,
            None => return refuse(&format!("`{text}` is too long")),
        }
        larger = Some(rank);
        rest = behind;
    }
    Ok(total)
}

/// The start of `text` as far as `belongs` holds, and what is behind it.
fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_parts_largest_first() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("10d", 864_000_000),
            ("2w", 1_209_600_000),
            ("1w1d1h1m1s1ms", 694_861_001),
            ("0h1ms", 1),
            ("18446744073709551615ms", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(millis), "{text}");
        }
    }

    #[test]
    fn a_wait_may_be_none() {
        assert_eq!(parse_wait("0ms"), Ok(0));
        assert_eq!(parse_wait("1s"), Ok(1000));
        assert!(parse_wait("0").is_err());
    }

    #[test]
    fn refuses_the_rest_and_says_why() {
        for (text, why) in [
            ("", "this is empty"),
            ("0s", "this is no time at all"),
            ("30", "`30` has no unit"),
            ("1h30", "`30` has no unit"),
            ("s", "there is no number before `s`"),
            ("-1s", "there is no number before `-`"),
            ("1.5h", "`.` is not a unit"),
            ("1 h", "` h` is not a unit"),
            ("5M", "`M` is not a unit"),
            ("3y", "`y` is not a unit"),
            ("30m1h", "`1h` comes after a unit that is no larger"),
            ("1s1s", "`1s` comes after a unit that is no larger"),
            (
                "18446744073709551616ms",
                "`18446744073709551616ms` is too long",
            ),
            (
                "18446744073709551615ms1ms",
                "`1ms` comes after a unit that is no larger",
            ),
            ("99999999999999999w", "`99999999999999999w` is too long"),
            (
                "1s18446744073709551615ms",
                "`1s18446744073709551615ms` is too long",
            ),
        ] {
            assert_eq!(parse(text), Err(format!("{why}; {FORM}")), "{text}");
        }
    }
}
