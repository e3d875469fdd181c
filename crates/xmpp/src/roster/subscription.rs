//! The presence subscription state machine as tables, RFC 6121 Appendix A, <https://www.rfc-editor.org/rfc/rfc6121#appendix-A>.
//!
//! Pure: it knows neither rosters nor stanzas. Who applies it also stores, pushes and routes what the step says.

/// The nine states of §A.1, seen from one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum State {
    /// Neither sees the other.
    None,
    /// We asked; no answer yet.
    NonePendingOut,
    /// The contact asked; we did not answer yet.
    NonePendingIn,
    /// Both asked.
    NonePendingOutIn,
    /// We see the contact.
    To,
    /// We see the contact, who asked to see us.
    ToPendingIn,
    /// The contact sees us.
    From,
    /// The contact sees us, and we asked.
    FromPendingOut,
    /// Each sees the other.
    Both,
}

/// The four presence types that manage subscriptions (§3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// A request.
    Subscribe,
    /// An approval.
    Subscribed,
    /// The end of one's own subscription.
    Unsubscribe,
    /// A refusal, or the end of the other's subscription.
    Unsubscribed,
}

impl Kind {
    /// From the `type` attribute of a presence.
    pub fn from_type(name: &str) -> Option<Kind> {
        match name {
            "subscribe" => Some(Kind::Subscribe),
            "subscribed" => Some(Kind::Subscribed),
            "unsubscribe" => Some(Kind::Unsubscribe),
            "unsubscribed" => Some(Kind::Unsubscribed),
            _ => None,
        }
    }

    /// The `type` attribute.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Subscribe => "subscribe",
            Kind::Subscribed => "subscribed",
            Kind::Unsubscribe => "unsubscribe",
            Kind::Unsubscribed => "unsubscribed",
        }
    }
}

/// What the tables say about one stanza in one state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Outbound: routed to the contact. Inbound: delivered to the user.
    pub passes: bool,
    /// The state afterwards.
    pub state: State,
}

const fn pass(state: State) -> Step {
    Step { passes: true, state }
}

const fn stop(state: State) -> Step {
    Step { passes: false, state }
}

/// §A.2: what the user's server does with a stanza that the user sends.
pub fn outbound(state: State, kind: Kind) -> Step {
    use State::*;
    match kind {
        // §A.2.1: always routed, so that a lost request can be repeated.
        Kind::Subscribe => pass(match state {
            None => NonePendingOut,
            NonePendingIn => NonePendingOutIn,
            From => FromPendingOut,
            NonePendingOut | NonePendingOutIn | To | ToPendingIn | FromPendingOut | Both => state,
        }),
        // §A.2.2
        Kind::Unsubscribe => pass(match state {
            NonePendingOut | To => None,
            NonePendingOutIn | ToPendingIn => NonePendingIn,
            FromPendingOut | Both => From,
            None | NonePendingIn | From => state,
        }),
        // §A.2.3: without a request it is a pre-approval and stays here (§3.4).
        Kind::Subscribed => match state {
            NonePendingIn => pass(From),
            NonePendingOutIn => pass(FromPendingOut),
            ToPendingIn => pass(Both),
            None | NonePendingOut | To | From | FromPendingOut | Both => stop(state),
        },
        // §A.2.4
        Kind::Unsubscribed => match state {
            NonePendingIn | From => pass(None),
            NonePendingOutIn | FromPendingOut => pass(NonePendingOut),
            ToPendingIn | Both => pass(To),
            None | NonePendingOut | To => stop(state),
        },
    }
}

/// §A.3: what the contact's server does with a stanza that arrives for the contact, here called the user.
pub fn inbound(state: State, kind: Kind) -> Step {
    use State::*;
    match kind {
        // §A.3.1: in From and Both the server answers `subscribed` by itself.
        Kind::Subscribe => match state {
            None => pass(NonePendingIn),
            NonePendingOut => pass(NonePendingOutIn),
            To => pass(ToPendingIn),
            NonePendingIn | NonePendingOutIn | ToPendingIn | From | FromPendingOut | Both => stop(state),
        },
        // §A.3.2
        Kind::Unsubscribe => match state {
            NonePendingIn | From => pass(None),
            NonePendingOutIn | FromPendingOut => pass(NonePendingOut),
            ToPendingIn | Both => pass(To),
            None | NonePendingOut | To => stop(state),
        },
        // §A.3.3
        Kind::Subscribed => match state {
            NonePendingOut => pass(To),
            NonePendingOutIn => pass(ToPendingIn),
            FromPendingOut => pass(Both),
            None | NonePendingIn | To | ToPendingIn | From | Both => stop(state),
        },
        // §A.3.4
        Kind::Unsubscribed => match state {
            NonePendingOut | To => pass(None),
            NonePendingOutIn | ToPendingIn => pass(NonePendingIn),
            FromPendingOut | Both => pass(From),
            None | NonePendingIn | From => stop(state),
        },
    }
}

impl State {
    /// Every state, in the order of §A.1.
    pub const ALL: [State; 9] = [
        State::None,
        State::NonePendingOut,
        State::NonePendingIn,
        State::NonePendingOutIn,
        State::To,
        State::ToPendingIn,
        State::From,
        State::FromPendingOut,
        State::Both,
    ];

    /// Whether we see the contact's presence.
    pub fn is_to(self) -> bool {
        matches!(self, State::To | State::ToPendingIn | State::Both)
    }

    /// Whether the contact sees our presence.
    pub fn is_from(self) -> bool {
        matches!(self, State::From | State::FromPendingOut | State::Both)
    }

    /// Whether we wait for the contact's answer (`ask='subscribe'`).
    pub fn is_pending_out(self) -> bool {
        matches!(
            self,
            State::NonePendingOut | State::NonePendingOutIn | State::FromPendingOut
        )
    }

