#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// One exchange as published: mechanism, salt, client's and server's nonce, proof, verifier.
struct Vector {
    mechanism: Mechanism,
    salt: &'static str,
    client_nonce: &'static str,
    server_nonce: &'static str,
    proof: &'static str,
    verifier: &'static str,
}

const VECTORS: [Vector; 3] = [
    // RFC 5802 §5.
    Vector {
        mechanism: Mechanism::ScramSha1,
        salt: "QSXCR+Q6sek8bf92",
        client_nonce: "fyko+d2lbbFgONRv9qkxdawL",
        server_nonce: "3rfcNHYJY1ZVvWVs7j",
        proof: "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        verifier: "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    },
    // RFC 7677 §3.
    Vector {
        mechanism: Mechanism::ScramSha256,
        salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        proof: "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        verifier: "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    },
    // No RFC has one: computed with another implementation of PBKDF2 and HMAC.
    Vector {
        mechanism: Mechanism::ScramSha512,
        salt: "AAECAwQFBgcICQoLDA0ODw==",
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        proof: "Qxa4yOu8FcTQXPLMuExqs7mJfguWcDYEUP2UdTGLlxu1bYoLY74wxL/1WEtl9cmkSWbqd2yKn/jIaETmYiGr3Q==",
        verifier: "PY7oLephuZaTwBdG1qioEvXx2lsFO6oBgOn9VLddrIlkUD7lAa0l2Hn0XOkHzI7OmnNio+SaGwF1gTNH+oagoA==",
    },
];

fn first(mechanism: Mechanism, message: &str, binding: &ChannelBinding) -> Result<ScramFirst, SaslError> {
    ScramFirst::parse(mechanism, message.as_bytes(), binding)
}

fn keys(hash: Hash) -> ScramKeys {
    ScramKeys::derive(hash, "pencil", b"sixteen bytes ok".to_vec(), 2)
}

/// The client's side of §3, for what no published vector covers.
fn client_final(keys: &ScramKeys, password: &str, bare: &str, challenge: &str, gs2: &[u8]) -> String {
    let hash = keys.hash;
    let salted = hash.stretch(password, &keys.salt, keys.iterations);
    let client_key = hash.mac(&salted, b"Client Key");
    let nonce = challenge.split(',').next().unwrap();
    let without_proof = format!("c={},{nonce}", STANDARD.encode(gs2));
    let signature = hash.mac(
        &hash.digest(&client_key),
        format!("{bare},{challenge},{without_proof}").as_bytes(),
    );
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    format!("{without_proof},p={}", STANDARD.encode(proof))
}

#[test]
fn published_vectors() {
    for vector in VECTORS {
        let Vector {
            mechanism,
            salt,
            client_nonce,
            server_nonce,
            proof,
            verifier,
        } = vector;
        let keys = ScramKeys::derive(
            mechanism.hash().unwrap(),
            "pencil",
            STANDARD.decode(salt).unwrap(),
            4096,
        );
        assert!(keys.verify_password("pencil"));
        assert!(!keys.verify_password("Pencil"));
        let message = format!("n,,n=user,r={client_nonce}");
        let first = first(mechanism, &message, &ChannelBinding::default()).unwrap();
        assert_eq!(
            (first.username.as_str(), first.authzid.as_deref()),
            ("user", None)
        );
        let (state, challenge) = first.challenge(keys, server_nonce, None);
        assert_eq!(
            String::from_utf8(challenge).unwrap(),
            format!("r={client_nonce}{server_nonce},s={salt},i=4096")
        );
        let answer = format!("c=biws,r={client_nonce}{server_nonce},p={proof}");
        let success = state.finish(answer.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(success).unwrap(), format!("v={verifier}"));
    }
}

#[test]
fn channel_binding() {
    let offered = ChannelBinding {
        offered: true,
        exporter: Some(b"exported".to_vec()),
        end_point: None,
    };
    let plus = Mechanism::ScramSha256Plus;
    let keys = keys(Hash::Sha256);
    let bare = "n=user,r=abc";
    let run = |gs2: &str, sent: &[u8]| {
        let first = first(plus, &format!("{gs2}{bare}"), &offered)?;
        let (state, challenge) = first.challenge(keys.clone(), "def", None);
        let challenge = String::from_utf8(challenge).unwrap();
        state.finish(client_final(&keys, "pencil", bare, &challenge, sent).as_bytes())
    };
    assert!(run("p=tls-exporter,,", b"p=tls-exporter,,exported").is_ok());
    assert!(
        run(
            "p=tls-exporter,a=user@example.org,",
            b"p=tls-exporter,a=user@example.org,exported"
        )
        .is_ok()
    );
    // A man in the middle has another channel, or none.
    assert_eq!(
        run("p=tls-exporter,,", b"p=tls-exporter,,another"),
        Err(SaslError::NotAuthorized)
    );
    assert_eq!(run("p=tls-exporter,,", b"n,,"), Err(SaslError::NotAuthorized));
    assert_eq!(
        run("p=tls-server-end-point,,", b""),
        Err(SaslError::NotAuthorized),
        "not on this channel"
    );
    assert_eq!(
        run("p=tls-unique,,", b""),
        Err(SaslError::NotAuthorized),
        "not known"
    );
    assert_eq!(run("n,,", b"n,,"), Err(SaslError::MalformedRequest));
    assert_eq!(run("y,,", b"y,,"), Err(SaslError::MalformedRequest));
}

