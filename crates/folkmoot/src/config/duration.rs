//! Spans of time as people write them: `90s`, `30m`, `12h`, `7d`, `2w`.

use std::time::Duration;

/// Reads a number with one unit; `None` when it is anything else, zero, or beyond ten years.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let seconds_each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    let seconds = number.checked_mul(seconds_each)?;
    (1..=10 * 366 * 86_400)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

/// The span in its largest whole unit, for people.
pub fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    for (unit, each) in [("day", 86_400), ("hour", 3_600), ("minute", 60)] {
        if seconds >= each && seconds.is_multiple_of(each) {
            let number = seconds / each;
            return format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
        }
    }
    format!("{seconds} seconds")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_each_unit() {
        assert_eq!(parse_duration("7d").unwrap().as_secs(), 604_800);
        assert_eq!(parse_duration("1w"), parse_duration("7d"));
        assert_eq!(parse_duration(" 90s ").unwrap().as_secs(), 90);
        for bad in ["", "d", "7", "-1d", "0h", "7 d", "7é", "99999999999w", "20000d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn says_the_largest_whole_unit() {
        assert_eq!(in_words(Duration::from_secs(604_800)), "7 days");
        assert_eq!(in_words(Duration::from_secs(3_600)), "1 hour");
        assert_eq!(in_words(Duration::from_secs(90)), "90 seconds");
    }
}
