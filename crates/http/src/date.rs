//! Moments as HTTP, feeds and people write them, all in UTC.

use store::Timestamp;

use crate::catalogue::Catalogue;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment in HTTP's form (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(at: Timestamp) -> String {
    let date = CivilTime::of(at);
    let weekday = DAYS[(at.0.div_euclid(86_400_000)).rem_euclid(7) as usize];
    format!(
        "{weekday}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        date.day,
        MONTHS[usize::from(date.month) - 1],
        date.year,
        date.hour,
        date.minute,
        date.second,
    )
}

/// Reads the one form that is still written; seconds since 1970.
pub(crate) fn read_http_date(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split([' ', ':']);
    let day: i64 = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year: i64 = parts.next()?.parse().ok()?;
    let [hour, minute, second] =
        [parts.next()?, parts.next()?, parts.next()?].map(|part| part.parse::<i64>().ok());
    if parts.next()? != "GMT" || !(1..=31).contains(&day) || !(1970..=9_999).contains(&year) {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + hour? * 3_600 + minute? * 60 + second?)
}

/// A moment in UTC, taken apart.
struct CivilTime {
    year: i64,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

impl CivilTime {
    /// The parts of a moment, by the proleptic Gregorian calendar.
    fn of(at: Timestamp) -> Self {
        let seconds = at.0.div_euclid(1_000);
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Years begin in March here, so that the leap day is a year's last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as u8,
            day: (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8,
            hour: (of_day / 3_600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
        }
    }
}

/// RFC 3339, as Atom and HTML want it.
pub(crate) fn iso(at: Timestamp) -> String {
    let CivilTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = CivilTime::of(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// For people: `6 Nov 1994, 08:49`.
pub(crate) fn for_people(at: Timestamp, text: &Catalogue) -> String {
    let CivilTime {
        year,
        month,
        day,
        hour,
        minute,
        ..
    } = CivilTime::of(at);
    format!(
        "{day} {} {year}, {hour:02}:{minute:02} UTC",
        text.months[usize::from(month) - 1]
    )
}

/// Days from 1970-01-01 to a date.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dates_go_both_ways() {
        let at = Timestamp(784_111_777_123);
        assert_eq!(http_date(at), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for second in (0..4_000_000_000_i64).step_by(7_654_321) {
            assert_eq!(
                read_http_date(&http_date(Timestamp(second * 1_000))),
                Some(second)
            );
        }
        for bad in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
        ] {
            assert_eq!(read_http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_form_says_the_same_moment() {
        let at = Timestamp(784_111_777_123);
        assert_eq!(iso(at), "1994-11-06T08:49:37Z");
        assert_eq!(for_people(at, &Catalogue::ENGLISH), "6 Nov 1994, 08:49 UTC");
        assert_eq!(iso(Timestamp(951_782_400_000)), "2000-02-29T00:00:00Z");
    }
}
