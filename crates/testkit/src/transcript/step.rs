//! The steps of a transcript, read from its text.

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `Given the accounts juliet, romeo`
    Accounts(Vec<String>),
    /// `Given the server tells of itself`, from its start on (XEP-0485).
    TellsOfItself,
    /// `Given romeo and juliet are contacts`: subscribed to each other's presence.
    Contacts(String, String),
    /// `Given romeo follows juliet`
    Follows(String, String),
    /// `Given juliet has posted ID: text`
    Posted {
        /// Who.
        who: String,
        /// The item's id.
        id: String,
        /// The post's text.
        text: String,
    },
    /// `juliet/balcony connects`: signed in and bound, no presence sent.
    Connects(String),
    /// `mallory opens a connection`: not even a stream is opened.
    Opens(String),
    /// `the endpoint TOKEN is pushed: TEXT`: by an app's server (UnifiedPush). What comes of it is asked for later, since it may
    /// depend on what the phone answers.
    Pushes {
        /// The endpoint's token, which may be a captured `{name}`.
        token: String,
        /// What is pushed.
        body: String,
    },
    /// `the push is OUTCOME`: what came of the last one, as the server calls it (`Delivered`, `Gone`, …).
    PushIs(String),
    /// `Given juliet is an administrator`
    Administrator(String),
    /// `irc.localhost connects as a component`: with the right handshake (XEP-0114).
    ConnectsAsComponent(String),
    /// `irc.localhost is turned away with CONDITION`: the same, and the server ends its stream with this error.
    TurnedAway(String, String),
    /// `irc.localhost opens a component's connection`: not even a stream is opened.
    OpensAsComponent(String),
    /// `juliet/balcony signs in`: authenticated and greeted with features, no resource bound.
    SignsIn(String),
    /// `juliet/balcony loses the connection`: it ends without a word, and the session waits for its client (XEP-0198).
    Loses(String),
    /// `juliet opens a stream`: says who she is, and the features are read.
    OpensStream(String),
    /// `juliet authenticates with SCRAM-SHA-256:`, or with `PLAIN`, or with `HT-SHA-256-NONE by TOKEN`, and asks for what is below
    /// it in the same `<authenticate/>` (XEP-0388). What comes of it is received; `{verifier}` in it is what the server
    /// must prove itself with.
    Authenticates {
        /// Who.
        who: String,
        /// The mechanism's name.
        mechanism: String,
        /// The token that is shown, where the mechanism takes one.
        token: Option<String>,
        /// What stands inside the element.
        block: String,
    },
    /// `juliet/balcony is cut off`: the server ends the connection without a word.
    CutOff(String),
    /// `juliet/balcony is online`: connects, sends presence, and what that brings is put aside.
    Online(String),
    /// `juliet is online and wants NODE`: the same with capabilities that announce `NODE+notify`.
    OnlineWanting(String, Vec<String>),
    /// `juliet sends:`
    Sends(String, String),
    /// `juliet receives:` these stanzas, in this order.
    Receives(String, String),
    /// `juliet receives decoded:` one element, its text taken out of base64.
    ReceivesDecoded(String, String),
    /// `juliet receives in any order:`
    ReceivesUnordered(String, String),
    /// `juliet is answered:` with this inside a result to her last request; `juliet is answered` with nothing inside.
    Answered(String, String),
    /// `juliet is refused: TYPE CONDITION`, and `unsupported=FEATURE` or another condition of XEP-0060's if there is
    /// one: her last stanza is answered with exactly this error.
    Refused(String, String),
    /// `juliet receives nothing`: all that had arrived was received.
    ReceivesNothing(String),
    /// `juliet leaves`: closes her stream and waits for the server's.
    Leaves(String),
    /// `juliet breaks off`: her connection ends without a word.
    BreaksOff(String),
    /// `juliet is disconnected with CONDITION`: the server ends her stream with this error.
    Disconnected(String, String),
    /// `juliet posts:` the body of a request to `/http-bind` (XEP-0124).
    Posts(String, String),
    /// `juliet gets back:` the answer to the oldest of her requests that has none yet.
    GetsBack(String, String),
    /// `juliet waits for an answer`: none of her requests is answered for now.
    Waits(String),
    /// `The server stops`: everybody is told to go.
    ServerStops,
    /// `The store holds its commits`
    StoreHolds,
    /// `The store commits`: what was held, and from now on at once.
    StoreCommits,
    /// `The next commit fails`
    NextCommitFails,
    /// `the clock is set back N seconds`
    ClockSetBack(u32),
    /// `N seconds pass`
    SecondsPass(u64),
}