#[test]
fn downgrade_is_noticed() {
    let message = "y,,n=user,r=abc";
    let offered = ChannelBinding {
        offered: true,
        exporter: Some(vec![1]),
        end_point: None,
    };
    assert_eq!(
        first(Mechanism::ScramSha1, message, &offered).err(),
        Some(SaslError::NotAuthorized)
    );
    assert!(first(Mechanism::ScramSha1, message, &ChannelBinding::default()).is_ok());
    assert!(first(Mechanism::ScramSha1, "n,,n=user,r=abc", &offered).is_ok());
}

#[test]
fn first_messages() {
    let none = ChannelBinding::default();
    let parsed = first(Mechanism::ScramSha1, "n,a=j=2Cx@y,n=a=3Db=2Cc,r=abc,x=y", &none).unwrap();
    assert_eq!(
        (parsed.username.as_str(), parsed.authzid.as_deref()),
        ("a=b,c", Some("j,x@y"))
    );
    let long = format!("n,,n=user,r={}", "r".repeat(MAX_NONCE + 1));
    let huge = format!("n,,n=user,r=abc,x={}", "x".repeat(MAX_MESSAGE));
    for bad in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=user",
        "n,,n=,r=abc",
        "n,,r=abc,n=user",
        "n,,n=user,r=",
        "n,,n=user,r=a c",
        "n,,n=user,r=abc,",
        "n,,n=user,r=abc,x",
        "n,,n=user,r=abc,x=",
        "n,,n=us=er,r=abc",
        "n,,m=ext,n=user,r=abc",
        "n,x@y,n=user,r=abc",
        "n,a=,n=user,r=abc",
        "p,,n=user,r=abc",
        "p=,,n=user,r=abc",
        "p=tls-exporter,,n=user,r=abc",
        "q,,n=user,r=abc",
        &long,
        &huge,
    ] {
        assert_eq!(
            first(Mechanism::ScramSha1, bad, &none).err(),
            Some(SaslError::MalformedRequest),
            "{bad:?}"
        );
    }
    let bytes = ScramFirst::parse(Mechanism::ScramSha1, b"n,,n=\xFF,r=abc", &none);
    assert_eq!(bytes.err(), Some(SaslError::MalformedRequest));
    assert_eq!(
        first(Mechanism::Plain, "n,,n=user,r=abc", &none).err(),
        Some(SaslError::InvalidMechanism)
    );
}

#[test]
fn final_messages() {
    let keys = keys(Hash::Sha1);
    let bare = "n=user,r=abc";
    let answer = |answer: &dyn Fn(&str) -> String| {
        let first = first(
            Mechanism::ScramSha1,
            &format!("n,,{bare}"),
            &ChannelBinding::default(),
        )
        .unwrap();
        let (state, challenge) = first.challenge(keys.clone(), "def", None);
        let challenge = String::from_utf8(challenge).unwrap();
        state.finish(answer(&client_final(&keys, "pencil", bare, &challenge, b"n,,")).as_bytes())
    };
    assert!(answer(&|good| good.to_owned()).is_ok());
    for (changed, error) in [
        (answer(&|_| String::new()), SaslError::MalformedRequest),
        (
            answer(&|good| good.replace(",p=", ",q=")),
            SaslError::MalformedRequest,
        ),
        (
            answer(&|good| good.replace("c=", "d=")),
            SaslError::MalformedRequest,
        ),
        (
            answer(&|good| good.replace(",p=", ",p=A")),
            SaslError::IncorrectEncoding,
        ),
        (
            answer(&|good| good.replace(",p=", ",p=AAAA")),
            SaslError::MalformedRequest,
        ),
        (
            answer(&|good| good.replace(",p=", ",x,p=")),
            SaslError::MalformedRequest,
        ),
        (
            answer(&|good| good.replace("abcdef", "abcdeg")),
            SaslError::NotAuthorized,
        ),
        (
            answer(&|good| good.replace("biws", "eSws")),
            SaslError::NotAuthorized,
        ),
        (
            answer(&|good| good.replace(",p=", ",x=y,p=")),
            SaslError::NotAuthorized,
        ),
    ] {
        assert_eq!(changed, Err(error));
    }
}

