//! A disk that takes no more, and a folder that may not be written: told, survived, and nothing lost.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use testkit::plain_client::{ClientError, PlainClient, item_ids};

use crate::running::{Folder, Server, failed, program};

const DEV: [&str; 4] = ["--dev", "--domain", "localhost", "--bind=127.0.0.1"];

/// How large files of the process may get from now on, in bytes. Beyond that every write fails, as on a full disk.
fn limit_files(server: &Server, limit: &str) {
    let done = Command::new("prlimit")
        .args([
            format!("--pid={}", server.id()),
            format!("--fsize={limit}:unlimited"),
        ])
        .status()
        .unwrap();
    assert!(done.success());
}

fn sign_in(server: &Server, name: &str) -> PlainClient {
    PlainClient::sign_in(server.address(), name, "secret", "test").unwrap()
}

fn post(client: &mut PlainClient, id: &str) -> Result<(), ClientError> {
    let publish = format!(
        "<iq type='set' id='{id}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <publish node='urn:xmpp:microblog:0'><item id='{id}'><entry xmlns='http://www.w3.org/2005/Atom'>\
         <title>{id} #disk</title></entry></item></publish></pubsub></iq>"
    );
    client.ask(id, &publish).map(drop)
}

/// The ids of a node's items.
fn items(client: &mut PlainClient, at: &str, node: &str) -> Vec<String> {
    let query = format!(
        "<iq type='get' id='items' to='{at}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <items node='{node}'/></pubsub></iq>"
    );
    item_ids(&client.ask("items", &query).unwrap())
}

/// What arrives until something of it holds the words, that included.
fn wait_for(client: &mut PlainClient, words: &str) -> String {
    let mut came = String::new();
    while !came.contains(words) {
        let next = client.take();
        let next = next.unwrap_or_else(|error| panic!("{words} did not come: {error}; this came: {came}"));
        came.push_str(&String::from_utf8_lossy(next.bytes()));
    }
    came
}

#[test]
fn a_full_disk_is_told_and_survived() {
    let folder = Folder::new();
    let server = Server::start(&folder, &DEV);
    for name in ["juliet", "romeo"] {
        PlainClient::register(server.address(), name, "secret").unwrap();
    }
    let (mut juliet, mut romeo) = (sign_in(&server, "juliet"), sign_in(&server, "romeo"));
    romeo
        .ask(
            "follow",
            "<iq type='set' id='follow' to='juliet@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <subscribe node='urn:xmpp:microblog:0' jid='romeo@localhost'/></pubsub></iq>",
        )
        .unwrap();
    romeo.send("<presence/>").unwrap();
    wait_for(&mut romeo, "<presence");
    post(&mut juliet, "before").unwrap();
    wait_for(&mut romeo, "<item id='before'");
    assert_eq!(server.get("/healthz").0, 200);

    limit_files(&server, "0");
    let refused = post(&mut juliet, "lost").unwrap_err().to_string();
    assert!(refused.contains("<internal-server-error "), "{refused}");
    assert_eq!(server.get("/healthz").0, 503);
    // From now on a post is stored first; nobody is told of what cannot be.
    for id in ["lost-too", "lost-again"] {
        assert!(post(&mut juliet, id).is_err());
    }
    let refused = PlainClient::register(server.address(), "nurse", "secret");
    assert!(refused.is_err(), "an account cannot be made");
    // So it is with a message that archives are to have: its sender is told.
    let kept = "<message to='romeo@localhost/test' type='chat' id='kept'><body>lost-words</body></message>";
    juliet.send(kept).unwrap();
    let refused = wait_for(&mut juliet, "id='kept'");
    assert!(refused.contains("<internal-server-error "), "{refused}");
    // What needs no disk goes on, for those who are here and for those who come.
    juliet
        .send(
            "<message to='romeo@localhost/test' type='chat'><body>Art thou there?</body>\
             <no-store xmlns='urn:xmpp:hints'/></message>",
        )
        .unwrap();
    let came = wait_for(&mut romeo, "Art thou there?");
    assert!(!came.contains("lost-"), "{came}");
    if came.contains("<item id='lost'") && !came.contains("<retract id='lost'/>") {
        // The first one was delivered before it was known; it is taken back.
        wait_for(&mut romeo, "<retract id='lost'/>");
    }
    let mut again = PlainClient::sign_in(server.address(), "juliet", "secret", "again").unwrap();
    assert_eq!(
        items(&mut again, "juliet@localhost", "urn:xmpp:microblog:0"),
        ["before"]
    );
    assert_eq!(server.get("/@juliet").0, 200);

    limit_files(&server, "unlimited");
    post(&mut juliet, "after").unwrap();
    wait_for(&mut romeo, "<item id='after'");
    assert_eq!(server.get("/healthz").0, 200);
    PlainClient::register(server.address(), "nurse", "secret").unwrap();

    // And so it is on the disk.
    server.kill();
    let server = Server::start(&folder, &DEV);
    let mut romeo = sign_in(&server, "romeo");
    assert_eq!(
        items(&mut romeo, "juliet@localhost", "urn:xmpp:microblog:0"),
        ["before", "after"]
    );
    assert_eq!(items(&mut romeo, "pubsub.localhost", "tag/disk").len(), 2);
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
}

