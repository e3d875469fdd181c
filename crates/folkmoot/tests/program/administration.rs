//! Accounts and invitations, with a running server and without.

use crate::running::{Folder, Server, add_account, failed, run, run_with, said};

#[test]
fn accounts_are_made_and_changed_while_the_server_runs() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    assert_eq!(server.get("/@romeo").0, 404);
    let added = said(&add_account(&folder, "Romeo@localhost", &[]));
    assert!(added.contains("romeo@localhost can sign in"), "{added}");
    assert_eq!(server.get("/@romeo").0, 200);
    assert!(failed(&add_account(&folder, "romeo@localhost", &[])).contains("taken"));
    let list = || said(&run(&folder, &["account", "list"]));
    assert_eq!(list(), "romeo@localhost  active\n");
    for (change, listed) in [
        ("disable", "disabled"),
        ("enable", "active"),
        ("approve", "active"),
    ] {
        said(&run(&folder, &["account", change, "romeo@localhost"]));
        assert_eq!(list(), format!("romeo@localhost  {listed}\n"));
    }
    said(&run_with(
        &folder,
        &["account", "passwd", "romeo@localhost", "--password-stdin"],
        "new words\n",
    ));
    let link = said(&run(&folder, &["invite", "--uses", "2", "--expires", "12h"]));
    assert!(
        link.starts_with(&format!("http://localhost:{}/invite/", server.port("http"))),
        "{link}"
    );
    assert!(link.contains("good for 2 people within 12 hours"), "{link}");
    said(&run(&folder, &["account", "delete", "romeo@localhost"]));
    // The name is retired, now and after the sweep.
    assert!(failed(&add_account(&folder, "romeo@localhost", &[])).contains("taken"));
    assert!(server.stop().0.success());
}

#[test]
fn invitations_are_printed_with_what_they_make() {
    let folder = Folder::new();
    said(&add_account(&folder, "juliet@localhost", &[]));
    let invite = |more: &[&str]| run(&folder, &[&["invite"][..], more].concat());
    for running in [false, true] {
        let server = running.then(|| Server::start(&folder, &[]));
        let text = said(&invite(&["--from", "Juliet@localhost", "--expires", "1d"]));
        let lines: Vec<&str> = text.lines().collect();
        let token = lines[0].rsplit('/').next().unwrap();
        assert_eq!(
            lines[1..],
            [
                format!("xmpp:juliet@localhost?roster;preauth={token};ibr=y").as_str(),
                "good for one person within 1 day"
            ]
        );
        if let Some(server) = &server {
            let (status, page) = server.get(&format!("/invite/{token}"));
            assert_eq!(status, 200);
            let is_built = !page.contains("was not built into this program");
            assert!(
                !is_built || page.contains("content=\"juliet@localhost\""),
                "{page}"
            );
        }
        let text = said(&invite(&["--account-only", "--from", "juliet@localhost"]));
        assert!(text.contains("\nxmpp:localhost?register;preauth="), "{text}");
        let name = if running { "romeo" } else { "Nurse" };
        let text = said(&invite(&["--name", name]));
        let local = name.to_lowercase();
        assert!(
            text.contains(&format!("\nxmpp:{local}@localhost?register;preauth=")),
            "{text}"
        );
        assert!(failed(&invite(&["--name", name])).contains("taken"));
        assert!(said(&invite(&["--qr"])).contains('▀'));
        assert!(failed(&invite(&["--name", "juliet"])).contains("taken"));
        assert!(failed(&invite(&["--name", "peter", "--uses", "2"])).contains("--uses"));
        assert!(failed(&invite(&["--from", "nobody@localhost"])).contains("no account"));
    }
    said(&run(&folder, &["account", "disable", "juliet@localhost"]));
    assert!(failed(&invite(&["--from", "juliet@localhost"])).contains("cannot sign in"));
    let error = failed(&invite(&["--set", "registration.policy=closed"]));
    assert!(error.contains("registration.policy"), "{error}");
}

#[test]
fn the_same_works_without_a_server() {
    let folder = Folder::new();
    said(&add_account(&folder, "juliet@localhost", &["--admin"]));
    assert_eq!(
        said(&run(&folder, &["account", "list"])),
        "juliet@localhost  active  administrator\n"
    );
    let server = Server::start(&folder, &[]);
    assert!(!server.greeting.contains("/welcome/"));
    assert_eq!(server.get("/@juliet").0, 200);
}

#[test]
fn many_accounts_are_listed_page_by_page() {
    let folder = Folder::new();
    let domains = [
        "--set",
        "domains=[localhost, other.example]",
        "--set",
        "passwords.scram_rounds=4096",
    ];
    let server = Server::start(&folder, &[&["--bind", "127.0.0.1"][..], &domains].concat());
    for (name, domain) in [("a", "localhost"), ("b", "other.example"), ("c", "localhost")] {
        said(&add_account(&folder, &format!("{name}@{domain}"), &domains));
    }
    let list = said(&run(&folder, &[&["account", "list"][..], &domains].concat()));
    assert_eq!(
        list,
        "a@localhost  active\nc@localhost  active\nb@other.example  active\n"
    );
    drop(server);
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    for (address, part) in [
        ("romeo", "NAME@DOMAIN"),
        ("@localhost", "not an address"),
        ("romeo@elsewhere.example", "serves localhost"),
        ("ro meo@localhost", "not an address"),
    ] {
        let error = failed(&add_account(&folder, address, &[]));
        assert!(error.contains(part), "{error}");
    }
    let error = failed(&run(&folder, &["account", "disable", "nobody@localhost"]));
    assert!(error.contains("no account nobody@localhost"), "{error}");
    let error = failed(&run_with(
        &folder,
        &["account", "add", "x@localhost", "--password-stdin"],
        "\n",
    ));
    assert!(error.contains("password is empty"), "{error}");
    let error = failed(&run(&folder, &["account", "add", "x@localhost"]));
    assert!(error.contains("--password-stdin"), "{error}");
    assert!(
        failed(&run(&folder, &["invite", "--domain", "elsewhere.example"])).contains("elsewhere.example")
    );
    drop(server);
}

#[test]
fn the_socket_survives_nonsense_and_is_its_owners_alone() {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let socket = folder.data().join("admin.sock");
    assert_eq!(
        std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let ask = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        // A line that is too long is cut off while it is written.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert!(ask(b"{}\n").contains("refused"));
    assert!(ask(b"\xff\xfe\n").contains("refused"));
    assert!(ask(b"{\"command\":\"account-list\",\"more\":1}\n").contains("refused"));
    assert_eq!(ask(&vec![b' '; 1 << 20]), "");
    assert_eq!(ask(b""), "");
    assert!(ask(b"{\"command\":\"account-list\",\"after\":null}\n").contains("accounts"));
    assert_eq!(server.get("/healthz").0, 200);
}
