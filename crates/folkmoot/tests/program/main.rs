//! The program as its operator meets it: started, asked, stopped, in processes of its own.

#![allow(clippy::unwrap_used)]

mod administration;
mod backups;
mod certificates;
mod errors;
mod garbage;
mod lan;
mod lifecycle;
mod running;
mod storage;