#[test]
fn a_proof_for_another_nonce_or_binding_is_refused_even_when_its_signature_fits() {
    // The keys' owner signs a message of its own choice: it still must be of this exchange.
    let keys = keys(Hash::Sha256);
    let bare = "n=user,r=abc";
    for (nonce, gs2) in [
        ("r=abcxyz", &b"n,,"[..]),
        ("r=abcdef", b"y,,"),
        ("r=abcdefg", b"n,,"),
    ] {
        let first = first(
            Mechanism::ScramSha256,
            &format!("n,,{bare}"),
            &ChannelBinding::default(),
        )
        .unwrap();
        let (state, challenge) = first.challenge(keys.clone(), "def", None);
        let challenge = String::from_utf8(challenge).unwrap();
        let salted = keys.hash.stretch("pencil", &keys.salt, keys.iterations);
        let client_key = keys.hash.mac(&salted, b"Client Key");
        let without_proof = format!("c={},{nonce}", STANDARD.encode(gs2));
        let signed = format!("{bare},{challenge},{without_proof}");
        let signature = keys.hash.mac(&keys.stored_key, signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let answer = format!("{without_proof},p={}", STANDARD.encode(proof));
        assert_eq!(state.finish(answer.as_bytes()), Err(SaslError::NotAuthorized));
    }
}

#[test]
fn nobody_has_a_stable_salt_and_no_password() {
    let keys = ScramKeys::of_nobody(Hash::Sha256, b"secret", "romeo", 2);
    assert_eq!(keys, ScramKeys::of_nobody(Hash::Sha256, b"secret", "romeo", 2));
    assert_eq!(keys.salt.len(), ScramKeys::SALT_LEN);
    assert_eq!(keys.stored_key.len(), self::keys(Hash::Sha256).stored_key.len());
    assert_ne!(keys.salt, stable_false_salt(Hash::Sha256, b"secret", "juliet"));
    assert_ne!(keys.salt, stable_false_salt(Hash::Sha256, b"other", "romeo"));
    assert_ne!(keys.salt, stable_false_salt(Hash::Sha1, b"secret", "romeo"));
    assert!(!keys.verify_password("pencil"));
    assert!(!keys.verify_password(""));
}

#[test]
fn secrets_stay_out_of_logs() {
    let keys = keys(Hash::Sha256);
    assert_eq!(
        format!("{keys:?}"),
        "ScramKeys { hash: Sha256, iterations: 2, .. }"
    );
}

#[test]
fn hash_names() {
    for hash in Hash::ALL {
        assert_eq!(Hash::from_name(hash.name()), Some(hash));
    }
    assert_eq!(Hash::from_name("MD5"), None);
}

proptest! {
    #[test]
    fn any_password_and_name_round_trips(
        password in "\\PC{1,24}",
        name in "[a-z=,]{1,12}",
        nonce in "[!-+\\--~]{1,30}",
        mechanism in prop::sample::select(vec![Mechanism::ScramSha1, Mechanism::ScramSha256, Mechanism::ScramSha512]),
    ) {
        let Ok(password) = prepare_password(&password) else { return Ok(()) };
        let keys = ScramKeys::derive(mechanism.hash().unwrap(), &password, vec![7; 16], 1);
        let bare = format!("n={},r={nonce}", name.replace('=', "=3D").replace(',', "=2C"));
        let first = first(mechanism, &format!("n,,{bare}"), &ChannelBinding::default()).unwrap();
        prop_assert_eq!(&first.username, &name);
        let (state, challenge) = first.challenge(keys.clone(), "server", None);
        let challenge = String::from_utf8(challenge).unwrap();
        let answer = client_final(&keys, &password, &bare, &challenge, b"n,,");
        prop_assert!(state.clone().finish(answer.as_bytes()).is_ok());
        let wrong = client_final(&keys, &format!("{password}x"), &bare, &challenge, b"n,,");
        prop_assert_eq!(state.finish(wrong.as_bytes()), Err(SaslError::NotAuthorized));
    }

    #[test]
    fn no_bytes_make_it_panic(message in prop::collection::vec(any::<u8>(), 0..80)) {
        let none = ChannelBinding::default();
        let _ = ScramFirst::parse(Mechanism::ScramSha1, &message, &none);
        let _ = super::super::Plain::parse(&message);
        let _ = super::super::OauthBearer::parse(&message);
        let first = first(Mechanism::ScramSha1, "n,,n=user,r=abc", &none).unwrap();
        let (state, _) = first.challenge(keys(Hash::Sha1), "def", None);
        prop_assert!(state.finish(&message).is_err());
    }
}
