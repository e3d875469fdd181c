//! What tests share: a server in this process with a manual clock, transcripts that read like the
//! wire, a small client for the real binary, and a file system that forgets. Never shipped.

pub mod forgetful_vfs;
pub mod manual_clock;
pub mod plain_client;
pub mod transcript;
pub mod world;
