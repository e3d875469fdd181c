//! Dates and times as text: XEP-0082's profile of ISO 8601, to and from milliseconds since 1970.
//!
//! Specification: [XEP-0082](https://xmpp.org/extensions/xep-0082.html) §3. It reads no clock and knows no zone but
//! UTC and the offsets that are written.

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The largest and smallest time that four digits of year can say.
const YEARS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// Writes milliseconds since 1970 as a DateTime in UTC: `1969-07-21T02:56:15Z`; fractions only where there are any.
/// Times beyond the years 0000 to 9999 become the nearest that can be said.
pub fn to_text(ms: i64) -> String {
    let ms = ms.clamp(*YEARS.start(), *YEARS.end());
    let (year, month, day) = civil(ms.div_euclid(DAY));
    let rest = ms.rem_euclid(DAY);
    let (hour, minute, second, fraction) = (
        rest / 3_600_000,
        rest / 60_000 % 60,
        rest / 1000 % 60,
        rest % 1000,
    );
    if fraction == 0 {
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    } else {
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
    }
}

/// The date alone, in UTC: `1969-07-21`.
pub fn date(ms: i64) -> String {
    let mut text = to_text(ms);
    text.truncate(10);
    text
}

/// Reads a DateTime with its zone, as milliseconds since 1970; what is finer than a millisecond is cut off, a leap
/// second is the next one. `None` if it is none.
pub fn parse(text: &str) -> Option<i64> {
    let bytes = text.trim_ascii().as_bytes();
    let (date_time, rest) = bytes.split_at_checked(19)?;
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T' | b't',
        h1,
        h2,
        b':',
        i1,
        i2,
        b':',
        s1,
        s2,
    ] = *date_time
    else {
        return None;
    };
    let year = number(&[y1, y2, y3, y4])?;
    let (month, day) = (number(&[m1, m2])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[i1, i2])?, number(&[s1, s2])?);
    let is_valid = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    if !is_valid {
        return None;
    }
    let (fraction, zone) = fraction(rest)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let ms = seconds * 1000 + fraction - offset(zone)?;
    YEARS.contains(&ms).then_some(ms)
}

/// The value of a few digits; `None` if one of them is none.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + i64::from(digit - b'0'))
    })
}

/// `.sss`, of any length: its milliseconds and what follows.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let len = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    if len == 0 {
        return None;
    }
    let digit = |at: usize| if at < len { i64::from(digits[at] - b'0') } else { 0 };
    Some((digit(0) * 100 + digit(1) * 10 + digit(2), &digits[len..]))
}

/// `Z` or `±hh:mm`, in milliseconds.
fn offset(zone: &[u8]) -> Option<i64> {
    match *zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
            let ms = (hours * 60 + minutes) * 60_000;
            (hours <= 23 && minutes <= 59).then_some(if sign == b'-' { -ms } else { ms })
        }
        _ => None,
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts years from March, so that the leap day is a year's last, and in eras of 400 years, which are all of one
/// length (146,097 days).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_since_1970`]: year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-07-21T02:56:15Z", -14_159_025_000),
            ("2002-09-10T23:08:25Z", 1_031_699_305_000),
            ("2000-02-29T12:00:00.005Z", 951_825_600_005),
            ("0000-01-01T00:00:00Z", *YEARS.start()),
            ("9999-12-31T23:59:59.999Z", *YEARS.end()),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
            assert_eq!(to_text(ms), text);
        }
        assert_eq!(date(-14_159_025_000), "1969-07-21");
        assert_eq!(to_text(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(to_text(i64::MIN), "0000-01-01T00:00:00Z");
    }

    #[test]
    fn other_spellings() {
        for (text, same) in [
            ("1969-07-20T21:56:15-05:00", "1969-07-21T02:56:15Z"),
            ("2020-01-01T00:00:00+00:30", "2019-12-31T23:30:00Z"),
            ("2020-01-01T00:00:00.123456789Z", "2020-01-01T00:00:00.123Z"),
            ("2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00.500Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
            (" 2020-01-01t00:00:00z\n", "2020-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse(text).map(to_text).as_deref(), Some(same), "{text}");
        }
    }

    #[test]
    fn no_times() {
        for bad in [
            "",
            "2020-01-01",
            "2020-01-01T00:00:00",
            "2020-13-01T00:00:00Z",
            "2020-00-01T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2020-01-32T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:60:00Z",
            "2020-01-01T00:00:61Z",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00+1:00",
            "2020-01-01T00:00:00+24:00",
            "2020-01-01T00:00:00Zx",
            "20200101T00:00:00Z",
            "2020-01-01 00:00:00Z",
            "0000-01-01T00:00:00+00:01",
            "２020-01-01T00:00:00Z",
            "+020-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(ms in YEARS) {
            prop_assert_eq!(parse(&to_text(ms)), Some(ms));
        }

        #[test]
        fn any_text(text in "\\PC{0,40}") {
            parse(&text);
        }
    }
}