#[test]
fn a_disk_that_is_full_at_the_start_is_told() {
    let folder = Folder::new();
    let limited = |folder: &Folder| {
        let inner = program(folder, &["serve"]);
        // The shell's signal is not the program's: what is ignored stays so.
        let script = "ulimit -f 0; trap '' XFSZ; exec \"$0\" serve";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(inner.get_program());
        for (name, value) in inner.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.current_dir(folder.join("")).output().unwrap()
    };
    let error = failed(&limited(&folder));
    assert!(error.contains("folkmoot.db"), "{error}");
    // With room, nothing of the try is in the way.
    Server::start(&folder, &[]).stop();
}

/// Runs the program without a superuser's right to write everywhere.
fn without_privilege(folder: &Folder, arguments: &[&str]) -> Output {
    let inner = program(folder, arguments);
    let whoami = Command::new("id").arg("-u").output().unwrap();
    let mut command = if whoami.stdout == b"0\n" {
        let mut command = Command::new("setpriv");
        command.arg("--bounding-set=-dac_override,-dac_read_search");
        command.arg(inner.get_program());
        command
    } else {
        Command::new(inner.get_program())
    };
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
        .args(arguments)
        .current_dir(folder.join(""))
        .output()
        .unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_read_only_folder_is_told_and_left_as_it_is() {
    let folder = Folder::new();
    Server::start(&folder, &[]).stop();
    let data = folder.data();
    let database = data.join("folkmoot.db");
    let before = std::fs::read(&database).unwrap();
    // The folder with all that is in it; the database alone; a new folder where none can be made.
    let everything: Vec<_> = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    everything.iter().for_each(|path| set_mode(path, 0o400));
    set_mode(&data, 0o500);
    let error = failed(&without_privilege(&folder, &["serve"]));
    assert!(
        error.contains("data") && error.contains("permission denied"),
        "{error}"
    );
    set_mode(&data, 0o700);
    everything.iter().for_each(|path| set_mode(path, 0o600));
    set_mode(&database, 0o400);
    let error = failed(&without_privilege(&folder, &["serve"]));
    assert!(error.contains("permission denied"), "{error}");
    set_mode(&folder.join(""), 0o500);
    let error = failed(&without_privilege(&folder, &["serve", "--data", "new"]));
    assert!(
        error.contains("new") && error.contains("Permission denied"),
        "{error}"
    );
    set_mode(&folder.join(""), 0o700);
    assert_eq!(std::fs::read(&database).unwrap(), before);
    set_mode(&database, 0o600);
    Server::start(&folder, &[]).stop();
}