    /// Whether the contact waits for ours.
    pub fn is_pending_in(self) -> bool {
        matches!(
            self,
            State::NonePendingIn | State::NonePendingOutIn | State::ToPendingIn
        )
    }

    /// The state made of its four facts; a pending request beside the subscription it asks for counts as answered.
    pub fn of(to: Sees, from: Sees) -> State {
        match (to, from) {
            (Sees::No, Sees::No) => State::None,
            (Sees::Asked, Sees::No) => State::NonePendingOut,
            (Sees::No, Sees::Asked) => State::NonePendingIn,
            (Sees::Asked, Sees::Asked) => State::NonePendingOutIn,
            (Sees::Yes, Sees::No) => State::To,
            (Sees::Yes, Sees::Asked) => State::ToPendingIn,
            (Sees::No, Sees::Yes) => State::From,
            (Sees::Asked, Sees::Yes) => State::FromPendingOut,
            (Sees::Yes, Sees::Yes) => State::Both,
        }
    }
}

/// One direction of a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sees {
    /// No subscription.
    No,
    /// Asked for, not answered.
    Asked,
    /// Subscribed.
    Yes,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The RFC's tables, one row a state in the order of §A.1: `+` passes, `-` does not, then the new state (`=` none).
    const OUTBOUND: [(Kind, [&str; 9]); 4] = [
        (
            Kind::Subscribe,
            [
                "+NonePendingOut",
                "+=",
                "+NonePendingOutIn",
                "+=",
                "+=",
                "+=",
                "+FromPendingOut",
                "+=",
                "+=",
            ],
        ),
        (
            Kind::Unsubscribe,
            [
                "+=",
                "+None",
                "+=",
                "+NonePendingIn",
                "+None",
                "+NonePendingIn",
                "+=",
                "+From",
                "+From",
            ],
        ),
        (
            Kind::Subscribed,
            [
                "-=",
                "-=",
                "+From",
                "+FromPendingOut",
                "-=",
                "+Both",
                "-=",
                "-=",
                "-=",
            ],
        ),
        (
            Kind::Unsubscribed,
            [
                "-=",
                "-=",
                "+None",
                "+NonePendingOut",
                "-=",
                "+To",
                "+None",
                "+NonePendingOut",
                "+To",
            ],
        ),
    ];
    const INBOUND: [(Kind, [&str; 9]); 4] = [
        (
            Kind::Subscribe,
            [
                "+NonePendingIn",
                "+NonePendingOutIn",
                "-=",
                "-=",
                "+ToPendingIn",
                "-=",
                "-=",
                "-=",
                "-=",
            ],
        ),
        (
            Kind::Unsubscribe,
            [
                "-=",
                "-=",
                "+None",
                "+NonePendingOut",
                "-=",
                "+To",
                "+None",
                "+NonePendingOut",
                "+To",
            ],
        ),
        (
            Kind::Subscribed,
            ["-=", "+To", "-=", "+ToPendingIn", "-=", "-=", "-=", "+Both", "-="],
        ),
        (
            Kind::Unsubscribed,
            [
                "-=",
                "+None",
                "-=",
                "+NonePendingIn",
                "+None",
                "+NonePendingIn",
                "-=",
                "+From",
                "+From",
            ],
        ),
    ];

    fn check(table: &[(Kind, [&str; 9])], step: fn(State, Kind) -> Step) {
        for (kind, rows) in table {
            for (state, row) in State::ALL.iter().zip(rows) {
                let got = step(*state, *kind);
                assert_eq!(got.passes, row.starts_with('+'), "{kind:?} in {state:?}");
                let expected = if &row[1..] == "=" {
                    format!("{state:?}")
                } else {
                    row[1..].to_owned()
                };
                assert_eq!(format!("{:?}", got.state), expected, "{kind:?} in {state:?}");
            }
        }
    }

    #[test]
    fn every_outbound_cell_is_the_rfcs() {
        check(&OUTBOUND, outbound);
    }

    #[test]
    fn every_inbound_cell_is_the_rfcs() {
        check(&INBOUND, inbound);
    }

    #[test]
    fn facts_and_states_agree() {
        for state in State::ALL {
            let sees = |is, asked| {
                if is {
                    Sees::Yes
                } else if asked {
                    Sees::Asked
                } else {
                    Sees::No
                }
            };
            let to = sees(state.is_to(), state.is_pending_out());
            let from = sees(state.is_from(), state.is_pending_in());
            assert_eq!(State::of(to, from), state);
        }
    }

    /// Whatever two servers exchange, without loss, both sides agree on who sees whom.
    #[test]
    fn two_sides_never_disagree() {
        let kinds = [
            Kind::Subscribe,
            Kind::Subscribed,
            Kind::Unsubscribe,
            Kind::Unsubscribed,
        ];
        let mut seen = std::collections::HashSet::from([(State::None, State::None)]);
        let mut open = vec![(State::None, State::None)];
        while let Some((a, b)) = open.pop() {
            assert_eq!(a.is_to(), b.is_from(), "{a:?} {b:?}");
            assert_eq!(a.is_from(), b.is_to(), "{a:?} {b:?}");
            for kind in kinds {
                for swap in [false, true] {
                    let (one, two) = if swap { (b, a) } else { (a, b) };
                    let sent = outbound(one, kind);
                    let two = if sent.passes {
                        inbound(two, kind).state
                    } else {
                        two
                    };
                    let next = if swap {
                        (two, sent.state)
                    } else {
                        (sent.state, two)
                    };
                    if seen.insert(next) {
                        open.push(next);
                    }
                }
            }
        }
        assert!(seen.contains(&(State::Both, State::Both)));
    }
}