/// A step and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// From 1.
    pub line: usize,
    /// What is to be done.
    pub step: Step,
}

/// Reads a transcript.
pub fn parse(text: &str) -> Result<Vec<Located>, String> {
    let mut steps = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            return Err(format!(
                "line {}: indented text belongs under a step that ends in ':'",
                number + 1
            ));
        }
        let mut block = String::new();
        while let Some((_, more)) = lines.next_if(|(_, l)| l.is_empty() || l.starts_with([' ', '\t'])) {
            block.push_str(more.trim());
            block.push('\n');
        }
        let step = step(line.trim_end(), block.trim())
            .ok_or_else(|| format!("line {}: what is {line:?}?", number + 1))?;
        steps.push(Located {
            line: number + 1,
            step,
        });
    }
    Ok(steps)
}

fn step(line: &str, block: &str) -> Option<Step> {
    let owned = str::to_owned;
    if line == "Given the server tells of itself" {
        return Some(Step::TellsOfItself);
    }
    if let Some(given) = line.strip_prefix("Given ") {
        if let Some(names) = given
            .strip_prefix("the accounts ")
            .or_else(|| given.strip_prefix("the account "))
        {
            return Some(Step::Accounts(
                names.split(',').map(|n| n.trim().to_owned()).collect(),
            ));
        }
        if let Some((one, other)) = given
            .strip_suffix(" are contacts")
            .and_then(|g| g.split_once(" and "))
        {
            return Some(Step::Contacts(owned(one), owned(other)));
        }
        if let Some(who) = given.strip_suffix(" is an administrator") {
            return Some(Step::Administrator(owned(who)));
        }
        if let Some((who, rest)) = given.split_once(" has posted ") {
            let (id, text) = rest.split_once(": ")?;
            return Some(Step::Posted {
                who: owned(who),
                id: owned(id),
                text: owned(text),
            });
        }
        let (who, whom) = given.split_once(" follows ")?;
        return Some(Step::Follows(owned(who), owned(whom)));
    }
    match line {
        "The server stops" => return Some(Step::ServerStops),
        "The store holds its commits" => return Some(Step::StoreHolds),
        "The store commits" => return Some(Step::StoreCommits),
        "The next commit fails" => return Some(Step::NextCommitFails),
        _ => {}
    }
    if let Some(rest) = line.strip_prefix("the endpoint ") {
        let (token, body) = rest.split_once(" is pushed: ")?;
        return Some(Step::Pushes {
            token: owned(token),
            body: owned(body),
        });
    }
    if let Some(outcome) = line.strip_prefix("the push is ") {
        return Some(Step::PushIs(owned(outcome)));
    }
    let set_back = line.strip_prefix("the clock is set back ");
    if let Some(count) = set_back.and_then(|rest| rest.strip_suffix(" seconds")) {
        return Some(Step::ClockSetBack(count.parse().ok()?));
    }
    if let Some(count) = line
        .strip_suffix(" seconds pass")
        .or_else(|| line.strip_suffix(" second passes"))
    {
        return Some(Step::SecondsPass(count.parse().ok()?));
    }
    let (who, what) = line.split_once(' ')?;
    let who = owned(who);
    if !block.is_empty() && !what.ends_with(':') {
        return None;
    }
    if let Some(nodes) = what.strip_prefix("is online and wants ") {
        return Some(Step::OnlineWanting(
            who,
            nodes.split(',').map(|n| n.trim().to_owned()).collect(),
        ));
    }
    if let Some(condition) = what.strip_prefix("is turned away with ") {
        return Some(Step::TurnedAway(who, owned(condition)));
    }
    if let Some(condition) = what.strip_prefix("is disconnected with ") {
        return Some(Step::Disconnected(who, owned(condition)));
    }
    if let Some(error) = what.strip_prefix("is refused: ") {
        return Some(Step::Refused(who, owned(error)));
    }
    if let Some(how) = what.strip_prefix("authenticates with ") {
        let how = how.strip_suffix(':').unwrap_or(how);
        let (mechanism, token) = match how.split_once(" by ") {
            None => (how, None),
            Some((mechanism, token)) => (mechanism, Some(owned(token))),
        };
        return Some(Step::Authenticates {
            who,
            mechanism: owned(mechanism),
            token,
            block: owned(block),
        });
    }
    Some(match what {
        "opens a stream" => Step::OpensStream(who),
        "connects" => Step::Connects(who),
        "opens a connection" => Step::Opens(who),
        "connects as a component" => Step::ConnectsAsComponent(who),
        "opens a component's connection" => Step::OpensAsComponent(who),
        "signs in" => Step::SignsIn(who),
        "loses the connection" => Step::Loses(who),
        "is cut off" => Step::CutOff(who),
        "is online" => Step::Online(who),
        "sends:" => Step::Sends(who, owned(block)),
        "receives:" => Step::Receives(who, owned(block)),
        "receives decoded:" => Step::ReceivesDecoded(who, owned(block)),
        "receives in any order:" => Step::ReceivesUnordered(who, owned(block)),
        "is answered" | "is answered:" => Step::Answered(who, owned(block)),
        "receives nothing" => Step::ReceivesNothing(who),
        "posts:" => Step::Posts(who, owned(block)),
        "gets back:" => Step::GetsBack(who, owned(block)),
        "waits for an answer" => Step::Waits(who),
        "leaves" => Step::Leaves(who),
        "breaks off" => Step::BreaksOff(who),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_with_their_blocks() {
        let text = "# a remark\nGiven the accounts juliet, romeo\nGiven juliet has posted one: Hello\n\
                    romeo/garden is online and wants a, b\njuliet sends:\n    <a/>\n\n    <b/>\nThe store commits\n";
        let steps: Vec<Step> = parse(text).unwrap().into_iter().map(|l| l.step).collect();
        assert_eq!(
            steps,
            [
                Step::Accounts(vec!["juliet".into(), "romeo".into()]),
                Step::Posted {
                    who: "juliet".into(),
                    id: "one".into(),
                    text: "Hello".into()
                },
                Step::OnlineWanting("romeo/garden".into(), vec!["a".into(), "b".into()]),
                Step::Sends("juliet".into(), "<a/>\n\n<b/>".into()),
                Step::StoreCommits,
            ]
        );
    }

    #[test]
    fn answers_and_refusals() {
        let text = "mallory opens a connection\njuliet is answered\njuliet is answered:\n    <a/>\njuliet is refused: auth forbidden\n";
        let steps: Vec<Step> = parse(text).unwrap().into_iter().map(|l| l.step).collect();
        assert_eq!(
            steps,
            [
                Step::Opens("mallory".into()),
                Step::Answered("juliet".into(), String::new()),
                Step::Answered("juliet".into(), "<a/>".into()),
                Step::Refused("juliet".into(), "auth forbidden".into()),
            ]
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_line() {
        assert_eq!(
            parse("\njuliet dances\n").unwrap_err(),
            "line 2: what is \"juliet dances\"?"
        );
        assert!(parse("  <iq/>").is_err());
        assert!(parse("juliet leaves\n   <iq/>\n").is_err());
    }
}
