//! When a certificate is fetched: at two thirds of its life, and after failures ever more seldom. Pure: time is an argument.

use std::time::Duration;

use crate::certificates::Validity;

/// Pauses after the first, second… failure in a row; authorities count failures by the hour.
const PAUSES: [u64; 8] = [60, 300, 900, 3_600, 7_200, 14_400, 28_800, 43_200];
/// A wish to wait longer than this was written when the clock was wrong.
pub const LONGEST: Duration = Duration::from_secs(2 * 43_200);
/// However short a certificate's life, tries are not closer than this.
const SHORTEST: Duration = Duration::from_secs(60);
/// The fraction of a life by which renewals are spread, so that not everybody comes at once.
const SPREAD: u32 = 30;

/// When to renew: at two thirds of the life, up to a thirtieth of it earlier. `jitter` lies in 0..1000.
pub fn renewal(validity: Validity, jitter: u32) -> Duration {
    let life = validity.not_after.saturating_sub(validity.not_before);
    let early = life / SPREAD * jitter.min(1_000) / 1_000;
    validity.not_before + (life * 2 / 3).saturating_sub(early)
}

/// How long to wait after so many failures in a row, up to a fifth more by `jitter`; less when the certificate ends soon.
pub fn pause(failures: u32, left: Option<Duration>, jitter: u32) -> Duration {
    let index = usize::try_from(failures.saturating_sub(1))
        .unwrap_or(usize::MAX)
        .min(PAUSES.len() - 1);
    let usual = Duration::from_secs(PAUSES[index]);
    let usual = usual + usual / 5 * jitter.min(1_000) / 1_000;
    match left {
        Some(left) => usual.min((left / 4).max(SHORTEST)),
        None => usual,
    }
}

/// Whether the time has come, with a wish noted earlier bounded by what it can be.
pub fn is_due(now: Duration, renewal: Option<Duration>, not_before: Option<Duration>) -> bool {
    let is_paused = not_before.is_some_and(|next| now < next && next - now <= LONGEST);
    !is_paused && renewal.is_none_or(|renewal| renewal <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn life(days: u32) -> Validity {
        Validity {
            not_before: DAY * 1_000,
            not_after: DAY * (1_000 + days),
        }
    }

    #[test]
    fn renewal_comes_at_two_thirds_or_a_little_earlier() {
        assert_eq!(renewal(life(90), 0), DAY * 1_060);
        assert_eq!(renewal(life(90), 1_000), DAY * 1_057);
        assert!((DAY * 1_057..DAY * 1_060).contains(&renewal(life(90), 500)));
        assert_eq!(renewal(life(0), 0), DAY * 1_000);
    }

    #[test]
    fn pauses_grow_but_not_when_the_end_is_near() {
        let seconds = |failures, left, jitter| pause(failures, left, jitter).as_secs();
        assert_eq!(seconds(1, None, 0), 60);
        assert_eq!(seconds(1, None, 1_000), 72);
        assert_eq!(seconds(4, Some(DAY * 30), 0), 3_600);
        assert_eq!(seconds(100, Some(DAY * 30), 0), 43_200);
        assert_eq!(seconds(100, Some(DAY / 12), 0), 1_800);
        assert_eq!(seconds(100, Some(Duration::ZERO), 0), 60);
    }

    #[test]
    fn a_clock_set_back_neither_hurries_nor_blocks() {
        let renew = Some(DAY * 1_060);
        let hour = DAY / 24;
        assert!(is_due(DAY * 1_060, renew, None));
        // Back before the renewal that was just made: the new certificate decides, nothing is fetched again.
        assert!(!is_due(DAY * 1_000 - hour, renew, None));
        // A pause that ends in the far future was noted by a clock that ran ahead.
        assert!(!is_due(DAY * 1_060, renew, Some(DAY * 1_060 + hour)));
        assert!(is_due(DAY * 1_060, renew, Some(DAY * 1_100)));
        // No certificate, no pause.
        assert!(is_due(DAY, None, None));
    }
}
